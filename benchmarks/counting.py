"""What counting costs for Prometheus: `python -m benchmarks.counting`.

The calls of an identification alone, and writing the text of a service that has answered
everything; the fastest of all rounds, because other work on the machine only makes them slower.
"""

import time
from collections.abc import Callable

from prometheus_client import generate_latest
from rich.console import Console
from rich.table import Table

from app.metrics import Metrics

_ROUNDS = 20
_TIMES = 500
_OPERATIONS = 35
_STATUSES = (200, 401, 403, 422, 503)
_SIZES_PX = (10.0, 16.0, 24.0, 32.0, 64.0)


def identify(metrics: Metrics, faces: int, batches: int) -> None:
    """Counts what an identification counts."""
    metrics.waited_for_reader(0.001)
    metrics.read({"decode": 5.0, "detect": 12.0, "align": 0.4}, [24.0] * faces)
    for _ in range(batches):
        metrics.embedded(-(-faces // batches), [0.001], 0.003, background=False)
    metrics.spent({"search": 0.1})
    for _ in range(faces):
        metrics.decided(24.0, "farsight-xxs", 0.45, is_named=True)
    metrics.answered("POST /v1/identify", 200, 0.03)


def _fastest_ms(work: Callable[[], object], times: int) -> float:
    spent_s = []
    for _ in range(_ROUNDS):
        began_s = time.perf_counter()
        for _ in range(times):
            work()
        spent_s.append(time.perf_counter() - began_s)
    return 1000 * min(spent_s) / times


def main() -> None:
    """Prints milliseconds."""
    metrics = Metrics()
    table = Table("", "ms")
    for faces, batches in ((1, 1), (10, 4)):
        spent_ms = _fastest_ms(lambda: identify(metrics, faces, batches), _TIMES)  # noqa: B023 - called at once
        table.add_row(f"an identification, {faces} faces in {batches} batches", f"{spent_ms:.3f}")
    for number in range(_OPERATIONS):
        for status in _STATUSES:
            metrics.answered(f"GET /v1/{number}", status, 0.03)
    for size_px in _SIZES_PX:
        for similarity in (None, 0.1, 0.5):
            metrics.decided(size_px, "farsight-xxs", similarity, is_named=similarity == 0.5)  # noqa: PLR2004 - one of them
    text = generate_latest(metrics.registry)
    lines = text.count(b"\n")
    spent_ms = _fastest_ms(lambda: generate_latest(metrics.registry), 1)
    table.add_row(f"writing {lines} lines, {len(text):,} bytes", f"{spent_ms:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
