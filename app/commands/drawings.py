"""Annotated copies of photos, in a folder of their own."""

import os
from collections.abc import Sequence
from pathlib import Path

import typer
from PIL import Image as PillowImage

from app.vision.image import Image

# Lossless, and every program shows it.
_USUAL_SUFFIX = ".png"


class Drawings:
    """Annotated copies: below the folder as the photos lie below what they have in common.

    Args:
        folder: Made where it is missing.
        photos: All that are to be drawn.
    """

    def __init__(self, folder: Path, photos: Sequence[Path]) -> None:
        self._folder = folder
        parents = [path.resolve().parent for path in photos]
        self._root = Path(os.path.commonpath(parents)) if parents else Path()
        if parents and folder.resolve() == self._root:
            raise typer.BadParameter("--draw would write over the photos; name another folder.")

    def save(self, photo: Path, image: Image) -> None:
        """Writes one, in the photo's own format where its name tells a known one.

        Raises:
            OSError: It cannot be written.
        """
        path = self._folder / photo.resolve().relative_to(self._root)
        if PillowImage.registered_extensions().get(path.suffix.lower()) not in PillowImage.SAVE:
            path = path.with_name(f"{path.name}{_USUAL_SUFFIX}")
        _write(path, image)

    def save_frame(self, name: str, image: Image) -> None:
        """Writes a frame."""
        _write(self._folder / f"{name}.jpg", image)


def _write(path: Path, image: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(image).save(path)
