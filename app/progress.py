"""How far long work is: a bar at a terminal, else a line every few seconds; both on stderr.

stdout keeps the answer alone.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Advance = Callable[[int, int], None]
"""Told how many are done, and how many there are."""

_LINE_EVERY_S = 5.0


@contextmanager
def counted(what: str, line_every_s: float = _LINE_EVERY_S) -> Iterator[Advance]:
    """Shows how far something is; a bar is gone in the end.

    Args:
        what: Is counted, such as "Photos".
        line_every_s: Where there is no terminal.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console, what, line_every_s).advance
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    # While a bar is shown, rich would send what is printed to stderr, also what is piped elsewhere.
    to_terminal = sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, redirect_stdout=to_terminal) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.3g}/s")


class _Lines:
    def __init__(self, console: Console, what: str, every_s: float) -> None:
        self._console = console
        self._what = what
        self._every_s = every_s
        self._told_s = time.monotonic()

    def advance(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= self._every_s:
            self._told_s = now_s
            told = f"{self._what}: {done:,} of {total:,}"
            self._console.print(told, markup=False, highlight=False)
