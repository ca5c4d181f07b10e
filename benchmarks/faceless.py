"""Pictures without faces: anything found in them is false."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image

from app.vision.image import Image
from benchmarks.scenes import Size
from benchmarks.subjects import Subject

_PAINTED_OVER = 1.7
"""How much larger than the face's box the painted part is."""

_INPAINT_AT_PX = 400
_INPAINT_RADIUS_PX = 5
_OCTAVES = 8
_NOISE_SIGMA = 60
_BLURRED_SIGMA_PX = 4
_LARGEST_PART: Size = (1280, 720)


def painted_over(subject: Subject) -> Image:
    """The photo with what surrounds the face drawn over the face."""
    scale = min(1.0, _INPAINT_AT_PX / max(subject.photo.shape[:2]))
    photo = cv2.resize(subject.photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    mask = np.zeros(photo.shape[:2], np.uint8)
    half = subject.box[2:] / 2 * _PAINTED_OVER
    left, top = np.maximum(0, (subject.centre - half) * scale).astype(int)
    right, bottom = ((subject.centre + half) * scale).astype(int)
    mask[top:bottom, left:right] = 1
    done = cv2.inpaint(photo, mask, _INPAINT_RADIUS_PX, cv2.INPAINT_TELEA)
    return np.asarray(done, dtype=np.uint8)


def make_faceless(kind: str, seed: int, size: Size, faceless_photos: Sequence[Image]) -> Image:
    """A picture of one of `KINDS`.

    Args:
        kind: Which.
        seed: Of everything random.
        size: Of the picture.
        faceless_photos: For the kind `painted over`; see there.
    """
    chance = np.random.default_rng(seed)
    if kind == "painted over":
        return _mosaic(chance, size, faceless_photos)
    # More at once would take long and show nothing else.
    part = min(size[0], _LARGEST_PART[0]), min(size[1], _LARGEST_PART[1])
    return _mosaic(chance, size, [KINDS[kind](chance, part)])


def _noise(chance: np.random.Generator, size: Size) -> Image:
    """Grey with noise on every channel of every pixel."""
    return _as_grey(chance.normal(0, 1, (size[1], size[0], 3)).astype(np.float32))


def _blurred_noise(chance: np.random.Generator, size: Size) -> Image:
    """Noise out of focus, with its contrast restored."""
    noise = chance.normal(0, 1, (size[1], size[0], 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), _BLURRED_SIGMA_PX)
    return _as_grey(soft)


def _texture(chance: np.random.Generator, size: Size) -> Image:
    """Noise of all wavelengths, each as strong as it is long: clouds, foliage, stone."""
    total: NDArray[np.float32] = np.zeros((size[1], size[0], 3), np.float32)
    for octave in range(1, _OCTAVES + 1):
        cells = max(2, size[1] >> (_OCTAVES - octave)), max(2, size[0] >> (_OCTAVES - octave))
        few = chance.normal(0, 1, (*cells, 3)).astype(np.float32)
        total += np.float32(1 / octave) * cv2.resize(few, size, interpolation=cv2.INTER_CUBIC)
    return _as_grey(total)


def _gradients(chance: np.random.Generator, size: Size) -> Image:
    """Few colours that run into each other."""
    few = chance.integers(0, 256, (3, 4, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(few, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _scenery(chance: np.random.Generator, size: Size) -> Image:
    """Photos of a temple and of a flower, side by side and mirrored."""
    photos = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    return _mosaic(chance, size, [np.asarray(photo, dtype=np.uint8) for photo in photos])


def _as_grey(values: np.ndarray) -> Image:
    """Around middle grey, as strong as all noise here."""
    strong = values / values.std() * _NOISE_SIGMA
    return np.asarray(np.clip(128 + strong, 0, 255), dtype=np.uint8)


def _mosaic(chance: np.random.Generator, size: Size, photos: Sequence[Image]) -> Image:
    """Photos at their own size in rows, some mirrored, until the picture is full."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    y = 0
    while y < size[1]:
        x, tallest = 0, size[1]
        while x < size[0]:
            photo = photos[int(chance.integers(len(photos)))]
            photo = photo[:, ::-1] if chance.random() < 1 / 2 else photo
            part = photo[: size[1] - y, : size[0] - x]
            picture[y : y + part.shape[0], x : x + part.shape[1]] = part
            x += part.shape[1]
            tallest = min(tallest, photo.shape[0])
        y += tallest
    return picture


KINDS: dict[str, Callable[[np.random.Generator, Size], Image]] = {
    "noise": _noise,
    "blurred noise": _blurred_noise,
    "texture": _texture,
    "gradients": _gradients,
    "scenery": _scenery,
}
"""All but `painted over`, which needs photos."""
