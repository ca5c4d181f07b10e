"""What the person before the camera is told."""

import numpy as np
import pytest

from app.commands import capture
from app.commands.capture import Advisor
from app.vision.detection import DEFAULT_POLICY, Sighting
from app.vision.detector import Face
from app.vision.image import Image
from app.vision.quality import REGISTRATION_LIMITS, Rejection

# They fit the template with a scale near zero only: the crop would cover 60,000 px.
NO_FACE = np.array(
    [
        [97.16976, 87.50103],
        [69.36647, 23.74666],
        [83.25914, 41.86518],
        [68.10435, 34.81061],
        [82.97016, 89.65714],
    ],
    dtype=np.float32,
)


class Blind:
    """Is not asked: what it would see is put in its place."""

    full_score, likely_score, candidate_score = 0.9, 0.7, 0.5

    def detect(self, image: Image, min_score: float) -> list[Face]:
        raise AssertionError

    def give_back_memory(self) -> None:
        raise AssertionError


def test_camera_goes_on_when_the_landmarks_of_a_detection_are_no_face(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mistaken = Sighting([Face((10.0, 10.0, 100.0, 100.0), NO_FACE, score=1.0)], 0)
    monkeypatch.setattr(capture, "find_faces", lambda *_: mistaken)
    advisor = Advisor(Blind(), DEFAULT_POLICY, REGISTRATION_LIMITS)
    advice = advisor.advise(np.zeros((240, 320, 3), np.uint8))
    assert advice.reason is Rejection.NO_FACE
