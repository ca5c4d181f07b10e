"""What is sent and received as files: paths, bytes and file objects."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeGuard, cast

Content = str | os.PathLike[str] | bytes | IO[bytes]
"""A path, the bytes themselves, or a file open for reading, which is read to its end."""

NamedPhoto = tuple[str, bytes]
"""File name and content."""

Photo = Content | NamedPhoto

Target = str | os.PathLike[str] | IO[bytes]
"""A path, or a file open for writing."""

_NAME = "photo"


def content_of(content: Content) -> bytes:
    """All bytes.

    Raises:
        OSError: The file cannot be read.
    """
    if isinstance(content, bytes):
        return content
    if isinstance(content, str | os.PathLike):
        return Path(content).read_bytes()
    return content.read()


def named_photos(photos: Photo | Sequence[Photo]) -> list[NamedPhoto]:
    """One photo or several; a tuple of a name and bytes is one.

    Raises:
        OSError: A file cannot be read.
    """
    if _is_one(photos):
        return [_named(photos)]
    return [_named(photo) for photo in cast("Sequence[Photo]", photos)]


@contextmanager
def writing(target: Target) -> Iterator[IO[bytes]]:
    """A file to write to; at a path it appears once complete, for its owner alone."""
    if not isinstance(target, str | os.PathLike):
        yield target
        return
    path = Path(target)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        part = Path(folder) / path.name
        with open(part, "xb", opener=_for_owner_alone) as file:
            yield file
        part.replace(path)


def _is_one(photos: Photo | Sequence[Photo]) -> TypeGuard[Photo]:
    match photos:
        case str() | bytes():
            return True
        case (str(), bytes()):
            return isinstance(photos, tuple)
        case _:
            return not isinstance(photos, Sequence)


def _for_owner_alone(path: str, flags: int) -> int:
    """Biometric data is for its owner alone."""
    return os.open(path, flags, 0o600)


def _named(photo: Photo) -> NamedPhoto:
    if isinstance(photo, tuple):
        return photo
    path = photo if isinstance(photo, str | os.PathLike) else getattr(photo, "name", None)
    name = Path(path).name if isinstance(path, str | os.PathLike) else _NAME
    return name, content_of(photo)


def as_files(photos: Photo | Sequence[Photo]) -> list[tuple[str, NamedPhoto]]:
    """The fields of a form with these photos."""
    return [("photos", photo) for photo in named_photos(photos)]
