"""The one face of a photo of one person."""

import numpy as np
import pytest

from app.vision.aligned_faces import usable_crop
from app.vision.alignment import ARCFACE_TEMPLATE, Crop
from app.vision.detector import Face
from app.vision.quality import QualityLimits, Rejection

ANY = QualityLimits(min_face_px=1, min_detail_px=0)
PHOTO = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)


def face(x: float, y: float, side_px: float) -> Face:
    landmarks = (ARCFACE_TEMPLATE * side_px / 112 + (x, y)).astype(np.float32)
    return Face((x, y, side_px, side_px), landmarks, score=0.9)


def mistaken(landmarks: np.ndarray) -> Face:
    return Face((0, 0, 100, 100), landmarks.astype(np.float32), score=0.9)


IMPOSSIBLE = [
    mistaken(np.full((5, 2), 50.0)),
    mistaken(np.full((5, 2), np.nan)),
    mistaken(ARCFACE_TEMPLATE * 100),
]


def test_largest_face_is_cropped_when_the_others_are_bystanders() -> None:
    found = usable_crop(PHOTO, [face(500, 10, 20), face(100, 100, 200)], ANY)
    assert isinstance(found, Crop)
    assert found.face_px == pytest.approx(200, rel=1e-3)


def test_photo_is_rejected_when_two_faces_are_of_one_size() -> None:
    faces = [face(10, 10, 150), face(300, 10, 160)]
    assert usable_crop(PHOTO, faces, ANY) is Rejection.MULTIPLE_FACES


@pytest.mark.parametrize("other", IMPOSSIBLE)
def test_detection_counts_for_nothing_when_its_landmarks_are_no_face(other: Face) -> None:
    assert usable_crop(PHOTO, [other], ANY) is Rejection.NO_FACE
    assert isinstance(usable_crop(PHOTO, [other, face(100, 100, 200)], ANY), Crop)


def test_photo_is_rejected_when_its_face_is_outside_the_limits() -> None:
    limits = QualityLimits(min_face_px=50)
    assert usable_crop(PHOTO, [face(100, 100, 30)], limits) is Rejection.FACE_TOO_SMALL
