"""Masks and dark glasses, drawn over faces of photos."""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.vision.image import Image

MASK_COLOURS = ((110, 160, 200), (228, 228, 225), (28, 28, 30), (120, 120, 122))
GLASS_COLOURS = ((18, 18, 20), (42, 32, 26), (60, 60, 66))
# From the eyes' line to the mouth's: where the mask begins on the nose.
_BRIDGE = 0.3
_FRACTION_BITS = 4


def draw_mask(photo: Image, landmarks: NDArray[np.floating], colour: int = 0) -> Image:
    """A copy of a photo with a mask from the bridge of the nose to under the chin.

    Args:
        photo: (height, width, 3) uint8, RGB.
        landmarks: (5, 2) of the face, as detectors report them.
        colour: Which of MASK_COLOURS.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = landmarks.astype(np.float64)
    across = (right_eye - left_eye + right_mouth - left_mouth) / 2
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    down = mouth - eyes
    top = eyes + _BRIDGE * down
    corners = [
        top - 1.0 * across + 0.1 * down,
        top - 0.3 * across,
        top + 0.3 * across,
        top + 1.0 * across + 0.1 * down,
        mouth + 0.75 * across + 0.25 * down,
        mouth + 0.35 * across + 0.7 * down,
        mouth - 0.35 * across + 0.7 * down,
        mouth - 0.75 * across + 0.25 * down,
    ]
    covered = photo.copy()
    points = np.round(np.array(corners) * 2**_FRACTION_BITS).astype(np.int32)
    cv2.fillPoly(covered, [points], MASK_COLOURS[colour], cv2.LINE_AA, _FRACTION_BITS)
    return covered


def draw_glasses(photo: Image, landmarks: NDArray[np.floating], colour: int = 0) -> Image:
    """A copy of a photo with dark glasses; arguments as in `draw_mask`."""
    left_eye, right_eye = landmarks[:2].astype(np.float64)
    across = right_eye - left_eye
    distance_px = float(np.hypot(*across))
    angle_deg = float(np.degrees(np.arctan2(across[1], across[0])))
    axes = (round(0.42 * distance_px), round(0.32 * distance_px))
    covered = photo.copy()
    for eye in (left_eye, right_eye):
        centre = (round(eye[0]), round(eye[1]))
        ring = (angle_deg, 0, 360, GLASS_COLOURS[colour], -1, cv2.LINE_AA)
        cv2.ellipse(covered, centre, axes, *ring)
    ends = [tuple(np.round(end).astype(int).tolist()) for end in (left_eye, right_eye)]
    thickness = max(1, round(0.07 * distance_px))
    cv2.line(covered, ends[0], ends[1], GLASS_COLOURS[colour], thickness, cv2.LINE_AA)
    return covered
