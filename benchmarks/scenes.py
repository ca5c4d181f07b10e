"""Pictures with faces in known places; the same seed gives the same picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.vision.image import Image
from benchmarks.material import scaled
from benchmarks.subjects import Box, Subject

Size = tuple[int, int]
"""Width and height, px."""

SURROUNDINGS = 2.2
"""Side of the window that is cut out around a face, in `face_px`."""

_SOFT = 0.25
"""Width of the window's soft border, in `face_px`; the aligned crop ends before it."""

WHOLE = 1.5
"""Photos with this many `face_px` around the face lose nothing of it to the soft border."""

_BIG_SHARE = 1 / 3
_PATCHES = (4, 3)
_PATCH_PX = 2
_GRAIN = 3.0
_GRAIN_SIDE_PX = 512
_TRIES = 10_000
_JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A face of a picture: whose it is, where it is, how large it is."""

    subject: Subject
    box: Box
    face_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """RGB pixels and all faces in them."""

    pixels: Image
    faces: list[Placed]


def as_jpeg(pixels: Image) -> bytes:
    """The picture as a camera would store it."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    done, content = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), flags)
    assert done
    return content.tobytes()


def make_scene(
    seed: int, size: Size, subjects: Sequence[Subject], face_px: float, count: int, *, big: bool
) -> Picture:
    """Small faces with their surroundings in front of a blurred background.

    Args:
        seed: Of everything random.
        size: Of the picture.
        subjects: Who may be in it.
        face_px: Of the small faces.
        count: How many small faces.
        big: Whether there is also one face of a third of the picture's height.
    """
    chance = np.random.default_rng(seed)
    pixels = _background(chance, size, subjects)
    order = chance.permutation(len(subjects))
    chosen = [subjects[int(index)] for index in np.resize(order, count)]
    sizes = [face_px] * count
    if big:
        sizes.insert(0, size[1] * _BIG_SHARE)
        sharpest = sorted(subjects, key=lambda subject: -subject.face_px)[: len(subjects) // 3 + 1]
        chosen.insert(0, sharpest[int(chance.integers(len(sharpest)))])
    centres = _free_places(chance, size, [SURROUNDINGS * side for side in sizes])
    faces = [
        _set_in(pixels, subject, side, centre)
        for subject, side, centre in zip(chosen, sizes, centres, strict=False)
    ]
    return Picture(pixels, faces)


def make_portrait(subject: Subject, height_px: int, share: float) -> Picture:
    """The head alone: the face's box takes this share of the picture's height, 4 wide to 5 high.

    Outside the photo its border is repeated.
    """
    height = subject.box[3] / share
    width = height * 0.8
    scale = height_px / height
    left, top = subject.centre - np.array([width, height]) / 2
    matrix = np.array([[scale, 0.0, -left * scale], [0.0, scale, -top * scale]])
    photo = subject.photo
    if scale < 1:  # bicubic alone would alias
        photo = scaled(photo, scale)
        factors = np.array(photo.shape[1::-1]) / subject.photo.shape[1::-1]
        matrix[:, :2] /= factors
    pixels = cv2.warpAffine(
        photo,
        matrix,
        (round(width * scale), height_px),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    x, y, box_width, box_height = subject.box
    box = np.array([x - left, y - top, box_width, box_height]) * scale
    whole = np.asarray(pixels, dtype=np.uint8)
    return Picture(whole, [Placed(subject, box, subject.face_px * scale)])


def make_turned(subject: Subject, quarters: int) -> Picture:
    """The photo turned counter-clockwise by this many times 90 degrees."""
    box, (height, width) = subject.box, subject.photo.shape[:2]
    for _ in range(quarters % 4):
        x, y, box_width, box_height = box
        box = np.array([y, width - x - box_width, box_height, box_width])
        width, height = height, width
    pixels = np.ascontiguousarray(np.rot90(subject.photo, quarters))
    return Picture(pixels, [Placed(subject, box, subject.face_px)])


def make_noisy(subject: Subject, sigma: float, seed: int) -> Picture:
    """The photo with Gaussian noise on every channel of every pixel."""
    noise = np.random.default_rng(seed).normal(0, sigma, subject.photo.shape)
    pixels = np.clip(subject.photo + noise, 0, 255).astype(np.uint8)
    return Picture(pixels, [Placed(subject, subject.box, subject.face_px)])


def _background(chance: np.random.Generator, size: Size, subjects: Sequence[Subject]) -> Image:
    """Photos shrunk to a few pixels each and enlarged, with a little grain."""
    columns, rows = _PATCHES
    chosen = chance.integers(len(subjects), size=(rows, columns))
    patches = [
        [
            cv2.resize(subjects[index].photo, (_PATCH_PX, _PATCH_PX), interpolation=cv2.INTER_AREA)
            for index in row
        ]
        for row in chosen
    ]
    few = np.concatenate([np.concatenate(row, axis=1) for row in patches], axis=0)
    smooth = cv2.resize(few, size, interpolation=cv2.INTER_CUBIC)
    grain = chance.normal(0, _GRAIN, (_GRAIN_SIDE_PX, _GRAIN_SIDE_PX, 3)).astype(np.int8)
    for y in range(0, size[1], _GRAIN_SIDE_PX):
        for x in range(0, size[0], _GRAIN_SIDE_PX):
            tile = smooth[y : y + _GRAIN_SIDE_PX, x : x + _GRAIN_SIDE_PX]
            tile[:] = np.clip(tile + grain[: tile.shape[0], : tile.shape[1]], 0, 255)
    return np.asarray(smooth, dtype=np.uint8)


def _free_places(
    chance: np.random.Generator, size: Size, sides: Sequence[float]
) -> list[NDArray[np.float64]]:
    """Centres of squares that neither overlap nor reach out of the picture."""
    centres: list[NDArray[np.float64]] = []
    limits = np.array(size)
    for side in sides:
        for _ in range(_TRIES):
            centre = chance.uniform(side / 2, limits - side / 2)
            apart = [
                np.abs(centre - other).max() >= (side + other_side) / 2
                for other, other_side in zip(centres, sides, strict=False)
            ]
            if all(apart):
                centres.append(centre)
                break
        else:
            raise ValueError(f"{len(sides)} faces do not fit into {size[0]} x {size[1]} px.")
    return centres


def _set_in(pixels: Image, subject: Subject, face_px: float, centre: NDArray[np.float64]) -> Placed:
    """Blends a face into `pixels`, where it is `face_px` wide, and returns where it is."""
    half = SURROUNDINGS / 2 * subject.face_px
    limits = np.array(subject.photo.shape[1::-1])
    first = np.clip(np.round(subject.centre - half), 0, limits).astype(int)
    last = np.clip(np.round(subject.centre + half), 0, limits).astype(int)
    window = subject.photo[first[1] : last[1], first[0] : last[0]]
    patch = scaled(window, face_px / subject.face_px)
    height, width = patch.shape[:2]
    factors = np.array([width, height]) / (last - first)
    corner = np.round(centre - (subject.centre - first) * factors).astype(int)
    corner = np.clip(corner, 0, np.array(pixels.shape[1::-1]) - (width, height))
    soft = np.minimum.outer(_ramp(height, _SOFT * face_px), _ramp(width, _SOFT * face_px))
    target = pixels[corner[1] : corner[1] + height, corner[0] : corner[0] + width]
    target[:] = np.round(target + soft[:, :, None] * (patch.astype(np.float64) - target))
    x, y = (subject.box[:2] - first) * factors + corner
    return Placed(subject, np.array([x, y, *(subject.box[2:] * factors)]), face_px)


def _ramp(length: int, border: float) -> NDArray[np.float64]:
    """Rises from 0 to 1 within `border` px of both ends."""
    place = np.arange(length) + 0.5
    return np.asarray(np.clip(np.minimum(place, length - place) / border, 0, 1))
