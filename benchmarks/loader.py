"""Prints how fast training batches come, and how long a step waits: `python -m benchmarks.loader`.

Crops are noise; degrading them costs the same. A sleep stands in for a GPU's step: processors are
free meanwhile, as beside a GPU.
"""

import time
from collections.abc import Iterator
from typing import Annotated

import cv2
import numpy as np
import typer

from app.vision.dimensions import CROP_SIZE_PX, EMBEDDING_SIZE
from benchmarks.results import show
from trainer.crops import CropSet
from trainer.data import Batch, Batches
from trainer.degradation import Degradation

_CROPS = 1024


def main(
    batch_size: Annotated[int, typer.Option(help="Faces per step.")] = 32,
    steps: Annotated[int, typer.Option(help="Steps to measure.")] = 60,
    step_ms: Annotated[float, typer.Option(help="Duration of a step on the device.")] = 50.0,
    workers: Annotated[list[int], typer.Option(help="Numbers of workers.")] = [0, 1, 2, 4],  # noqa: B006 - typer copies it
) -> None:
    """Measure the loader of `dsr` and `finetune`."""
    cv2.setNumThreads(1)
    batches = _batches(batch_size)
    show("workers  faces/s  wait of a step, ms  steps of that device/s")
    for count in workers:
        drawn_s = _drawing_s(_begun(batches, count, steps), steps)
        waits_s, took_s = _waiting_s(_begun(batches, count, steps), steps, step_ms / 1000)
        faces = batch_size * steps / drawn_s
        show(f"{count:7} {faces:8.0f} {1000 * waits_s / steps:19.1f} {steps / took_s:23.1f}")


def _begun(batches: Batches, workers: int, steps: int) -> Iterator[Batch]:
    """Batches of as many epochs as needed, after the first one, which waits for processes."""
    ahead = batches.read_ahead((0, 0), 2 + steps // len(batches), workers)
    next(ahead)
    return ahead


def _drawing_s(ahead: Iterator[Batch], steps: int) -> float:
    began = time.perf_counter()
    for _ in range(steps):
        next(ahead)
    return time.perf_counter() - began


def _waiting_s(ahead: Iterator[Batch], steps: int, step_s: float) -> tuple[float, float]:
    """Seconds that steps waited for their batches, and that all took."""
    waits_s, began = 0.0, time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        next(ahead)
        waits_s += time.perf_counter() - asked
        time.sleep(step_s)
    return waits_s, time.perf_counter() - began


def _batches(batch_size: int) -> Batches:
    chance = np.random.default_rng(1)
    shape = (_CROPS, CROP_SIZE_PX, CROP_SIZE_PX, 3)
    crops = CropSet(
        files=[""] * _CROPS,
        pixels=chance.integers(0, 256, shape, dtype=np.uint8),
        labels=np.zeros(_CROPS, np.int64),
        people=[""],
        sharp=np.ones(_CROPS, np.bool_),
        digests=[""] * _CROPS,
    )
    targets = np.zeros((_CROPS, EMBEDDING_SIZE), np.float32)
    return Batches(crops, targets, Degradation(), batch_size, seed=1)


if __name__ == "__main__":
    typer.run(main)
