"""What optics, sensors and JPEG do to a picture, drawn at random but seeded.

`camera` applies it to whole photos for evaluation; `trainer.degradation` to crops for training.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from app.vision.scaling import Pixels

_DOWNSAMPLERS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)
_DOWNSAMPLER_ODDS = (0.5, 0.2, 0.2, 0.1)
_ISOTROPIC, _, _MOTION = range(3)

BLUR_PX = (0.2, 0.8)
"""Standard deviation of the blur, in pixels of the small picture."""

LONG_BLUR = (1.0, 2.5)
"""So many times as much along one direction, for two of three."""


def draw_downsampler(rng: np.random.Generator) -> int:
    """OpenCV's area averaging (50 %), bilinear (20 %), bicubic (20 %) or nearest neighbour."""
    return int(rng.choice(_DOWNSAMPLERS, p=_DOWNSAMPLER_ODDS))


def blur(picture: Pixels, source_px: float, rng: np.random.Generator) -> Pixels:
    """Blurs by up to a pixel of the small picture, so that it keeps something to restore.

    A Gaussian: round, long, or a line as by motion, with equal odds.

    Args:
        picture: (height, width, 3) uint8.
        source_px: How many pixels of the picture become one of the small picture.
        rng: The only source of chance.
    """
    across = rng.uniform(*BLUR_PX) * source_px
    kind = rng.integers(3)
    along = across if kind == _ISOTROPIC else across * rng.uniform(*LONG_BLUR)
    if kind == _MOTION:
        across = 0.1 * source_px
    angle = rng.uniform(0, math.pi)
    radius = max(1, math.ceil(2.5 * along))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    u = x * math.cos(angle) + y * math.sin(angle)
    v = y * math.cos(angle) - x * math.sin(angle)
    kernel = np.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2))
    blurred = cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.uint8)


def add_noise(picture: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    """Gaussian noise of a standard deviation in levels of 0..255, for each channel its own."""
    return to_bytes(picture + rng.normal(0, deviation, picture.shape))


def compress(picture: Pixels, quality: int) -> Pixels:
    """(height, width, 3) uint8 RGB through JPEG of a quality from 0 to 100."""
    # JPEG wants BGR; the channels are swapped back at once.
    _, encoded = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[:, :, ::-1], dtype=np.uint8)


def to_bytes(values: NDArray[np.floating]) -> Pixels:
    """Rounded; what lies outside 0..255 is cut."""
    return values.round().clip(0, 255).astype(np.uint8)
