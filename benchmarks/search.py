"""How long a search takes: `python -m benchmarks.search --help`.

Compared with reading the int8 matrix once and with comparing everybody in float32, in turns within
one run, all on one thread. Reading is the sum of the matrix as 64-bit words, numpy's fastest
reduction; each is run twice in a row and timed the second time, so that none profits from what
another has left in the caches.
"""

import time
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from app.gallery.gallery import Enrolled, Gallery
from app.gallery.matrix import Rows
from app.vision.dimensions import EMBEDDING_SIZE

_TOP_K = 2  # as an identification asks: the best and the runner-up
_AT_ONCE = 4096
_BESIDE_S = 1.0

Vectors = NDArray[np.float32]


def _unit_vectors(rng: np.random.Generator, count: int) -> Vectors:
    vectors = rng.standard_normal((count, EMBEDDING_SIZE), dtype=np.float32)
    for first in range(0, count, _AT_ONCE):
        part = vectors[first : first + _AT_ONCE]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def _in_int8(templates: Vectors) -> NDArray[np.int8]:
    codes = np.empty(templates.shape, np.int8)
    for first in range(0, len(templates), _AT_ONCE):
        codes[first : first + _AT_ONCE] = Rows.of(templates[first : first + _AT_ONCE]).codes
    return codes


def _exact(templates: Vectors, probe: Vectors) -> list[str]:
    similarities = templates @ probe
    best = np.argpartition(-similarities, _TOP_K - 1)[:_TOP_K]
    return [f"user-{row}" for row in sorted(best, key=lambda row: -similarities[row])]


def _seconds(work: Callable[[], object]) -> float:
    work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _counted_beside(work: Callable[[], object]) -> int:
    """How far this thread counts while another one repeats some work."""
    done = Event()

    def work_on() -> None:
        while not done.is_set():
            work()

    thread = Thread(target=work_on)
    thread.start()
    counted, end = 0, time.perf_counter() + _BESIDE_S
    while time.perf_counter() < end:
        counted += 1
    done.set()
    thread.join()
    return counted


def _figure(values: NDArray[np.float64]) -> str:
    low, median, high = np.quantile(values, [0.1, 0.5, 0.9])
    return f"{median:.3g} ({low:.3g}..{high:.3g})"


def _measure(count: int, rounds: int) -> list[str]:
    rng = np.random.default_rng(0)
    templates = _unit_vectors(rng, count)
    probes = _unit_vectors(rng, rounds)
    gallery = Gallery((f"user-{row}", Enrolled(template)) for row, template in enumerate(templates))
    words = _in_int8(templates).reshape(-1).view(np.int64)
    same, times = 0, np.empty((rounds, 3))
    for row, probe in enumerate(probes):
        times[row] = (
            _seconds(words.sum),
            _seconds(partial(gallery.search, probe, _TOP_K)),
            _seconds(partial(_exact, templates, probe)),
        )
        found = [match.user_id for match in gallery.search(probe, _TOP_K)]
        same += found == _exact(templates, probe)
    read, search, exact = times.T
    beside = _counted_beside(partial(gallery.search, probes[0], _TOP_K))
    alone = _counted_beside(partial(time.sleep, _BESIDE_S / 100))
    return [
        f"{count:,}",
        *(_figure(1000 * seconds) for seconds in (read, search, exact)),
        _figure(search / read),
        f"{search.min() / read.min():.3g}",
        _figure(exact / search),
        f"{same}/{rounds}",
        f"{beside / alone:.2f}",
    ]


def main(
    users: Annotated[list[int], typer.Option(help="Number of users; repeatable.")] = [  # noqa: B006 - typer copies it
        10_000,
        100_000,
        1_000_000,
    ],
    rounds: Annotated[int, typer.Option(help="Searches of each kind.", min=1)] = 50,
) -> None:
    """Prints medians, and between which values 8 of 10 rounds lie.

    On a busy machine, compare the fastest search with the fastest reading.
    """
    table = Table(
        "users",
        "read int8, ms",
        "search, ms",
        "float32, ms",
        "search / read",
        "quickest / quickest",
        "float32 / search",
        "same answer",
        "speed of a thread beside",
    )
    with threadpool_limits(1):
        for count in users:
            table.add_row(*_measure(count, rounds))
    Console(width=150).print(table)


if __name__ == "__main__":
    typer.run(main)
