"""What one caller waits while others attack: `python -m benchmarks.attacks`.

A caller with a key identifies photos one after the other, first alone and then beside each attack.
The attackers run in separate processes with the lowest priority, since in reality they would have
machines of their own; whatever they make the service do counts.
"""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from benchmarks.attackers import ATTACKS, Target
from benchmarks.detection import enrol
from benchmarks.health import resident_mib
from benchmarks.load import OK, Load, ask_in_turn, endpoint_of, running_beside
from benchmarks.options import DetectorOption, OutOption
from benchmarks.requests import identify_requests, make_photos, percentiles_ms
from benchmarks.results import Figures, Results, Rounds, Row
from benchmarks.service import Service, checkouts, serving
from benchmarks.subjects import read_subjects

_ENROLLED = 40
_BOMB_SIDE_PX = 6300
_BOMB_SCANS = 250
_START_OF_SCAN, _END = b"\xff\xda", b"\xff\xd9"


def make_bomb() -> bytes:
    """A progressive JPEG whose last scan is repeated 250 times: 83 bytes each."""
    file = BytesIO()
    Image.new("RGB", (_BOMB_SIDE_PX, _BOMB_SIDE_PX), "gray").save(file, "JPEG", progressive=True)
    content = file.getvalue()
    scan = content[content.rindex(_START_OF_SCAN) : content.rindex(_END)]
    return content[: content.rindex(_END)] + scan * _BOMB_SCANS + _END


@contextmanager
def attacking(target: Target, name: str) -> Iterator[None]:
    """Attacks from another process, which has begun once this is entered."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.attackers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(pickle.dumps((target, name)))
            process.stdin.close()
            process.stdout.readline()
            yield
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class _Round:
    """Answers to the caller alone, and then beside an attack; times of health checks."""

    alone: Load
    beside: Load
    health_ms: float


def measure_beside(
    service: Service,
    requests: list[bytes],
    name: str,
    target: Target,
    seconds: float,
    rounds: int,
) -> Figures:
    """One attack, and what it did to the caller and to memory."""
    # The kernel's way of forgetting the peak so far.
    Path(f"/proc/{service.process_id}/clear_refs").write_text("5", encoding="ascii")
    found = [_ask_beside(service, requests, name, target, seconds) for _ in range(rounds)]
    alone = [percentiles_ms(each.alone.heard) for each in found]
    beside = [percentiles_ms(each.beside.heard) for each in found]
    answers = [one for each in found for one in each.beside.heard]
    return {
        "p50 alone, ms": Rounds([p50 for p50, _ in alone]),
        "p50, ms": Rounds([p50 for p50, _ in beside]),
        "p99 alone, ms": Rounds([p99 for _, p99 in alone]),
        "p99, ms": Rounds([p99 for _, p99 in beside]),
        "p99 / p99 alone": Rounds(
            [p99 / p99_alone for (_, p99), (_, p99_alone) in zip(beside, alone, strict=True)]
        ),
        "answered": len(answers),
        "answered 503 first": sum(one.refused for one in answers),
        "failed": sum(one.status != OK for one in answers),
        "/livez, ms": Rounds([each.health_ms for each in found]),
        "most memory, MiB": resident_mib(service, "VmHWM"),
    }


def _ask_beside(
    service: Service, requests: list[bytes], name: str, target: Target, seconds: float
) -> _Round:
    ask = partial(ask_in_turn, endpoint_of(service.url), requests, 1, seconds)
    with running_beside(ask) as caller:
        alone = caller.result()
    with attacking(target, name), running_beside(ask) as caller:
        beside = caller.result()
        health = service.http.get("/livez", headers={"Authorization": ""})
    return _Round(alone, beside, health.elapsed.total_seconds() * 1000)


def measure(
    detector: DetectorOption = "yunet",
    rounds: Annotated[int, typer.Option(help="Of each attack, with and without.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="That a caller asks.", min=1)] = 15.0,
    only: Annotated[
        list[str] | None, typer.Option(help="Attacks whose name contains this.")
    ] = None,
    out: OutOption = None,
) -> None:
    """Measure what a caller waits while others attack."""
    subjects = read_subjects()
    photos = make_photos(subjects)["one 24-px face"]
    results = Results(out, f"attacks-{detector}")
    rows = []
    (checkout,) = checkouts(None)
    with serving(checkout, detector) as service:
        enrol(service, subjects[:_ENROLLED])
        requests = identify_requests(service, photos)
        target = Target(
            service.url,
            endpoint_of(service.url),
            service.other_key,
            service.key.split("_")[1],
            photos[0],
            make_bomb(),
        )
        for name, (_, connections) in ATTACKS.items():
            if only and not any(word in name for word in only):
                continue
            figures = measure_beside(service, requests, name, target, seconds, rounds)
            rows.append(Row(f"{name}, {connections} connections", {checkout.name: figures}))
    results.add(f"A caller beside attacks ({detector})", rows)


if __name__ == "__main__":
    typer.run(measure)
