"""Attackers, in a separate process that imports next to nothing: see benchmarks.attacks.

Reads a pickled pair from stdin, target and name of the attack, and runs until it is killed.
"""

import asyncio
import itertools
import os
import pickle
import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.load import Endpoint, connected, request_bytes

_LOWEST_PRIORITY = 19
_JSON_BYTES = 99_000_000
_UPLOAD_BYTES = 90_000_000
_PIECE_BYTES = 1_000_000
_STAY_S = 60.0
_RETRY_S = 0.2
# Linux has all of 127.0.0.0/8, so attackers have other addresses than the caller.
_ELSEWHERE = ("127.0.0.2", 0)
_BEGIN_S = 2.0

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
        bomb: A small file that takes long to decode.
    """

    url: str
    endpoint: Endpoint
    key: str
    known_id: str
    photo: bytes
    bomb: bytes


def large_json(target: Target) -> Step:
    """99 MB of JSON for an address that this key may not use."""
    head = _head(target, "POST", "/v1/admin/reload", "application/json", _JSON_BYTES)
    return partial(_send_and_stay, target.endpoint, head, _JSON_BYTES)


def unfinished_uploads(target: Target) -> Step:
    """90 MB of an upload whose end never comes."""
    kind = "multipart/form-data; boundary=b"
    head = _head(target, "POST", "/v1/identify", kind, _UPLOAD_BYTES + 1)
    part = b'--b\r\nContent-Disposition: form-data; name="photos"; filename="a"\r\n\r\n'
    return partial(_send_and_stay, target.endpoint, head + part, _UPLOAD_BYTES - len(part))


def keyless(target: Target) -> Step:
    """Health checks, without a pause."""
    return partial(_ask_on_and_on, target.endpoint, request_bytes(target.url, "", "/readyz"))


def bogus_keys(target: Target) -> Step:
    """Keys that never existed."""
    key = f"fs_{secrets.token_hex(6)}_{secrets.token_hex(32)}"
    return partial(_ask_on_and_on, target.endpoint, request_bytes(target.url, key, "/v1/users"))


def wrong_secrets(target: Target) -> Step:
    """Secrets tried for an existing key, each on its own connection."""
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
    request = request_bytes(target.url, target.key, "/v1/identify", target.bomb)
    return partial(_ask_on_and_on, target.endpoint, request)


ATTACKS: dict[str, tuple[Callable[[Target], Step], int]] = {
    "5: progressive JPEG of 250 scans": (decoding_bomb, 4),
    "6: 99 MB of JSON without the scope": (large_json, 8),
    "6: unfinished uploads of 90 MB": (unfinished_uploads, 30),
    "7: /readyz without a key": (keyless, 128),
    "7: wrong keys": (bogus_keys, 256),
    "7: wrong secrets of a key, new connections": (wrong_secrets, 64),
    "8: half-sent headers": (half_sent_headers, 1500),
    "8: callers who hang up": (gone_callers, 16),
    "9: a busy key": (busy_key, 64),
}
"""What each connection does, and how many there are."""


def attack(target: Target, name: str) -> None:
    """Runs until the process is killed."""
    os.nice(_LOWEST_PRIORITY)
    make, connections = ATTACKS[name]
    asyncio.run(_attack_on_and_on(make(target), connections))


async def _attack_on_and_on(step: Step, connections: int) -> None:
    async def on_and_on() -> None:
        while True:
            try:
                await step()
            except (OSError, asyncio.IncompleteReadError, TimeoutError):  # sent away: it comes back
                await asyncio.sleep(_RETRY_S)

    tasks = [asyncio.create_task(on_and_on()) for _ in range(connections)]
    await asyncio.sleep(_BEGIN_S)
    sys.stdout.write("on\n")
    sys.stdout.flush()
    await asyncio.gather(*tasks)


def _head(target: Target, method: str, path: str, kind: str, length: int) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: service",
        f"Authorization: Bearer {target.key}",
        f"Content-Type: {kind}",
        f"Content-Length: {length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _send_and_stay(endpoint: Endpoint, head: bytes, n_bytes: int) -> None:
    """Sends a body and stays until there is an answer, or for a minute."""
    reader, writer = await asyncio.open_connection(*endpoint, local_addr=_ELSEWHERE)
    try:
        writer.write(head)
        for _ in range(n_bytes // _PIECE_BYTES):
            writer.write(b"a" * _PIECE_BYTES)
            await writer.drain()
        async with asyncio.timeout(_STAY_S):
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
    _, writer = await asyncio.open_connection(*endpoint, local_addr=_ELSEWHERE)
    try:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: service\r\n")
        for number in itertools.count():
            writer.write(b"X-%d: 1\r\n" % number)
            await writer.drain()
            await asyncio.sleep(1)
    finally:
        writer.close()


async def _send_and_go(endpoint: Endpoint, request: bytes) -> None:
    _, writer = await asyncio.open_connection(*endpoint, local_addr=_ELSEWHERE)
    writer.write(request)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


if __name__ == "__main__":
    attack(*pickle.load(sys.stdin.buffer))  # noqa: S301 - from the process that started this one
