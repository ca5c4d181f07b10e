"""A bar on stderr, so that stdout keeps the answer alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

from app.evaluation.protocols import Progress as Advance


@contextmanager
def counted(what: str) -> Iterator[Advance]:
    """A bar for so many done of so many; it disappears in the end."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
