"""Is a face good enough: sharpness, brightness, pose, size; and the reasons to refuse.

The limits are for registration: what enters the gallery affects everybody's probes later. A probe
that is merely bad harms nobody, so identification has its own, wide limits.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from app.vision.alignment import Crop
from app.vision.detector import Face
from app.vision.dimensions import CROP_SIZE_PX

# The crop without the outer eighth, where hair, background and the photo's border are.
_FACE_REGION = slice(CROP_SIZE_PX // 8, CROP_SIZE_PX - CROP_SIZE_PX // 8)

# Detail is looked for from this wavelength up: finer, sensor noise and rounding pass for detail.
_SMOOTHING_SIGMA_PX = 1.2
# Smoothed once more, crops of sharp faces of 12 to 40 px lose face_px / 322 of their gradient. For
# larger faces this shows nothing more, and need not: at 48 px recognition lacks almost nothing
# (docs/decisions/0004-quality-thresholds.md, "Detail").
_DETAIL_PX_PER_LOSS = 322.0
_MAX_DETAIL_PX = 40.0

# The median face of faces/val as YuNet marks it: where the nose lies between the line of the eyes
# (0) and that of the mouth (1). The depths of the nose are assumed, which makes the angles
# estimates; the limits were measured with these very estimates.
_NOSE_HEIGHT = 0.54
_NOSE_DEPTH_PER_EYE_DISTANCE = 0.50
_NOSE_DEPTH_PER_FACE_HEIGHT = 0.43


class Rejection(StrEnum):
    """Why a photo is not used: the first five from `rejection`, the others from callers."""

    FACE_TOO_SMALL = "face_too_small"
    TOO_BLURRY = "too_blurry"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    EXTREME_POSE = "extreme_pose"
    FACE_COVERED = "face_covered"
    NO_FACE = "no_face"
    MULTIPLE_FACES = "multiple_faces"
    OUTLIER = "outlier"
    DUPLICATE_PHOTO = "duplicate_photo"
    UNREADABLE_IMAGE = "unreadable_image"
    IMAGE_TOO_LARGE = "image_too_large"


@dataclass(frozen=True, slots=True)
class Quality:
    """What can be said of a face without recognising it.

    Attributes:
        sharpness: 0..1; at 0.5, a sharp face of half as many px would show as much detail.
            Relative to `face_px` (40 at most), so that no face is blurry for being small.
        brightness: 0..1, mean luma of the face.
        yaw_deg: Turned to the image's left (negative) or right; an estimate from five points.
        pitch_deg: Looking up (positive) or down; an estimate from five points.
        roll_deg: Head tilted, clockwise in the image; alignment removes it.
        detection_score: 0..1, the detector's own; scales differ between detectors.
        face_px: Source px that the crop's side covers.
    """

    sharpness: float
    brightness: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    detection_score: float
    face_px: float

    @property
    def detail_px(self) -> float:
        """The size of a sharp face that would show as much detail, in px, at most 40."""
        return self.sharpness * min(self.face_px, _MAX_DETAIL_PX)


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Outside these limits a face is rejected. The defaults are for registration.

    docs/decisions/0004-quality-thresholds.md has the tables.

    Attributes:
        min_face_px: Small faces in the gallery resemble each other, whoever's they are.
        min_detail_px: The same for faces that are large but blurred.
        min_brightness: Below this the face is mostly noise.
        max_brightness: Above this most of the face is white.
        max_yaw_deg: Either way.
        max_pitch_deg: Either way.
        max_similarity_without_eyes: At this cosine and above between a face and itself without
            its eyes, they were hidden already; see `app.vision.covers`.
        max_similarity_without_mouth: The same for nose and mouth.
    """

    min_face_px: float = 32.0
    min_detail_px: float = 15.0
    min_brightness: float = 0.06
    max_brightness: float = 0.85
    max_yaw_deg: float = 50.0
    max_pitch_deg: float = 35.0
    max_similarity_without_eyes: float = 0.88
    max_similarity_without_mouth: float = 0.8


REGISTRATION_LIMITS = QualityLimits()

IDENTIFICATION_LIMITS = QualityLimits(
    min_face_px=8.0,
    min_detail_px=0.0,
    min_brightness=0.02,
    max_brightness=0.97,
    max_yaw_deg=90.0,
    max_pitch_deg=90.0,
)


def assess(crop: Crop, face: Face) -> Quality:
    """Measure a face.

    Args:
        crop: (112, 112, 3) uint8, RGB, aligned, with its `face_px`.
        face: The detection that it was made from.
    """
    luma = cv2.cvtColor(crop.pixels, cv2.COLOR_RGB2GRAY)[_FACE_REGION, _FACE_REGION]
    grey = luma.astype(np.float32)
    yaw, pitch, roll = _pose_deg(face.landmarks)
    return Quality(
        sharpness=min(1.0, _detail_px(grey) / min(crop.face_px, _MAX_DETAIL_PX)),
        brightness=float(grey.mean()) / 255,
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        detection_score=face.score,
        face_px=crop.face_px,
    )


def rejection(quality: Quality, limits: QualityLimits = REGISTRATION_LIMITS) -> Rejection | None:
    """The first reason to refuse this face, or None. In the order of the remedies."""
    reasons = {
        Rejection.FACE_TOO_SMALL: quality.face_px < limits.min_face_px,
        Rejection.TOO_DARK: quality.brightness < limits.min_brightness,
        Rejection.TOO_BRIGHT: quality.brightness > limits.max_brightness,
        Rejection.EXTREME_POSE: abs(quality.yaw_deg) > limits.max_yaw_deg
        or abs(quality.pitch_deg) > limits.max_pitch_deg,
        Rejection.TOO_BLURRY: quality.detail_px < limits.min_detail_px,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _detail_px(grey: NDArray[np.float32]) -> float:
    """How large a sharp face would show as much detail as this crop.

    Smoothing once more takes much from a sharp picture's gradients and little from those of a soft
    one (the idea of Crete et al., "The blur effect", SPIE 2007). Contrast and brightness cancel.
    """
    smooth = _smoothed(grey)
    before = _total_gradient(smooth)
    if before == 0:
        return 0.0
    loss = 1 - _total_gradient(_smoothed(smooth)) / before
    return max(0.0, loss) * _DETAIL_PX_PER_LOSS


def _smoothed(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), _SMOOTHING_SIGMA_PX), dtype=np.float32)


def _total_gradient(grey: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(grey, axis=0)).sum() + np.abs(np.diff(grey, axis=1)).sum())


def _pose_deg(landmarks: NDArray[np.float32]) -> tuple[float, float, float]:
    """Yaw, pitch, roll from where the nose lies between the eyes and the mouth."""
    left_eye, right_eye, nose, left_mouth, right_mouth = landmarks.astype(np.float64)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    across = right_eye - left_eye
    roll = math.atan2(across[1], across[0])
    # From here on in a frame where the eyes are level.
    upright = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    eye_distance = float(np.hypot(*across))
    down = float((upright @ (mouth - eyes))[1])
    nose_x, nose_y = upright @ (nose - eyes)
    # The nose belongs on the line from the eyes to the mouth, which a chin to one side tilts.
    nose_x -= float((upright @ (mouth - eyes))[0]) * _NOSE_HEIGHT
    yaw = math.atan2(nose_x, eye_distance * _NOSE_DEPTH_PER_EYE_DISTANCE)
    pitch = math.atan2(down * _NOSE_HEIGHT - nose_y, abs(down) * _NOSE_DEPTH_PER_FACE_HEIGHT)
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)
