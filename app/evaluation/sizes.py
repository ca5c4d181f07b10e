"""Sizes of faces to which probes are shrunk, and the ranges of sizes that thresholds hold for."""

from app.errors import EvaluationError
from app.vision.dimensions import CROP_SIZE_PX

Size = int | None
"""`face_px` that probes are shrunk to; None leaves them as they are ("hr")."""

SMALL_SIZES = (32, 24, 16)
"""Sizes of small faces, unless others are asked for."""
USUAL_SIZES: tuple[Size, ...] = (None, *SMALL_SIZES)
"""Sizes that evaluation measures by default."""
PUBLISHED_SIZES: tuple[Size, ...] = (*USUAL_SIZES, 12)
"""Sizes that a bundle's manifest reports."""

SIZE_RANGES: tuple[tuple[float, float | None, tuple[Size, ...]], ...] = (
    (0, 14, (10, 12)),
    (14, 20, (14, 16)),
    (20, 28, (20, 24)),
    (28, 40, (28, 32)),
    (40, None, (40, 56, None)),
)
"""Where thresholds hold: from `face_px`, to `face_px`, the sizes that stand for what is between."""

SIZED_RANGES: tuple[tuple[float, float, tuple[int, ...]], ...] = (
    (0, 14, (10, 12)),
    (14, 20, (14, 16)),
)
"""Those of them where probes may be compared with templates of their size, which is the last one
here. Larger ones gain too little for the memory (docs/decisions/0040)."""

_SMALLEST_PX = 4
_HR = "hr"


def parse_sizes(text: str) -> tuple[Size, ...]:
    """Reads a list of sizes such as "hr,32,24,16".

    Raises:
        EvaluationError: Not such a list, a size twice, or outside 4..112 px.
    """
    sizes: list[Size] = []
    for part in (word.strip().lower() for word in text.split(",")):
        if part != _HR and not part.isdecimal():
            raise EvaluationError(
                f'{part!r} is not a size; expected a list like "{format_sizes(USUAL_SIZES)}".'
            )
        size = None if part == _HR else int(part)
        if size is not None and not _SMALLEST_PX <= size <= CROP_SIZE_PX:
            raise EvaluationError(f"Size {size} is outside {_SMALLEST_PX}..{CROP_SIZE_PX} px.")
        if size in sizes:
            raise EvaluationError(f"Size {part} is listed twice.")
        sizes.append(size)
    return tuple(sizes)


def format_sizes(sizes: tuple[Size, ...]) -> str:
    """The list that `parse_sizes` reads."""
    return ",".join(map(size_name, sizes))


def size_name(size: Size) -> str:
    """The size as people and reports write it."""
    return _HR if size is None else str(size)
