"""Is a part of a face hidden? Then little is lost when that part is taken away.

Where a mask or dark glasses hide it, a network sees the cover, which others wear too: people
registered covered resemble each other more than themselves (docs/decisions/0015). A face that stays
much the same without its eyes, or without nose and mouth, did not show them.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.vision.alignment import ARCFACE_TEMPLATE, Crop
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.quality import QualityLimits

_EYES = ARCFACE_TEMPLATE[:2]
_GLASS_RADII_PX = (16.0, 11.0)
_GLASS = 25
# What any mask hides: rows and columns of the crop.
_LOWER_FACE = (slice(64, CROP_SIZE_PX), slice(24, 88))
_EDGE_SIGMA_PX = 2.0


def without_eyes(crop: Crop) -> Crop:
    """The face with dark discs over the eyes."""
    y, x = np.mgrid[:CROP_SIZE_PX, :CROP_SIZE_PX]
    hidden = np.zeros((CROP_SIZE_PX, CROP_SIZE_PX), np.float32)
    for eye_x, eye_y in _EYES:
        across, down = (x - eye_x) / _GLASS_RADII_PX[0], (y - eye_y) / _GLASS_RADII_PX[1]
        hidden[across**2 + down**2 <= 1] = 1
    return _painted(crop, hidden, np.full(3, _GLASS))


def without_mouth(crop: Crop) -> Crop:
    """The face with nose, mouth and chin in their mean colour."""
    hidden = np.zeros((CROP_SIZE_PX, CROP_SIZE_PX), np.float32)
    hidden[_LOWER_FACE] = 1
    return _painted(crop, hidden, crop.pixels[_LOWER_FACE].mean(axis=(0, 1)))


def is_covered(
    face: NDArray[np.float32],
    no_eyes: NDArray[np.float32],
    no_mouth: NDArray[np.float32],
    limits: QualityLimits,
) -> bool:
    """Whether a face stays much the same without its eyes, or without nose and mouth.

    Args:
        face: (512,) embedding of unit length.
        no_eyes: The embedding of the face `without_eyes`.
        no_mouth: The embedding of the face `without_mouth`.
        limits: The similarities from which this holds.
    """
    return (
        float(face @ no_eyes) >= limits.max_similarity_without_eyes
        or float(face @ no_mouth) >= limits.max_similarity_without_mouth
    )


def _painted(
    crop: Crop, hidden: NDArray[np.float32], colour: NDArray[np.floating | np.integer]
) -> Crop:
    """The crop in one colour where `hidden` is 1, with a soft edge."""
    share = np.asarray(cv2.GaussianBlur(hidden, (0, 0), _EDGE_SIGMA_PX))[..., np.newaxis]
    pixels = crop.pixels * (1 - share) + colour * share
    return Crop(pixels.astype(np.uint8), crop.face_px)
