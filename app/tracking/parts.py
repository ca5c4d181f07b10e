"""Which parts of a frame are looked at when only some of it has moved."""

from collections.abc import Sequence

from app.vision.detector import Rectangle
from app.vision.image import Rect

# Around what has moved, of the frame's width: the rest of a face, and room for its crop.
_AROUND_SHARE = 1 / 16
# Several parts cost more than one of the same area.
_WHOLE_SHARE = 0.6
_MOST_PARTS = 6


def parts_to_look_at(
    moved: Sequence[Rect], faces: Sequence[Rectangle], width_px: int, height_px: int
) -> list[Rect]:
    """The parts in which every face is that has moved, disjoint; perhaps the whole frame.

    Args:
        moved: See Motion.moved.
        faces: Boxes of known faces, in px of the frame: none is cut through.
        width_px: Of the frame.
        height_px: Likewise.
    """
    around = round(_AROUND_SHARE * width_px)
    parts = [_grown(each, around) for each in moved]
    boxes = [_grown((round(x), round(y), round(w), round(h)), around) for x, y, w, h in faces]
    parts = _merged(parts)
    while touched := [box for box in boxes if any(_meet(box, part) for part in parts)]:
        boxes = [box for box in boxes if box not in touched]
        parts = _merged([*parts, *touched])
    inside = [_within(part, width_px, height_px) for part in parts]
    area = sum(width * height for _, _, width, height in inside)
    if len(inside) > _MOST_PARTS or area > _WHOLE_SHARE * width_px * height_px:
        return [(0, 0, width_px, height_px)]
    return inside


def is_in(point: tuple[float, float], parts: Sequence[Rect]) -> bool:
    """Whether a point is in one of some parts."""
    return any(
        x <= point[0] < x + width and y <= point[1] < y + height for x, y, width, height in parts
    )


def _merged(parts: Sequence[Rect]) -> list[Rect]:
    """The same, where those that meet have become one."""
    done: list[Rect] = []
    for part in parts:
        whole = part
        while meeting := [each for each in done if _meet(each, whole)]:
            done = [each for each in done if each not in meeting]
            whole = _around([whole, *meeting])
        done.append(whole)
    return done


def _meet(one: Rect, two: Rect) -> bool:
    return (
        one[0] < two[0] + two[2]
        and two[0] < one[0] + one[2]
        and one[1] < two[1] + two[3]
        and two[1] < one[1] + one[3]
    )


def _around(parts: Sequence[Rect]) -> Rect:
    left, top = min(of[0] for of in parts), min(of[1] for of in parts)
    right, bottom = max(of[0] + of[2] for of in parts), max(of[1] + of[3] for of in parts)
    return (left, top, right - left, bottom - top)


def _grown(part: Rect, by_px: int) -> Rect:
    x, y, width, height = part
    return (x - by_px, y - by_px, width + 2 * by_px, height + 2 * by_px)


def _within(part: Rect, width_px: int, height_px: int) -> Rect:
    x, y, width, height = part
    left, top = max(0, x), max(0, y)
    return (left, top, min(x + width, width_px) - left, min(y + height, height_px) - top)
