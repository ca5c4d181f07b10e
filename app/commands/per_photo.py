"""The same for each of many photos: one that is bad is told of and never ends the run."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import typer

from app.commands.photo_paths import read_photo
from app.errors import UnusablePhotoError
from app.progress import counted
from farsight_client import ApiError, NamedPhoto

T = TypeVar("T")

# These would meet every other photo too.
_ENDS_RUN = frozenset(
    [
        "database_busy",
        "database_damaged",
        "missing_scope",
        "not_farsight",
        "not_ready",
        "overloaded",
        "rate_limited",
        "storage_failed",
        "unauthenticated",
        "unreachable",
    ]
)


class Unread:
    """Tells of photos with which something was wrong.

    Attributes:
        count: How many.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.count = 0
        self._as_json = as_json

    @contextmanager
    def told(self, photo: str) -> Iterator[None]:
        """What concerns this photo alone and is raised inside is told, and the run goes on.

        Raises:
            ApiError: What the next photo would meet too.
        """
        try:
            yield
        except ApiError as error:
            if error.code in _ENDS_RUN:
                raise
            self._tell(photo, error.code, error.title, error.detail)
        except UnusablePhotoError as error:
            self._tell(photo, error.code, error.title, error.detail)
        except (OSError, ValueError) as error:  # Pillow's, of a format that it cannot write
            self._tell(photo, "not_drawn", "The picture cannot be written", f"{error}.")

    def _tell(self, photo: str, code: str, title: str, detail: str) -> None:
        self.count += 1
        if self._as_json:
            problem = {"code": code, "title": title, "detail": detail}
            typer.echo(json.dumps({"photo": photo, **problem}))
        else:
            typer.echo(f"{photo}: {title}. {detail}", err=True)


async def each_photo(
    photos: Sequence[Path], ask: Callable[[NamedPhoto], Awaitable[T]], unread: Unread
) -> AsyncIterator[tuple[Path, NamedPhoto, T]]:
    """Asks about each photo; how far it is goes to stderr.

    Args:
        photos: In this order.
        ask: What is asked.
        unread: Told of photos that give no answer.
    """
    with counted("Photos") as advance:
        for done, path in enumerate(photos, 1):
            asked: tuple[NamedPhoto, T] | None = None
            with unread.told(str(path)):
                photo = read_photo(path)
                asked = photo, await ask(photo)
            if asked is not None:
                yield path, *asked
            advance(done, len(photos))
