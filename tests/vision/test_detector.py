"""Both detectors find real faces, at every size, once each, whoever calls them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.vision.alignment import measure_face_px
from app.vision.detection import DetectionPolicy, find_faces
from app.vision.detector import (
    Detector,
    Face,
    distinct,
)
from app.vision.image import Image, decode_image

ONE_LOOK = DetectionPolicy(enlarge=1.0)


@pytest.fixture(params=["centerface", "yunet"])
def detector(request: pytest.FixtureRequest) -> Detector:
    found: Detector = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def group(sample_photos: dict[str, Path]) -> Image:
    """Six people."""
    return decode_image(sample_photos["t1.jpg"].read_bytes())


@pytest.fixture(scope="session")
def portrait(sample_photos: dict[str, Path]) -> Image:
    """One person, in full size."""
    return decode_image(sample_photos["obama.jpg"].read_bytes())


def scaled(image: Image, factor: float) -> Image:
    height, width = image.shape[:2]
    size = (round(width * factor), round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def shrunk_to(image: Image, face: Face, face_px: float) -> tuple[Image, NDArray[np.float64]]:
    """The photo with its face at `face_px`, and where the landmarks are then."""
    small = scaled(image, face_px / measure_face_px(face.landmarks))
    factor = np.array(small.shape[1::-1]) / image.shape[1::-1]
    return small, np.asarray((face.landmarks + 0.5) * factor - 0.5)


def test_every_face_is_found_once_when_six_people_are_in_the_photo(
    detector: Detector, group: Image
) -> None:
    faces = find_faces(detector, group)
    assert len(faces) == 6
    scores = [face.score for face in faces]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_landmarks_are_in_the_templates_order_when_face_is_upright(
    detector: Detector, group: Image
) -> None:
    for face in find_faces(detector, group):
        left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
        assert face.landmarks.dtype == np.float32
        assert left_eye[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
        x, y, width, height = face.box
        assert x < nose[0] < x + width
        assert y < nose[1] < y + height


@pytest.mark.parametrize("face_px", [16, 24, 32])
def test_face_is_found_and_precise_when_it_is_small(
    detector: Detector, portrait: Image, face_px: int
) -> None:
    (face,) = find_faces(detector, portrait)
    small, expected = shrunk_to(portrait, face, face_px)
    (found,) = find_faces(detector, small)
    assert np.linalg.norm(found.landmarks - expected, axis=1).mean() < 0.08 * face_px


def test_second_look_finds_more_when_faces_have_16_px(detector: Detector, group: Image) -> None:
    largest = max(find_faces(detector, group), key=lambda face: face.box[2])
    small, _ = shrunk_to(group, largest, 16)
    assert len(find_faces(detector, small, ONE_LOOK)) < 6
    assert len(find_faces(detector, small)) >= 5


def test_faces_lie_in_the_photo_when_it_was_shrunk_before_looking(
    detector: Detector, group: Image
) -> None:
    expected = find_faces(detector, group)
    found = find_faces(detector, scaled(group, 3.0))
    assert len(found) == len(expected)
    for face in found:
        distances = [np.abs(face.landmarks / 3 - other.landmarks).max() for other in expected]
        assert min(distances) < 0.1 * measure_face_px(face.landmarks) / 3


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 2), (500, 333)])
def test_nothing_is_found_when_there_is_no_face(detector: Detector, size: tuple[int, int]) -> None:
    chance = np.random.default_rng(0)
    assert find_faces(detector, np.full((*size, 3), 128, np.uint8)) == []
    assert find_faces(detector, chance.integers(0, 256, (*size, 3), dtype=np.uint8)) == []


def test_answers_do_not_mix_when_threads_share_a_detector(detector: Detector, group: Image) -> None:
    pictures = [scaled(group, factor) for factor in (1.0, 0.6, 0.45, 0.8)]
    alone = [[face.box for face in detector.detect(picture)] for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(detector.detect, pictures * 4))
    assert [[face.box for face in faces] for faces in together] == alone * 4


class RecordingDetector:
    """Finds one face of a given size in the whole photo's px, and notes what it was shown."""

    def __init__(self, photo_side: int, face_px: float | None) -> None:
        self.sides: list[int] = []
        self._photo_side = photo_side
        self._face_px = face_px

    def detect(self, image: Image) -> list[Face]:
        self.sides.append(max(image.shape[:2]))
        if self._face_px is None:
            return []
        side = self._face_px * max(image.shape[:2]) / self._photo_side
        template = np.array([[0.34, 0.46], [0.66, 0.46], [0.5, 0.64], [0.37, 0.82], [0.63, 0.82]])
        return [Face((0, 0, side, side), (template * side).astype(np.float32), 0.9)]


@pytest.mark.parametrize(
    ("photo_side", "face_px", "sides"),
    [
        (400, 200, [400]),
        (400, 20, [400, 1200]),
        (400, None, [400, 1200]),
        (1000, 20, [1000, 2560]),
        (4000, 400, [1280]),
        (4000, 100, [1280, 2560]),
    ],
)
def test_photo_is_enlarged_only_when_a_face_is_small_or_missing(
    photo_side: int, face_px: float | None, sides: list[int]
) -> None:
    recorder = RecordingDetector(photo_side, face_px)
    faces = find_faces(recorder, np.zeros((photo_side // 2, photo_side, 3), np.uint8))
    assert recorder.sides == sides
    assert len(faces) == (face_px is not None)


def test_first_of_overlapping_faces_stays_when_duplicates_are_dropped() -> None:
    boxes = [(0, 0, 10, 10), (1, 0, 10, 10), (30, 0, 10, 10), (30, 2, 10, 9), (0, 8, 10, 10)]
    faces = [Face((*map(float, box),), np.zeros((5, 2), np.float32), 0.5) for box in boxes]  # type: ignore[arg-type] # four floats
    assert distinct(faces) == [faces[0], faces[2], faces[4]]
    assert distinct([]) == []
