"""The service against the same work without a service: `python -m benchmarks.bare --help`.

The bare loop is the Python API in one process per core, with one thread of each library, photo
after photo. Nobody is in its gallery: twelve people take microseconds to search.
"""

import multiprocessing
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Annotated

import cv2
import torch
import typer

from app.pipeline import PipelineConfig, build_pipeline
from benchmarks.detection import enrol
from benchmarks.load import OK, Heard, Load, ask_in_turn, endpoint_of, running_beside
from benchmarks.options import DetectorOption, OutOption
from benchmarks.requests import identify_requests, make_photos, rate
from benchmarks.results import Results, Rounds, Row
from benchmarks.service import checkouts, detectors_folder, serving
from benchmarks.subjects import read_subjects

_CONNECTIONS = 16


def identify_in_turn(
    detector: str, photos: Sequence[bytes], seconds: float, ready: Barrier
) -> list[Heard]:
    """Identifies photos in this process, from when all are ready until the time is up."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    os.environ["FARSIGHT_DETECTOR"] = detector
    pipeline = build_pipeline(PipelineConfig(detectors=detectors_folder(detector)))
    pipeline.run(photos[0])
    heard: list[Heard] = []
    ready.wait()
    ends = time.monotonic() + seconds
    while (began := time.monotonic()) < ends:
        pipeline.run(photos[len(heard) % len(photos)])
        heard.append(Heard(began, time.monotonic(), OK, 0))
    return heard


def bare_rate(detector: str, photos: Sequence[bytes], seconds: float) -> float:
    """Photos per second of one process per core, while all of them run."""
    processes = os.cpu_count() or 1
    ready = multiprocessing.get_context("spawn").Barrier(processes)
    call = partial(identify_in_turn, detector, photos, seconds, ready)
    with ExitStack() as stack:
        running = [stack.enter_context(running_beside(call)) for _ in range(processes)]
        heard = [one for beside in running for one in beside.result()]
    return rate(Load(heard, 0.0))


def measure(
    detector: DetectorOption = "yunet",
    rounds: Annotated[int, typer.Option(help="Of each, in turns.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="Duration of each.", min=1)] = 12.0,
    out: OutOption = None,
) -> None:
    """Measure throughput over HTTP and without it, in turns."""
    subjects = read_subjects()
    (here,) = checkouts(None)
    rows = []
    with serving(here, detector) as service:
        enrol(service, subjects)
        for name, photos in make_photos(subjects).items():
            requests = identify_requests(service, photos)
            served, bare = [], []
            for _ in range(rounds):
                bare.append(bare_rate(detector, photos, seconds))
                ask = partial(
                    ask_in_turn, endpoint_of(service.url), requests, _CONNECTIONS, seconds
                )
                with running_beside(ask) as beside:
                    served.append(rate(beside.result()))
            ratios = [one / other for one, other in zip(served, bare, strict=True)]
            figures = {
                f"requests/s, {_CONNECTIONS} connections": Rounds(served),
                f"photos/s of the bare loop, {os.cpu_count()} processes": Rounds(bare),
                "ratio": Rounds(ratios),
            }
            rows.append(Row(name, {here.name: figures}))
    Results(out, f"bare-{detector}").add(f"Against a bare loop on all cores ({detector})", rows)


if __name__ == "__main__":
    typer.run(measure)
