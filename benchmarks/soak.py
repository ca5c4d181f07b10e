"""Many mixed requests, and whether the service grows: `make soak`.

A seeded mix of right, wrong and broken requests goes to the real service over a few connections. It
is sent in fiftieths; after each nobody asks anything until the service has given back what photos
needed, and memory, descriptors and threads of the service and its decoder processes are read: what
a request needs while it runs is not growth. Growth is the median of the last tenth of these
readings against that of the second tenth; the first tenth is for warming up. Ends with status 1 if
anything grows beyond the limits, or an answer is not what such a request should get.
"""

import asyncio
import math
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure as Plot

from benchmarks.health import process_ids, resident_mib, status_sum
from benchmarks.results import Figures, Results, Row, show
from benchmarks.service import Service, checkouts, serving
from benchmarks.soak_callers import SMALL_FACE, Asked, Caller, calling
from benchmarks.soak_material import Material, prepare
from benchmarks.subjects import read_subjects

WHOLE = 50_000
"""Requests of a whole soak."""

_WINDOWS, _TENTHS = 50, 10
# Longer than the service waits until it gives memory back (app.recognition.inference); a soak of a
# minute cannot.
_REST_S, _REST_S_IF_TIMED = 6.0, 0.5
_SCOPES = ("enroll", "identify", "admin")
_SERVER_ERROR = 500
_SHOWN = 20

# From this many requests on, the limits are those of a whole soak; before, caches are filling.
_LONG = 20_000
_MOST_GROWTH, _MOST_GROWTH_IF_SHORT = 0.01, 0.3
# Of descriptors and threads: those for the database are created when many requests first meet.
_MOST_MORE, _MOST_MORE_IF_SHORT = 4, 20

_FIGURE_INCHES, _DPI = (7.0, 7.0), 80


@dataclass(frozen=True, slots=True)
class Reading:
    """What the service and its decoder processes hold.

    Attributes:
        resident_mib: Memory, files that are mapped included.
        own_mib: Memory without files.
        descriptors: Open ones.
        threads: Alive.
    """

    resident_mib: float
    own_mib: float
    descriptors: int
    threads: int


MEMORY: dict[str, Callable[[Reading], float]] = {
    "resident, MiB": lambda of: of.resident_mib,
    "without files, MiB": lambda of: of.own_mib,
}
COUNTS: dict[str, Callable[[Reading], float]] = {
    "descriptors": lambda of: of.descriptors,
    "threads": lambda of: of.threads,
}
"""What must not grow, by name."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the requests, and a reading after them."""

    asked: Sequence[Asked]
    seconds: float
    reading: Reading


def read(service: Service) -> Reading:
    """As it is now."""
    descriptors = [len(list(Path(f"/proc/{of}/fd").iterdir())) for of in process_ids(service)]
    return Reading(
        resident_mib=resident_mib(service, "VmRSS"),
        own_mib=resident_mib(service, "RssAnon"),
        descriptors=sum(descriptors),
        threads=status_sum(service, "Threads"),
    )


async def send_windows(
    service: Service, callers: Sequence[Caller], requests: int, seconds: float
) -> AsyncIterator[Window]:
    """Sends a number of requests, or for a time if that is shorter.

    Args:
        service: Whose processes are read.
        callers: Each asks one thing after the other.
        requests: By all callers.
        seconds: In all.
    """
    rest_s = _REST_S if math.isinf(seconds) else _REST_S_IF_TIMED
    first = time.monotonic()
    for number in range(_WINDOWS):
        places = iter(range(requests * number // _WINDOWS, requests * (number + 1) // _WINDOWS))
        began = time.monotonic()
        ends = first + seconds * (number + 1) / _WINDOWS - rest_s
        tasks = [_ask(caller, places, ends) for caller in callers]
        asked = [one for of_caller in await asyncio.gather(*tasks) for one in of_caller]
        took_s = time.monotonic() - began
        await asyncio.sleep(rest_s)
        yield Window(asked, took_s, read(service))


async def _ask(caller: Caller, places: Iterator[int], ends_s: float) -> list[Asked]:
    """Takes places until there are no more."""
    asked = []
    for _ in places:
        asked.append(await caller.ask())
        if time.monotonic() > ends_s:
            break
    return asked


def growth(windows: Sequence[Window], of: Callable[[Reading], float]) -> tuple[float, float]:
    """Medians of the second tenth of the windows, and of the last."""
    tenth = len(windows) // _TENTHS
    early, late = windows[tenth : 2 * tenth], windows[-tenth:]
    before, after = (np.median([of(one.reading) for one in part]) for part in (early, late))
    return float(before), float(after)


def complaints(windows: Sequence[Window]) -> list[str]:
    """Violations, a sentence each."""
    is_long = sum(len(window.asked) for window in windows) >= _LONG
    found = []
    most = _MOST_GROWTH if is_long else _MOST_GROWTH_IF_SHORT
    for name, of in MEMORY.items():
        before, after = growth(windows, of)
        if after > before * (1 + most):
            found.append(f"{name} grew from {before:.1f} to {after:.1f} MiB, over {most:.0%}.")
    most_more = _MOST_MORE if is_long else _MOST_MORE_IF_SHORT
    for name, of in COUNTS.items():
        before, after = growth(windows, of)
        if after > before + most_more:
            found.append(f"{name} grew from {before:g} to {after:g}, more than {most_more} more.")
    wrong = Counter(
        (one.kind, one.status, one.detail)
        for window in windows
        for one in window.asked
        if not one.is_expected
    )
    found += [
        f"{kind!r} was answered {status}, {times} times: {detail}"
        for (kind, status, detail), times in wrong.most_common(_SHOWN)
    ]
    return found


def table_rows(windows: Sequence[Window], name: str) -> list[Row]:
    """A tenth of the windows in each row."""
    tenth = len(windows) // _TENTHS
    rows = []
    for start in range(0, len(windows), tenth):
        part = windows[start : start + tenth]
        before = sum(len(window.asked) for window in windows[:start])
        asked = [one for window in part for one in window.asked]
        p50, p99 = _percentiles_ms(asked)
        medians: Figures = {
            figure: float(np.median([of(window.reading) for window in part]))
            for figure, of in (MEMORY | COUNTS).items()
        }
        figures: Figures = {
            **medians,
            "requests/s": len(asked) / sum(window.seconds for window in part),
            "p50 of a small face, ms": p50,
            "p99, ms": p99,
            "5xx": sum(one.status >= _SERVER_ERROR for one in asked),
            "not as expected": sum(not one.is_expected for one in asked),
        }
        rows.append(Row(f"{before + 1:,} to {before + len(asked):,}", {name: figures}))
    return rows


def growth_rows(windows: Sequence[Window], name: str) -> list[Row]:
    """What is judged, one in each row."""
    rows = []
    for what, of in (MEMORY | COUNTS).items():
        before, after = growth(windows, of)
        figures: Figures = {
            "before": f"{before:.1f}",
            "after": f"{after:.1f}",
            "growth": f"{after / before - 1:+.2%}",
        }
        rows.append(Row(what, {name: figures}))
    return rows


def _percentiles_ms(asked: Sequence[Asked]) -> tuple[float, float]:
    times = [one.seconds * 1000 for one in asked if one.kind == SMALL_FACE]
    if not times:
        return math.nan, math.nan
    p50, p99 = np.percentile(times, [50, 99])
    return float(p50), float(p99)


def draw(windows: Sequence[Window]) -> Plot:
    """Memory, descriptors and threads, and times, by requests so far."""
    plot = Plot(figsize=_FIGURE_INCHES, layout="constrained")
    memory, counts, times = plot.subplots(3, 1, sharex=True)
    so_far = np.cumsum([len(window.asked) for window in windows])
    for axes, lines in ((memory, MEMORY), (counts, COUNTS)):
        for name, of in lines.items():
            axes.plot(so_far, [of(window.reading) for window in windows], label=name)
    percentiles = np.array([_percentiles_ms(window.asked) for window in windows])
    for name, column in zip(("p50", "p99"), percentiles.T, strict=True):
        times.plot(so_far, column, label=f"{name} of {SMALL_FACE}, ms")
    for axes in (memory, counts, times):
        axes.axvline(so_far[len(windows) // _TENTHS - 1], color="gray", linestyle=":")
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)
    times.set_xlabel("requests so far; the first tenth is for warming up")
    return plot


async def run(
    service: Service, material: Material, connections: int, requests: int, seconds: float, seed: int
) -> list[Window]:
    """The whole soak; reports after every tenth."""
    windows: list[Window] = []
    async with AsyncExitStack() as stack:
        callers = [
            await stack.enter_async_context(calling(service, material, number, seed))
            for number in range(connections)
        ]
        async for window in send_windows(service, callers, requests, seconds):
            windows.append(window)
            if len(windows) % (_WINDOWS // _TENTHS) == 0:
                sent = sum(len(window.asked) for window in windows)
                show(f"{sent:6,} requests: {window.reading}")
    return windows


def main(
    requests: Annotated[int, typer.Option(help="To send.", min=10 * _WINDOWS)] = WHOLE,
    seconds: Annotated[
        float, typer.Option(help="Maximum duration; no limit by default.")
    ] = math.inf,
    connections: Annotated[
        int, typer.Option(help="That send requests at the same time.", min=1, max=6)
    ] = 4,
    seed: Annotated[int, typer.Option(help="Of the mix.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for figures and plot.")] = Path("runs/soak"),
) -> None:
    """Send mixed requests and check that the service does not grow."""
    (checkout,) = checkouts(None)
    with serving(checkout, "yunet", _SCOPES) as service:
        material = prepare(service, read_subjects(), connections)
        windows = asyncio.run(run(service, material, connections, requests, seconds, seed))
    sent = Counter((one.kind, one.status) for window in windows for one in window.asked)
    lines = [f"{times:6,} {kind}: {status}" for (kind, status), times in sorted(sent.items())]
    show("\n" + "\n".join(lines))
    title = f"{sent.total():,} mixed requests over {connections} connections (yunet)"
    results = Results(out, "soak")
    results.add(title, table_rows(windows, checkout.name))
    results.add("From the second tenth to the last", growth_rows(windows, checkout.name))
    draw(windows).savefig(out / "soak.png", dpi=_DPI)
    found = complaints(windows)
    for complaint in found:
        show(f"WRONG: {complaint}")
    sys.exit(bool(found))


if __name__ == "__main__":
    typer.run(main)
