"""What became of each photo, as a table."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from farsight_client import Box, PhotoReport


def print_photos(photos: Sequence[PhotoReport]) -> None:
    """Prints it; where a face is to be chosen, with the option that chooses it."""
    table = Table("photo", "face_px", "used", "why not")
    for photo in photos:
        face_px = f"{photo.face_px:.0f}" if photo.face_px else ""
        used = "yes" if photo.accepted else "no"
        why_not = reason(photo.reason, photo.detail)
        if photo.face_px is None:  # one is to be chosen
            why_not += "".join(f"\n--box {photo.filename}:{_as_option(box)}" for box in photo.boxes)
        table.add_row(photo.filename, face_px, used, why_not)
    Console().print(table)


def reason(code: str | None, detail: str | None) -> str:
    """A code and its sentence; nothing where there is none."""
    return f"{code}: {detail}" if code else ""


def _as_option(box: Box) -> str:
    return ",".join(f"{side:.0f}" for side in (box.x, box.y, box.width, box.height))
