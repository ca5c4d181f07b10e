"""How the faces of a photo are found, whatever their size and the photo's, and which way is up.

Three looks (docs/decisions/0003-detection-policy.md): a coarse one for large faces; one near the
picture's own resolution, in tiles, for whatever may be a small face; and a contact sheet on which
all candidates lie side by side at a comfortable size. What the sheet confirms is a face.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from app.errors import InvalidRequestError, SettingsError
from app.vision.alignment import measure_face_px, measure_faces_px
from app.vision.detector import Detector, Face, best_first, distinct, mean_face, overlap
from app.vision.image import Image, Rect
from app.vision.looks import View, around_face, in_square, look, look_together, part_of

# What a caller may ask for. Below it nothing is recognised; above it a photo shrinks to a few px.
SMALLEST_MIN_FACE_PX = 8.0
LARGEST_MIN_FACE_PX = 1000.0
MOST_FACES = 400
"""Found in one photo."""
# A face is looked for at this many px; at 15 the candidate look still sees nine in ten.
_CANDIDATE_FACE_PX = 20.0
# Of the smallest face looked for: smaller ones are found by chance, if at all.
_SMALLEST_SHARE = 0.5
# The coarse look sees faces from 1/30 of its longer side up. It may be at most this many times
# smaller than the candidate look, so that a face too large for any tile is not too small for it.
_COARSE_TIMES_SMALLER = 6
_COARSE_SIDES_PX = (320, 640)
_TILE_SIDE_PX = 1024
_TILE_OVERLAP_PX = 128
# On the contact sheets: the side of a face's box, and how much of the photo is around it.
_FIRST_SHEET_FACE_PX = 40
_SECOND_SHEET_FACE_PX = 80
# Of a face whose box is smaller than the second number, the first: enlarged more, its landmarks are
# less exact (docs/decisions/0003-detection-policy.md).
_TINY_SHEET_FACE_PX, _TINY_PX = 64, 20
_SURROUNDINGS = 2
_SMALLEST_BUDGET_PX = 10_000
_LARGEST_BUDGET_PX = 1_000_000_000
# Faces this many times smaller than the largest one are bystanders. In ../shared/photos the second
# face of a photo has at least 0.42 of the first one's size, or at most 0.21
# (`python -m benchmarks.second_faces`).
_BYSTANDER_TIMES_SMALLER = 3
# The whole photo and its largest face are asked which way is up, at this size.
_TURN_SIDE_PX = 96
_WAYS_UP = 4


def _out_of_range(min_face_px: float) -> str | None:
    """Why a face of this size cannot be asked for, in a sentence."""
    if SMALLEST_MIN_FACE_PX <= min_face_px <= LARGEST_MIN_FACE_PX:
        return None
    return (
        f"min_face_px must be from {SMALLEST_MIN_FACE_PX:g} to {LARGEST_MIN_FACE_PX:g}, "
        f"not {min_face_px:g}."
    )


@dataclass(frozen=True, slots=True)
class DetectionPolicy:
    """How small faces may be, and what may be spent on them.

    Attributes:
        min_face_px: The smallest `face_px` to look for.
        budget_px: How many pixels the detector sees in the candidate look, at most. A picture that
            needs more is looked at smaller, and its smallest faces are not looked for.
        max_budget_px: The same where a caller asks for a `min_face_px` of their own.
    """

    min_face_px: float = 16.0
    budget_px: float = 8_300_000
    max_budget_px: float = 40_000_000

    def __post_init__(self) -> None:
        """Refuses values that leave nothing to look for."""
        if out_of_range := _out_of_range(self.min_face_px):
            raise SettingsError(out_of_range)
        for name, budget_px in (("budget", self.budget_px), ("max_budget", self.max_budget_px)):
            if not _SMALLEST_BUDGET_PX <= budget_px <= _LARGEST_BUDGET_PX:
                raise SettingsError(
                    f"{name}_px must be from {_SMALLEST_BUDGET_PX:,} to {_LARGEST_BUDGET_PX:,}, "
                    f"not {budget_px:,}."
                )


DEFAULT_POLICY = DetectionPolicy()


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was found in a photo.

    Attributes:
        faces: By falling score, each once, in px of the photo as it was given.
        rotation_deg: 0, 90, 180 or 270: by how much the photo has to be turned clockwise for its
            faces to be upright.
    """

    faces: list[Face]
    rotation_deg: int


def search_scale(
    width: int,
    height: int,
    policy: DetectionPolicy = DEFAULT_POLICY,
    min_face_px: float | None = None,
) -> float:
    """How much larger than the photo the picture is in which small faces are looked for.

    Args:
        width: The photo's, in px.
        height: Likewise.
        policy: How small faces may be.
        min_face_px: Instead of the policy's, 8 to 1000; the budget does not override it.

    Raises:
        InvalidRequestError: So small a face cannot be looked for in so large a photo, or in any.
    """
    if min_face_px is None:
        largest = math.sqrt(policy.budget_px / (height * width))
        return min(_CANDIDATE_FACE_PX / policy.min_face_px, largest)
    if out_of_range := _out_of_range(min_face_px):
        raise InvalidRequestError(out_of_range)
    wanted = _CANDIDATE_FACE_PX / min_face_px
    largest = math.sqrt(policy.max_budget_px / (height * width))
    if wanted > largest:
        smallest_px = math.ceil(_CANDIDATE_FACE_PX / largest * 10) / 10
        raise InvalidRequestError(
            f"In a photo of {width} x {height} px the smallest face that can be found has "
            f"{smallest_px} px, not {min_face_px:g}. Ask for larger ones, or send a part of it.",
            min_face_px=smallest_px,
        )
    return wanted


def searched_from_px(scale: float) -> float:
    """The smallest `face_px` looked for at a scale."""
    return _CANDIDATE_FACE_PX / scale


def find_faces(
    detector: Detector, image: Image, scale: float | None = None, helpers: Executor | None = None
) -> Sighting:
    """All faces of a photo.

    If none is found, or one looks better turned, the photo is also looked at in other ways up, and
    the way in which a face is seen best counts: a limit on the score would not tell them apart.

    Args:
        detector: What looks.
        image: (height, width, 3) uint8, RGB.
        scale: See search_scale, whose default it is.
        helpers: Threads that look at a large picture's tiles.
    """
    height, width = image.shape[:2]
    search = _Search(detector, image, scale or search_scale(width, height), helpers)
    best, turn = search.at(0), 0
    # Turned, more things resemble faces; a real one is seen clearly in its own way up.
    clear = (1 + detector.full_score) / 2
    for other in search.turns_worth_trying(best):
        found = search.at(other)
        if _sureness(found) > max(_sureness(best), clear):
            best, turn = found, other
    return Sighting(best, -90 * turn % 360)


def largest_first(faces: Iterable[Face]) -> list[Face]:
    """Sorted by falling `face_px`."""
    return sorted(faces, key=lambda face: -measure_face_px(face.landmarks))


def count_main(sizes_px: Sequence[float]) -> int:
    """How many of a photo's faces may be the intended one: those that are not bystanders.

    Args:
        sizes_px: `face_px`, largest first.
    """
    return sum(_BYSTANDER_TIMES_SMALLER * size_px > sizes_px[0] for size_px in sizes_px)


def _sureness(faces: Sequence[Face]) -> float:
    """How well faces are seen; a mean would count what merely resembles a face."""
    return max((face.score for face in faces), default=0.0)


class _Search:
    """The looks at one photo, in any of four ways up.

    Attributes:
        scale: How many times larger than the photo the candidate look is.
    """

    def __init__(
        self, detector: Detector, image: Image, scale: float, helpers: Executor | None
    ) -> None:
        self._detector = detector
        self._image = image
        self._helpers = helpers
        self.scale = scale
        self._small = _at_coarse_size(image, scale)

    def at(self, turn: int) -> list[Face]:
        """All faces that are upright when the photo is turned this many times by 90 degrees."""
        seen = distinct(best_first([*self._coarse(turn), *self._candidates(turn)]))
        return self._confirmed(seen[:MOST_FACES], turn)

    def turns_worth_trying(self, upright: Sequence[Face]) -> list[int]:
        """Other ways up in which faces may be seen better than those found."""
        if not upright:
            sure = self._detector.full_score
            return [turn for turn in range(1, _WAYS_UP) if _from(sure, self._coarse(turn))]
        views = [in_square(self._small, _TURN_SIDE_PX)]
        witness = largest_first(upright)[0]
        views.append(around_face(self._image, witness, _TURN_SIDE_PX // 2, _TURN_SIDE_PX))
        turned = [view.turned(turn) for view in views for turn in range(_WAYS_UP)]
        scores = [0.0] * len(turned)
        for index, face in look_together(self._detector, turned, self._detector.likely_score):
            scores[index] = max(scores[index], face.score)
        of_photo, of_face = scores[:_WAYS_UP], scores[_WAYS_UP:]
        return [
            turn
            for turn in range(1, _WAYS_UP)
            if of_photo[turn] > max(of_photo[0], self._detector.full_score)
            or of_face[turn] > of_face[0]
        ]

    def _coarse(self, turn: int) -> list[Face]:
        """Large faces. If none is certain, half the size once more: noise and blur go with it."""
        found: list[Face] = []
        for scale in (1, 1 / 2):
            view = self._small.scaled(scale).turned(turn)
            found += look(self._detector, view, self._detector.likely_score)
            if _from(self._detector.full_score, found):
                break
        return found

    def _candidates(self, turn: int) -> list[Face]:
        """Whatever may be a small face."""

        def look_at(tile: Rect) -> list[Face]:
            view = part_of(self._image, tile, self.scale).turned(turn)
            return look(self._detector, view, self._detector.candidate_score)

        height, width = self._image.shape[:2]
        tiles = _tiles(width, height, self.scale)
        spread: Callable[..., Iterable[list[Face]]] = map
        if self._helpers is not None and len(tiles) > 1:
            spread = self._helpers.map
        return [face for found in spread(look_at, tiles) for face in found]

    def _confirmed(self, candidates: Sequence[Face], turn: int) -> list[Face]:
        """The faces among candidates, by falling score."""
        sure = _from(self._detector.full_score, candidates)
        likely = self._first_sheet(candidates[len(sure) :], turn)
        confirmed = self._second_sheet(distinct(best_first([*sure, *likely])), turn)
        smallest_px = _SMALLEST_SHARE * searched_from_px(self.scale)
        # NaN, where all landmarks are in one place, is not as large as anything.
        sizes_px = measure_faces_px(np.reshape([face.landmarks for face in confirmed], (-1, 5, 2)))
        large = [face for face, px in zip(confirmed, sizes_px, strict=True) if px >= smallest_px]
        return distinct(best_first(large), whole=True)

    def _first_sheet(self, candidates: Sequence[Face], turn: int) -> list[Face]:
        """The likely ones among candidates, each with the best score so far."""
        views = [self._around(face, _FIRST_SHEET_FACE_PX).turned(turn) for face in candidates]
        likely = []
        for index, face in look_together(self._detector, views, self._detector.likely_score):
            before = candidates[index]
            score = max(face.score, before.score) if overlap(face, before) else face.score
            likely.append(replace(face, score=score))
        return likely

    def _second_sheet(self, likely: Sequence[Face], turn: int) -> list[Face]:
        """Those that remain faces when enlarged once more, as they are and mirrored.

        What merely resembles a face seldom does so three times: the mean of all looks counts. The
        two on this sheet say where the landmarks are.
        """
        looks: list[list[Face]] = [[] for _ in likely]
        sides_px = [_second_sheet_side_px(face) for face in likely]
        for side_px in set(sides_px):
            some = [index for index, side in enumerate(sides_px) if side == side_px]
            views = [self._around(likely[index], side_px).turned(turn) for index in some]
            both = [*views, *(view.mirrored() for view in views)]
            seen: dict[int, Face] = {}
            for place, face in look_together(self._detector, both, self._detector.likely_score):
                if overlap(face, likely[some[place % len(some)]]):
                    seen.setdefault(place, face)
            for place, face in seen.items():
                looks[some[place % len(some)]].append(face)
        confirmed = []
        for before, of_face in zip(likely, looks, strict=True):
            score = (before.score + sum(face.score for face in of_face)) / 3
            if of_face and score >= self._detector.full_score:
                confirmed.append(mean_face(of_face, score))
        return confirmed

    def _around(self, face: Face, face_side_px: int) -> View:
        return around_face(self._image, face, face_side_px, _SURROUNDINGS * face_side_px)


def _second_sheet_side_px(face: Face) -> int:
    _, _, width, height = face.box
    is_tiny = width * height < _TINY_PX**2
    return _TINY_SHEET_FACE_PX if is_tiny else _SECOND_SHEET_FACE_PX


def _at_coarse_size(image: Image, scale: float) -> View:
    """The whole photo for the coarse look.

    A tiny picture is enlarged: a face is not seen when it is the whole picture and a few px large.
    """
    height, width = image.shape[:2]
    smallest, largest = _COARSE_SIDES_PX
    side = min(max(scale * max(height, width) / _COARSE_TIMES_SMALLER, smallest), largest)
    return part_of(image, (0, 0, width, height), side / max(height, width))


def _from(min_score: float, faces: Sequence[Face]) -> list[Face]:
    return [face for face in faces if face.score >= min_score]


def _tiles(width: int, height: int, scale: float) -> list[Rect]:
    """As few parts of a photo as fit a tile each when scaled; neighbours overlap."""
    columns, rows = (_spans(side, scale) for side in (width, height))
    return [(x, y, w, h) for y, h in rows for x, w in columns]


def _spans(side: int, scale: float) -> list[tuple[int, int]]:
    """First px and length of each part of a side, all of about the same length."""
    overlap_px = _TILE_OVERLAP_PX / scale
    step_at_most = (_TILE_SIDE_PX - _TILE_OVERLAP_PX) / scale
    parts = max(1, math.ceil((side - overlap_px) / step_at_most))
    step = (side - overlap_px) / parts
    spans = []
    for part in range(parts):
        first, end = math.floor(part * step), math.ceil((part + 1) * step + overlap_px)
        spans.append((first, min(side, end) - first))
    return spans
