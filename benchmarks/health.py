"""Health checks and memory of a busy service: `python -m benchmarks.health`."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.detection import enrol
from benchmarks.fuzz_images import decoder_processes
from benchmarks.load import (
    OK,
    Heard,
    Load,
    ask_at_once,
    ask_in_turn,
    ask_regularly,
    endpoint_of,
    request_bytes,
    running_beside,
)
from benchmarks.options import BaseOption, DetectorOption, OutOption
from benchmarks.requests import identify_requests, make_photos, percentiles_ms
from benchmarks.results import Figures, Results, Row
from benchmarks.scenes import WHOLE, as_jpeg, make_scene
from benchmarks.service import Checkout, Service, checkouts, serving
from benchmarks.subjects import Subject, read_subjects

_FORTY_MEGAPIXELS = (7300, 5475)
_LARGE_PHOTOS = 16
_LARGE_FACES = 16
_LARGE_FACES_PX = 64
_CONNECTIONS = 16
_LOOKS_PER_S = 20
_LOOK_EVERY_S = 0.005
_HEALTH = ("/livez", "/readyz")

Table = dict[str, Figures]
"""Figures by case."""


def measure_checkout(
    checkout: Checkout, detector: str, subjects: Sequence[Subject], seconds: float
) -> tuple[Table, Table]:
    """A fresh service under full load, then another beside large photos.

    Returns:
        Times of health checks, and MiB.
    """
    health: Table = {}
    memory: Table = {}
    photos = [photo for kind in make_photos(subjects).values() for photo in kind]
    with serving(checkout, detector) as service:
        enrol(service, subjects)
        memory["at the start"] = {"MiB": resident_mib(service, "VmRSS")}
        requests = identify_requests(service, photos)
        ask = partial(ask_in_turn, endpoint_of(service.url), requests, _CONNECTIONS, seconds)
        waits, load = look_beside(service, ask)
        health |= {f"{path}, {_CONNECTIONS} connections": of for path, of in waits.items()}
        memory["after that load"] = {
            "MiB": resident_mib(service, "VmRSS"),
            "requests": len(load.heard),
        }
    large = large_photo(subjects)
    with serving(checkout, detector) as service:
        requests = identify_requests(service, [large] * _LARGE_PHOTOS)
        ask_large = partial(ask_at_once, endpoint_of(service.url), requests)
        with watching_memory(service) as seen_mib:
            waits, load = look_beside(service, ask_large)
        name = f"{_LARGE_PHOTOS} photos of 40 megapixels at once"
        health |= {f"{path}, {name}": of for path, of in waits.items()}
        memory[f"the most at once, {name}"] = {
            "MiB": max(seen_mib),
            "requests": sum(heard.status == OK for heard in load.heard),
        }
        # Above what there ever was: each process had its most at another time.
        memory["the same, each process at its own time"] = {"MiB": resident_mib(service, "VmHWM")}
    return health, memory


def look_beside(service: Service, ask: Callable[[], Load]) -> tuple[Table, Load]:
    """Asks for health at a fixed rate while a load runs in another process."""
    requests = [request_bytes(service.url, service.key, path) for path in _HEALTH]
    with running_beside(ask) as beside:
        heard = ask_regularly(endpoint_of(service.url), requests, _LOOKS_PER_S, beside.is_done)
        load = beside.result()
    began = min(one.began_s for one in load.heard)
    waits = {}
    for path, of in zip(_HEALTH, heard, strict=True):
        waits[path] = _figures([one for one in of if one.began_s >= began])
    return waits, load


def _figures(heard: Sequence[Heard]) -> Figures:
    p50, p99 = percentiles_ms(heard)
    failed = sum(one.status != OK for one in heard)
    return {"p50, ms": p50, "p99, ms": p99, "asked": len(heard), "failed": failed}


@contextmanager
def watching_memory(service: Service) -> Iterator[list[float]]:
    """MiB that all processes of a service hold together, looked at every few milliseconds."""
    seen_mib = [resident_mib(service, "VmRSS")]
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_LOOK_EVERY_S):
            # A process may end between the list of processes and the look at it.
            with suppress(FileNotFoundError, ProcessLookupError):
                seen_mib.append(resident_mib(service, "VmRSS"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen_mib
    finally:
        is_over.set()
        watcher.join()


def process_ids(service: Service) -> set[int]:
    """The service and its decoder processes."""
    return {service.process_id, *decoder_processes(service.process_id)}


def status_sum(service: Service, field: str) -> int:
    """A number that Linux reports for every process, summed over those of the service."""
    total = 0
    for process_id in process_ids(service):
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
        (line,) = [line for line in status.splitlines() if line.startswith(f"{field}:")]
        total += int(line.split()[1])
    return total


def resident_mib(service: Service, field: str) -> float:
    """Memory of the service's processes: `VmRSS`, or `VmHWM` for the most so far of each."""
    return status_sum(service, field) / 1024


def large_photo(subjects: Sequence[Subject]) -> bytes:
    """Forty megapixels with some people in it."""
    plain = [subject for subject in subjects if subject.is_plain and subject.has_around(WHOLE)]
    scene = make_scene(0, _FORTY_MEGAPIXELS, plain, _LARGE_FACES_PX, _LARGE_FACES, big=False)
    return as_jpeg(scene.pixels)


def measure(
    detector: DetectorOption = "yunet",
    base: BaseOption = None,
    seconds: Annotated[float, typer.Option(help="Duration of the load.", min=1)] = 30.0,
    out: OutOption = None,
) -> None:
    """Measure what orchestrators see: health checks and memory."""
    subjects = read_subjects()
    results = Results(out, f"health-{detector}")
    found = {
        checkout.name: measure_checkout(checkout, detector, subjects, seconds)
        for checkout in checkouts(base)
    }
    titles = ("Answers about health", "Resident memory")
    for place, title in enumerate(titles):
        tables = {name: tables[place] for name, tables in found.items()}
        cases = next(iter(tables.values()))
        rows = [Row(case, {name: of[case] for name, of in tables.items()}) for case in cases]
        results.add(f"{title} ({detector})", rows)


if __name__ == "__main__":
    typer.run(measure)
