"""Both detectors find real faces, at every size, once each, whoever calls them."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.errors import InvalidRequestError, SettingsError
from app.vision.alignment import measure_face_px
from app.vision.detection import DetectionPolicy, find_faces, search_scale, searched_from_px
from app.vision.detector import (
    Detector,
    Face,
    distinct,
    load_detector,
)
from app.vision.image import Image, decode_image
from app.vision.model_files import YUNET


@pytest.fixture(params=["centerface", pytest.param("yunet", marks=pytest.mark.research)])
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


def large_faces(detector: Detector, image: Image) -> list[Face]:
    """Without a glass on the table that both detectors take for a face of 29 px."""
    height, width = image.shape[:2]
    return find_faces(detector, image, search_scale(width, height, min_face_px=64)).faces


def placed(image: Image, width: int, height: int, x: int, y: int) -> Image:
    """The photo on a larger grey picture."""
    picture = np.full((height, width, 3), 110, np.uint8)
    picture[y : y + image.shape[0], x : x + image.shape[1]] = image
    return picture


def same_place(face: Face, landmarks: NDArray[np.floating], share: float) -> bool:
    """Whether a face's landmarks are so near, in shares of its size."""
    off = np.linalg.norm(face.landmarks - landmarks, axis=1).mean()
    return bool(off < share * measure_face_px(face.landmarks))


def shrunk_to(image: Image, face: Face, face_px: float) -> tuple[Image, NDArray[np.float64]]:
    """The photo with its face at `face_px`, and where the landmarks are then."""
    small = scaled(image, face_px / measure_face_px(face.landmarks))
    factor = np.array(small.shape[1::-1]) / image.shape[1::-1]
    return small, np.asarray((face.landmarks + 0.5) * factor - 0.5)


def test_every_face_is_found_once_when_six_people_are_in_the_photo(
    detector: Detector, group: Image
) -> None:
    faces = large_faces(detector, group)
    assert len(faces) == 6
    scores = [face.score for face in faces]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_landmarks_are_in_the_templates_order_when_face_is_upright(
    detector: Detector, group: Image
) -> None:
    for face in large_faces(detector, group):
        left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
        assert face.landmarks.dtype == np.float32
        assert left_eye[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
        x, y, width, height = face.box
        assert x < nose[0] < x + width
        assert y < nose[1] < y + height


@pytest.mark.research
@pytest.mark.parametrize("size", [(640, 640), (800, 608), (320, 224)])
def test_yunet_answers_as_by_opencv_when_the_picture_has_any_size(
    yunet: Detector, shared: Path, group: Image, size: tuple[int, int]
) -> None:
    picture = np.asarray(cv2.resize(group, size, interpolation=cv2.INTER_AREA), np.uint8)
    opencv = cv2.FaceDetectorYN.create(str(shared / "weights" / YUNET.name), "", size, 0.3, 0.3)
    _, rows = opencv.detect(picture[..., ::-1])
    faces = yunet.detect(picture, 0.3)
    assert len(faces) == len(rows) >= 6
    # Of opencv's rows: box, five landmarks, score.
    theirs = sorted(rows.tolist(), key=lambda row: -row[-1])
    ours = [[*face.box, *face.landmarks.flatten(), face.score] for face in faces]
    assert np.abs(np.array(ours) - theirs).max() < 0.01


@pytest.mark.parametrize("face_px", [12, 16, 24, 32, 64])
def test_face_is_found_and_precise_when_it_is_small(
    detector: Detector, portrait: Image, face_px: int
) -> None:
    (face,) = find_faces(detector, portrait).faces
    small, expected = shrunk_to(portrait, face, face_px)
    (found,) = find_faces(detector, placed(small, 640, 480, 201, 143)).faces
    assert same_place(found, expected + np.array([201, 143]), 0.08)


@pytest.mark.research
@pytest.mark.parametrize(
    ("width", "height", "face_px"), [(1920, 1080, 16), (3840, 2160, 24), (6000, 4000, 40)]
)
def test_small_face_is_found_beside_a_large_one_when_the_picture_is_large(
    yunet: Detector, portrait: Image, width: int, height: int, face_px: int
) -> None:
    (face,) = find_faces(yunet, portrait).faces
    small, expected = shrunk_to(portrait, face, face_px)
    large, of_large = shrunk_to(portrait, face, height / 3)
    picture = placed(small, width, height, width - 400, 211)
    left, top = (of_large.min(axis=0) - height / 3).astype(int).clip(min=0)
    large = large[top : top + height, left : left + height]
    picture[: large.shape[0], : large.shape[1]] = large
    with ThreadPoolExecutor(2) as helpers:
        faces = find_faces(yunet, picture, helpers=helpers).faces
    for landmarks in (expected + np.array([width - 400, 211]), of_large - np.array([left, top])):
        assert sum(same_place(face, landmarks, 0.1) for face in faces) == 1


@pytest.mark.parametrize("side_px", [480, 1280, 4000])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_face_is_one_when_it_fills_the_picture(
    detector: Detector, portrait: Image, side_px: int, share: float
) -> None:
    (face,) = find_faces(detector, portrait).faces
    x, y, width, height = face.box
    side = height / share
    left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side / 2)
    cut = portrait[max(0, top) : round(top + side), max(0, left) : round(left + side)]
    picture = scaled(cut, side_px / cut.shape[0])
    (found,) = find_faces(detector, picture).faces
    factor = np.array(picture.shape[1::-1]) / cut.shape[1::-1]
    expected = (face.landmarks - [max(0, left), max(0, top)] + 0.5) * factor - 0.5
    assert same_place(found, expected, 0.08)


@pytest.mark.parametrize("side_px", [24, 32, 48])
def test_face_is_found_when_it_is_all_of_a_tiny_picture(
    detector: Detector, portrait: Image, side_px: int
) -> None:
    (face,) = find_faces(detector, portrait).faces
    x, y, width, height = (round(value) for value in face.box)
    tiny = scaled(portrait[y : y + height, x : x + width], side_px / height)
    (found,) = find_faces(detector, tiny).faces
    factor = np.array(tiny.shape[1::-1]) / [width, height]
    expected = (face.landmarks - [x, y] + 0.5) * factor - 0.5
    assert same_place(found, expected, 0.15)


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_photo_is_turned_upright_when_it_lies_on_its_side_or_head(
    detector: Detector, portrait: Image, quarter_turns: int
) -> None:
    upright = find_faces(detector, portrait)
    assert upright.rotation_deg == 0
    turned = np.ascontiguousarray(np.rot90(portrait, quarter_turns))
    found = find_faces(detector, turned)
    assert found.rotation_deg == 90 * quarter_turns  # it was turned counter-clockwise
    (face,) = found.faces
    height, width = portrait.shape[:2]
    x, y = upright.faces[0].landmarks.T
    expected = {
        1: np.stack([y, width - 1 - x], axis=1),
        2: np.stack([width - 1 - x, height - 1 - y], axis=1),
        3: np.stack([height - 1 - y, x], axis=1),
    }[quarter_turns]
    assert same_place(face, expected, 0.05)


def test_face_is_found_when_the_sensor_is_noisy(detector: Detector, portrait: Image) -> None:
    (face,) = find_faces(detector, portrait).faces
    picture, expected = shrunk_to(portrait, face, 175)
    noise = np.random.default_rng(0).normal(0, 40, picture.shape)
    (found,) = find_faces(detector, np.clip(picture + noise, 0, 255).astype(np.uint8)).faces
    assert same_place(found, expected, 0.1)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 2), (500, 333), (1200, 1600)])
def test_nothing_is_found_when_there_is_no_face(detector: Detector, size: tuple[int, int]) -> None:
    chance = np.random.default_rng(0)
    assert find_faces(detector, np.full((*size, 3), 128, np.uint8)).faces == []
    noise = chance.integers(0, 256, (*size, 3), dtype=np.uint8)
    assert find_faces(detector, noise).faces == []


def test_answers_do_not_mix_when_threads_share_a_detector(detector: Detector, group: Image) -> None:
    def boxes(picture: Image) -> list[tuple[float, float, float, float]]:
        return [face.box for face in detector.detect(picture, detector.full_score)]

    pictures = [scaled(group, factor) for factor in (1.0, 0.6, 0.45, 0.8)]
    alone = [boxes(picture) for picture in pictures]
    assert all(alone)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(boxes, pictures * 4))
    assert together == alone * 4


def test_smallest_face_rises_when_the_picture_is_beyond_the_budget() -> None:
    policy = DetectionPolicy(min_face_px=16, budget_px=1_000_000, max_budget_px=4_000_000)
    assert searched_from_px(search_scale(640, 480, policy)) == 16
    assert searched_from_px(search_scale(2000, 2000, policy)) == 40
    assert searched_from_px(search_scale(2000, 2000, policy, min_face_px=20)) == 20
    with pytest.raises(InvalidRequestError) as refused:
        search_scale(2000, 2000, policy, min_face_px=19)
    assert refused.value.facts["min_face_px"] == 20


@pytest.mark.parametrize(
    "values",
    [{"min_face_px": 0}, {"min_face_px": math.nan}, {"budget_px": 0}, {"max_budget_px": -1}],
)
def test_policy_is_refused_when_nothing_could_be_looked_for(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        DetectionPolicy(**values)


class Recorder:
    """Finds nothing, and notes how many px it was shown at once."""

    full_score, likely_score, candidate_score = 0.6, 0.2, 0.05

    def __init__(self) -> None:
        self.shown_px: list[int] = []

    def detect(self, image: Image, min_score: float) -> list[Face]:
        self.shown_px.append(image.shape[0] * image.shape[1])
        return []

    def give_back_memory(self) -> None:
        """Keeps none."""


@pytest.mark.parametrize("size", [(4000, 6000), (30, 40_000)])
@pytest.mark.research
def test_pictures_stay_small_when_the_photo_is_large(size: tuple[int, int]) -> None:
    recorder = Recorder()
    find_faces(recorder, np.zeros((*size, 3), np.uint8))
    assert max(recorder.shown_px) <= 1100**2
    assert sum(recorder.shown_px) <= 2.5 * DetectionPolicy().budget_px


class Noting:
    """A detector that notes how many px it was shown at once."""

    def __init__(self, detector: Detector) -> None:
        self.full_score = detector.full_score
        self.likely_score = detector.likely_score
        self.candidate_score = detector.candidate_score
        self.shown_px: list[int] = []
        self._detector = detector

    def detect(self, image: Image, min_score: float) -> list[Face]:
        self.shown_px.append(image.shape[0] * image.shape[1])
        return self._detector.detect(image, min_score)

    def give_back_memory(self) -> None:
        self._detector.give_back_memory()


@pytest.mark.research
def test_pictures_stay_small_when_the_photo_is_full_of_faces(
    yunet: Detector, portrait: Image
) -> None:
    (face,) = find_faces(yunet, portrait).faces
    small, landmarks = shrunk_to(portrait, face, 40)
    x, y = landmarks[2].round().astype(int)
    head = small[max(0, y - 35) : y + 35, max(0, x - 35) : x + 35]
    noting = Noting(yunet)
    assert len(find_faces(noting, np.tile(head, (12, 12, 1))).faces) > 100
    assert max(noting.shown_px) <= 1100**2


def test_first_of_overlapping_faces_stays_when_duplicates_are_dropped() -> None:
    boxes = [(0, 0, 10, 10), (1, 0, 10, 10), (30, 0, 10, 10), (30, 2, 10, 9), (0, 8, 10, 10)]
    faces = [Face((*map(float, box),), np.zeros((5, 2), np.float32), 0.5) for box in boxes]  # type: ignore[arg-type] # four floats
    assert distinct(faces) == [faces[0], faces[2], faces[4]]
    assert distinct([]) == []


def test_calls_wait_for_each_other_when_there_are_more_than_may_run_at_once(
    detectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[int] = []
    seen: list[int] = []

    class Session:
        def run(self, *_: object) -> list[NDArray[np.float32]]:
            running.append(1)
            seen.append(len(running))
            time.sleep(0.02)
            running.pop()
            raise MemoryError  # whatever happens, the next one gets its turn

    monkeypatch.setattr("app.vision.detector.open_session", lambda *_: Session())
    detector = load_detector("centerface", detectors, at_once=2)
    picture = np.zeros((64, 64, 3), np.uint8)
    with ThreadPoolExecutor(6) as callers:
        calls = [callers.submit(detector.detect, picture, 0.5) for _ in range(12)]
    assert all(isinstance(call.exception(), MemoryError) for call in calls)
    assert len(seen) == 12
    assert max(seen) == 2
