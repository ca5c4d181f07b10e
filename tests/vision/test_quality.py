"""Quality tells why a face is not for the gallery, and is fair to small ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.vision.alignment import ARCFACE_TEMPLATE, Crop, align
from app.vision.detection import find_faces
from app.vision.detector import Detector, Face
from app.vision.image import Image, decode_image
from app.vision.quality import (
    IDENTIFICATION_LIMITS,
    REGISTRATION_LIMITS,
    Quality,
    QualityLimits,
    Rejection,
    assess,
    rejection,
)

GOOD = Quality(
    sharpness=0.8,
    brightness=0.5,
    yaw_deg=0,
    pitch_deg=0,
    roll_deg=0,
    detection_score=0.9,
    face_px=120,
)
TEMPLATE_FACE = Face((0, 0, 112, 112), ARCFACE_TEMPLATE, 0.9)


@pytest.fixture(scope="module")
def photo_and_face(sample_photos: dict[str, Path], centerface: Detector) -> tuple[Image, Face]:
    photo = decode_image(sample_photos["obama.jpg"].read_bytes())
    (face,) = find_faces(centerface, photo).faces
    return photo, face


def measured(photo: Image, face: Face) -> Quality:
    return assess(align(photo, face.landmarks), face)


def at_face_px(photo: Image, face: Face, face_px: float, blur_px: float = 0) -> Quality:
    """The same face from a photo of another size, out of focus by `blur_px` of that photo."""
    factor = face_px / align(photo, face.landmarks).face_px
    size = (round(photo.shape[1] * factor), round(photo.shape[0] * factor))
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    if blur_px:
        small = cv2.GaussianBlur(small, (0, 0), blur_px)
    landmarks = ((face.landmarks + 0.5) * factor - 0.5).astype(np.float32)
    return measured(np.asarray(small, dtype=np.uint8), replace(face, landmarks=landmarks))


def test_face_is_accepted_when_photo_is_good(photo_and_face: tuple[Image, Face]) -> None:
    quality = measured(*photo_and_face)
    assert rejection(quality, REGISTRATION_LIMITS) is None
    assert quality.detection_score == photo_and_face[1].score
    assert quality.face_px == pytest.approx(align(*_pixels(photo_and_face)).face_px)


def _pixels(photo_and_face: tuple[Image, Face]) -> tuple[Image, NDArray[np.float32]]:
    return photo_and_face[0], photo_and_face[1].landmarks


@pytest.mark.parametrize("face_px", [16, 20, 24, 33, 48, 64])
def test_small_face_is_sharp_when_its_photo_is_sharp(
    photo_and_face: tuple[Image, Face], face_px: int
) -> None:
    quality = at_face_px(*photo_and_face, face_px)
    assert quality.sharpness > 0.6
    assert rejection(quality, IDENTIFICATION_LIMITS) is None
    expected = None if face_px >= 32 else Rejection.FACE_TOO_SMALL
    assert rejection(quality, REGISTRATION_LIMITS) is expected


@pytest.mark.parametrize(("face_px", "blur_px"), [(110, 5), (110, 8), (64, 4), (48, 3), (33, 2)])
def test_face_is_too_blurry_when_little_detail_is_left(
    photo_and_face: tuple[Image, Face], face_px: int, blur_px: float
) -> None:
    assert rejection(at_face_px(*photo_and_face, face_px, blur_px)) is Rejection.TOO_BLURRY


def test_detail_falls_when_blur_grows(photo_and_face: tuple[Image, Face]) -> None:
    details = [at_face_px(*photo_and_face, 64, blur).detail_px for blur in (0, 1, 2, 3)]
    assert details == sorted(details, reverse=True)
    assert len(set(details)) == 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda pixels: pixels * 0.05, Rejection.TOO_DARK),
        (lambda pixels: pixels * 0.02 + 245, Rejection.TOO_BRIGHT),
    ],
    ids=["dark", "bright"],
)
def test_reason_is_light_when_photo_is_badly_lit(
    photo_and_face: tuple[Image, Face],
    change: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    reason: Rejection,
) -> None:
    photo, face = photo_and_face
    assert rejection(measured(change(photo.astype(float)).astype(np.uint8), face)) is reason


def test_nothing_is_divided_by_zero_when_crop_is_one_colour() -> None:
    flat = Crop(np.full((112, 112, 3), 128, np.uint8), face_px=60)
    quality = assess(flat, TEMPLATE_FACE)
    assert quality.sharpness == 0
    assert rejection(quality) is Rejection.TOO_BLURRY


def test_angles_are_level_when_landmarks_are_a_frontal_face() -> None:
    quality = assess(Crop(np.zeros((112, 112, 3), np.uint8), 112), TEMPLATE_FACE)
    assert abs(quality.yaw_deg) < 2
    assert abs(quality.roll_deg) < 1
    assert abs(quality.pitch_deg) < 15


@pytest.mark.parametrize("roll_deg", [-120, -30, 10, 45, 170])
def test_only_roll_changes_when_face_is_turned_in_the_image(roll_deg: float) -> None:
    turn = np.radians(roll_deg)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    black = Crop(np.zeros((112, 112, 3), np.uint8), 112)
    before = assess(black, TEMPLATE_FACE)
    landmarks = (ARCFACE_TEMPLATE @ matrix.T).astype(np.float32)
    after = assess(black, replace(TEMPLATE_FACE, landmarks=landmarks))
    assert after.roll_deg - before.roll_deg == pytest.approx(roll_deg, abs=1e-3)
    assert after.yaw_deg == pytest.approx(before.yaw_deg, abs=1e-3)
    assert after.pitch_deg == pytest.approx(before.pitch_deg, abs=1e-3)


def test_signs_follow_the_nose_when_head_is_turned() -> None:
    black = Crop(np.zeros((112, 112, 3), np.uint8), 112)

    def with_nose_moved(dx: float, dy: float) -> Quality:
        landmarks = ARCFACE_TEMPLATE.copy()
        landmarks[2] += (dx, dy)
        return assess(black, replace(TEMPLATE_FACE, landmarks=landmarks))

    assert with_nose_moved(-15, 0).yaw_deg < -30 < 30 < with_nose_moved(15, 0).yaw_deg
    assert with_nose_moved(0, 12).pitch_deg < with_nose_moved(0, 0).pitch_deg
    assert with_nose_moved(0, -12).pitch_deg > with_nose_moved(0, 0).pitch_deg
    assert rejection(replace(GOOD, yaw_deg=with_nose_moved(30, 0).yaw_deg)) is (
        Rejection.EXTREME_POSE
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"face_px": 31.9}, Rejection.FACE_TOO_SMALL),
        ({"face_px": 32.0}, None),
        ({"brightness": 0.05}, Rejection.TOO_DARK),
        ({"brightness": 0.95}, Rejection.TOO_BRIGHT),
        ({"yaw_deg": -51.0}, Rejection.EXTREME_POSE),
        ({"pitch_deg": 36.0}, Rejection.EXTREME_POSE),
        ({"roll_deg": 90.0}, None),
        ({"sharpness": 0.1}, Rejection.TOO_BLURRY),
        ({"sharpness": 0.1, "face_px": 20.0}, Rejection.FACE_TOO_SMALL),
    ],
)
def test_first_reason_is_told_when_a_limit_is_passed(
    change: dict[str, float], reason: Rejection | None
) -> None:
    assert rejection(replace(GOOD, **change)) is reason


def test_limits_decide_when_they_are_set_otherwise() -> None:
    assert rejection(GOOD, QualityLimits(min_face_px=121)) is Rejection.FACE_TOO_SMALL


def test_reasons_are_those_of_the_design() -> None:
    assert {str(reason) for reason in Rejection} == {
        "no_face", "multiple_faces", "face_too_small", "too_blurry", "too_dark", "too_bright",
        "extreme_pose", "face_covered", "outlier", "duplicate_photo", "unreadable_image",
        "image_too_large",
    }  # fmt: skip
    assert len(Rejection) == 12
