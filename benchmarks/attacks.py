"""What one caller waits while others attack: `python -m benchmarks.attacks`.

A caller with a key identifies photos one after the other, first alone and then beside each attack.
The attackers run in processes of their own with the lowest priority, since elsewhere they would
have machines of their own; whatever they make the service do counts.
"""

import asyncio
import itertools
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from benchmarks.detection import enrol
from benchmarks.health import resident_mib
from benchmarks.load import (
    OK,
    Endpoint,
    Load,
    ask_in_turn,
    connected,
    endpoint_of,
    request_bytes,
    running_beside,
)
from benchmarks.options import DetectorOption, OutOption
from benchmarks.requests import identify_requests, make_photos, percentiles_ms
from benchmarks.results import Figures, Results, Row
from benchmarks.service import Service, checkouts, serving
from benchmarks.subjects import read_subjects

_LOWEST_PRIORITY = 19
_JSON_BYTES = 99_000_000
_UPLOAD_BYTES = 90_000_000
_PIECE_BYTES = 1_000_000
_RETRY_S = 0.2
_BOMB_SIDE_PX = 6300
_BOMB_SCANS = 250
_START_OF_SCAN, _END = b"\xff\xda", b"\xff\xd9"

Step = Callable[[], Awaitable[None]]
"""What one attacking connection does again and again."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an attacker knows.

    Attributes:
        url: Of the service.
        endpoint: Likewise.
        key: Their own, which may identify and nothing else.
        known_id: The public half of somebody's key.
        photo: Any.
    """

    url: str
    endpoint: Endpoint
    key: str
    known_id: str
    photo: bytes


def large_json(target: Target) -> Step:
    """99 MB of JSON for an address that this key may not use."""
    head = _head(target, "POST", "/v1/admin/reload", "application/json", _JSON_BYTES)
    return partial(_send_slowly, target.endpoint, head, _JSON_BYTES, 0.0)


def unfinished_uploads(target: Target) -> Step:
    """90 MB of an upload whose end never comes."""
    kind = "multipart/form-data; boundary=b"
    head = _head(target, "POST", "/v1/identify", kind, _UPLOAD_BYTES + 1)
    part = b'--b\r\nContent-Disposition: form-data; name="photos"; filename="a"\r\n\r\n'
    return partial(_send_slowly, target.endpoint, head + part, _UPLOAD_BYTES - len(part), 60.0)


def keyless(target: Target) -> Step:
    """Questions about health, without a pause."""
    return partial(_ask_on_and_on, target.endpoint, request_bytes(target.url, "", "/readyz"))


def bogus_keys(target: Target) -> Step:
    """Keys that were never made."""
    key = f"fs_{secrets.token_hex(6)}_{secrets.token_hex(32)}"
    return partial(_ask_on_and_on, target.endpoint, request_bytes(target.url, key, "/v1/users"))


def wrong_secrets(target: Target) -> Step:
    """Secrets tried for a key that there is, each on a connection of its own."""
    key = f"fs_{target.known_id}_{secrets.token_hex(32)}"
    return partial(_ask_once, target.endpoint, request_bytes(target.url, key, "/v1/users"))


def half_sent_headers(target: Target) -> Step:
    """Connections that send a little, and later a little more."""
    return partial(_drip, target.endpoint)


def gone_callers(target: Target) -> Step:
    """Callers who send a photo and hang up."""
    request = request_bytes(target.url, target.key, "/v1/identify", target.photo)
    return partial(_send_and_go, target.endpoint, request)


def busy_key(target: Target) -> Step:
    """Another key that identifies as much as it can."""
    request = request_bytes(target.url, target.key, "/v1/identify", target.photo)
    return partial(_ask_on_and_on, target.endpoint, request)


def decoding_bomb(target: Target) -> Step:
    """A small file that takes long to decode."""
    request = request_bytes(target.url, target.key, "/v1/identify", make_bomb())
    return partial(_ask_on_and_on, target.endpoint, request)


ATTACKS: dict[str, tuple[Callable[[Target], Step], int]] = {
    "5: progressive JPEG of 250 scans": (decoding_bomb, 4),
    "6: 99 MB of JSON without the scope": (large_json, 8),
    "6: unfinished uploads of 90 MB": (unfinished_uploads, 30),
    "7: /readyz without a key": (keyless, 128),
    "7: keys that are none": (bogus_keys, 256),
    "7: wrong secrets of a key, new connections": (wrong_secrets, 64),
    "8: half-sent headers": (half_sent_headers, 1500),
    "8: callers who hang up": (gone_callers, 16),
    "9: a busy key": (busy_key, 64),
}
"""What each connection does, and how many there are."""


def make_bomb() -> bytes:
    """A progressive JPEG whose last scan comes 250 times more: 83 bytes each."""
    file = BytesIO()
    Image.new("RGB", (_BOMB_SIDE_PX, _BOMB_SIDE_PX), "gray").save(file, "JPEG", progressive=True)
    content = file.getvalue()
    scan = content[content.rindex(_START_OF_SCAN) : content.rindex(_END)]
    return content[: content.rindex(_END)] + scan * _BOMB_SCANS + _END


def attack(target: Target, name: str) -> None:
    """Goes on until the process is killed."""
    os.nice(_LOWEST_PRIORITY)
    make, connections = ATTACKS[name]
    asyncio.run(_attack(make(target), connections))


async def _attack(step: Step, connections: int) -> None:
    async def on_and_on() -> None:
        while True:
            try:
                await step()
            except (OSError, asyncio.IncompleteReadError):  # sent away: comes again
                await asyncio.sleep(_RETRY_S)

    await asyncio.gather(*(on_and_on() for _ in range(connections)))


def _head(target: Target, method: str, path: str, kind: str, length: int) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: service",
        f"Authorization: Bearer {target.key}",
        f"Content-Type: {kind}",
        f"Content-Length: {length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _send_slowly(endpoint: Endpoint, head: bytes, n_bytes: int, then_s: float) -> None:
    """Sends a body and stays until the service closes the connection or there is an answer."""
    reader, writer = await asyncio.open_connection(*endpoint)
    try:
        writer.write(head)
        for _ in range(n_bytes // _PIECE_BYTES):
            writer.write(b"a" * _PIECE_BYTES)
            await writer.drain()
        async with asyncio.timeout(then_s or None):
            await reader.read(1)
    finally:
        writer.close()


async def _ask_on_and_on(endpoint: Endpoint, request: bytes) -> None:
    async with connected(endpoint) as connection:
        while True:
            await connection.send(request)


async def _ask_once(endpoint: Endpoint, request: bytes) -> None:
    async with connected(endpoint) as connection:
        await connection.send(request)


async def _drip(endpoint: Endpoint) -> None:
    _, writer = await asyncio.open_connection(*endpoint)
    try:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: service\r\n")
        for number in itertools.count():
            writer.write(b"X-%d: 1\r\n" % number)
            await writer.drain()
            await asyncio.sleep(1)
    finally:
        writer.close()


async def _send_and_go(endpoint: Endpoint, request: bytes) -> None:
    _, writer = await asyncio.open_connection(*endpoint)
    writer.write(request)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def measure_beside(
    service: Service, requests: list[bytes], name: str, target: Target, seconds: float
) -> tuple[Figures, Load]:
    """One attack, and what it did to the caller and to memory."""
    ask = partial(ask_in_turn, endpoint_of(service.url), requests, 1, seconds)
    with running_beside(ask) as caller:
        alone = caller.result()
    # The kernel's way of forgetting the peak so far.
    Path(f"/proc/{service.process_id}/clear_refs").write_text("5", encoding="ascii")
    with running_beside(partial(attack, target, name)), running_beside(ask) as caller:
        beside = caller.result()
        health = service.http.get("/livez", headers={"Authorization": ""})
    (p50_alone, p99_alone), (p50, p99) = (percentiles_ms(load.heard) for load in (alone, beside))
    figures: Figures = {
        "p50 alone, ms": p50_alone,
        "p50, ms": p50,
        "p99 alone, ms": p99_alone,
        "p99, ms": p99,
        "p99 / p99 alone": p99 / p99_alone,
        "answered": len(beside.heard),
        "answered 503 first": sum(one.refused for one in beside.heard),
        "failed": sum(one.status != OK for one in beside.heard),
        "/livez, ms": health.elapsed.total_seconds() * 1000,
        "most memory, MiB": resident_mib(service, "VmHWM"),
    }
    return figures, beside


def measure(
    detector: DetectorOption = "yunet",
    seconds: Annotated[float, typer.Option(help="That a caller asks.", min=1)] = 15.0,
    only: Annotated[list[str] | None, typer.Option(help="Attacks whose name has this.")] = None,
    out: OutOption = None,
) -> None:
    """Measure what a caller waits while others attack."""
    subjects = read_subjects()
    photos = make_photos(subjects)["one 24-px face"]
    results = Results(out, f"attacks-{detector}")
    rows = []
    for name in ATTACKS:
        if only and not any(word in name for word in only):
            continue
        (checkout,) = checkouts(None)
        with serving(checkout, detector) as service:
            enrol(service, subjects)
            requests = identify_requests(service, photos)
            known_id = service.key.split("_")[1]
            endpoint = endpoint_of(service.url)
            target = Target(service.url, endpoint, service.other_key, known_id, photos[0])
            figures, _ = measure_beside(service, requests, name, target, seconds)
        rows.append(Row(f"{name}, {ATTACKS[name][1]} connections", {checkout.name: figures}))
        typer.echo(f"{rows[-1].case}: {figures}")
    results.add(f"A caller beside attacks ({detector})", rows)


if __name__ == "__main__":
    typer.run(measure)
