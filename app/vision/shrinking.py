"""Shrinking a crop or a photo: the plainest loss of detail, and the one that is evaluated."""

import cv2
import numpy as np

from app.vision.dimensions import CROP_SIZE_PX
from app.vision.scaling import Pixels


def shrink(crop: Pixels, face_px: int, interpolation: int = cv2.INTER_AREA) -> Pixels:
    """(112, 112, 3) uint8 -> (face_px, face_px, 3), by area averaging unless told otherwise."""
    small = cv2.resize(crop, (face_px, face_px), interpolation=interpolation)
    return np.asarray(small, dtype=np.uint8)


def shrink_photo(photo: Pixels, scale: float, interpolation: int = cv2.INTER_AREA) -> Pixels:
    """(height, width, 3) uint8 -> scale times as large, by area averaging unless told otherwise."""
    height, width = photo.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=interpolation), dtype=np.uint8)


def enlarge(small: Pixels) -> Pixels:
    """(any, any, 3) uint8 -> (112, 112, 3), bicubic, as the service enlarges small faces."""
    crop = cv2.resize(small, (CROP_SIZE_PX, CROP_SIZE_PX), interpolation=cv2.INTER_CUBIC)
    return np.asarray(crop, dtype=np.uint8)


def shrink_and_enlarge(crop: Pixels, face_px: int) -> Pixels:
    """A crop as if its face had covered this many pixels."""
    return enlarge(shrink(crop, face_px))
