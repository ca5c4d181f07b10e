"""Photos as they are named in the shell: files, folders, patterns."""

from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Annotated

import typer

from app.errors import PhotoFolderError, UnreadableImageError
from app.evaluation.photo_sets import folders_below, photos_in
from farsight_client import NamedPhoto

Photos = Annotated[
    list[str],
    typer.Argument(help="Photos: files, folders of them, or patterns such as 'trip/*.jpg'."),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", help="Also what lies in folders below those named.")
]


def find_photos(named: Sequence[str | Path], *, recursive: bool = False) -> list[Path]:
    """The photos that arguments name, in their order; those of a folder or pattern by name.

    A file that is named is taken, whatever it holds: if it is no photo, that is to be told.

    Args:
        named: Files, folders and patterns.
        recursive: Also what lies deeper in folders.

    Raises:
        typer.BadParameter: There is nothing of this name, or nothing that fits a pattern.
        PhotoFolderError: A folder has none.
    """
    found: list[Path] = []
    seen: set[Path] = set()
    for name in named:
        path = Path(name)
        if path.is_file():
            found.append(path)
            seen.add(path)
            continue
        if path.exists() or not has_magic(str(name)):
            paths = [path]
        else:
            # Path.glob takes no absolute patterns.
            paths = [Path(each) for each in sorted(glob(str(name), recursive=True))]  # noqa: PTH207 - see above
        if not paths or not paths[0].exists():
            raise typer.BadParameter(f"{name} does not exist.")
        for each in paths:
            photos = _in_folder(each, recursive=recursive) if each.is_dir() else [each]
            found += [photo for photo in photos if photo not in seen]
            seen.update(photos)
    return found


def read_photo(path: Path) -> NamedPhoto:
    """A file as it is sent.

    Raises:
        UnreadableImageError: It cannot be read.
    """
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"{path} cannot be read: {error.strerror}.") from error


def _in_folder(folder: Path, *, recursive: bool) -> list[Path]:
    photos = photos_in(folder)
    if recursive:
        photos += [photo for each in folders_below(folder) for photo in photos_in(each)]
    if photos:
        return photos
    deeper = next((each for each in folders_below(folder) if photos_in(each)), None)
    hint = f" There are in {deeper}: --recursive looks there too." if deeper else ""
    raise PhotoFolderError(f"{folder} has no photos{'' if recursive else ' right in it'}.{hint}")
