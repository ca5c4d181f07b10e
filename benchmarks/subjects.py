"""The people of the benchmarks: whole photos of one person each, and where the face is.

The truth comes from YuNet in OpenCV, on the photo at a size at which it misses nobody, so that it
does not depend on the code under test.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.vision.alignment import measure_face_px
from app.vision.image import Image, decode_image
from app.vision.model_files import YUNET, checked
from benchmarks.material import SHARED, scaled

ENROLLED_PHOTOS = 4
"""How many photos of each person are registered; the others are probes."""

_LONGEST_SIDE_PX = 1000
_LOOK_AT_PX = 640
_MIN_SCORE = 0.6
_OVERLAP = 0.3
_SURE = 0.9
_UPRIGHT_DEG = 30

Box = NDArray[np.float64]
"""x, y of the left upper corner, width, height; px."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A photo of one person.

    Attributes:
        person: Who it is.
        number: The photo's place among those of this person, from 0.
        photo: RGB, at most 1000 px on its longer side.
        box: Of the face.
        landmarks: (5, 2), as the service reports them.
        face_px: Source px under the side of the aligned crop.
        score: How sure YuNet is of the face.
        is_alone: Whether it sees no other face.
    """

    person: str
    number: int
    photo: Image
    box: Box
    landmarks: NDArray[np.float64]
    face_px: float
    score: float
    is_alone: bool

    @property
    def centre(self) -> NDArray[np.float64]:
        """Of the box: x, y."""
        return self.box[:2] + self.box[2:] / 2

    @property
    def is_plain(self) -> bool:
        """Whether it is the only face and seen clearly: not in profile, not lying on its side."""
        right_eye, left_eye = self.landmarks[:2]
        across, down = left_eye - right_eye
        tilt_deg = abs(float(np.degrees(np.arctan2(down, across))))
        return self.is_alone and self.score >= _SURE and tilt_deg <= _UPRIGHT_DEG

    def has_around(self, times: float) -> bool:
        """Whether a square window of this many `face_px` around the face fits in the photo."""
        room = np.minimum(self.centre, np.array(self.photo.shape[1::-1]) - self.centre)
        return bool((room >= times / 2 * self.face_px).all())


def read_subjects() -> list[Subject]:
    """All photos of `photos/`, by person and file name."""
    detector = cv2.FaceDetectorYN.create(
        str(checked(YUNET, SHARED / "weights")), "", (320, 320), _MIN_SCORE, _OVERLAP
    )
    subjects = []
    for folder in sorted((SHARED / "photos").iterdir()):
        for number, path in enumerate(sorted(folder.glob("*.jpg"))):
            photo = decode_image(path.read_bytes())
            photo = scaled(photo, min(1.0, _LONGEST_SIDE_PX / max(photo.shape[:2])))
            subjects.append(_subject(detector, folder.name, number, photo))
    return subjects


def _subject(detector: cv2.FaceDetectorYN, person: str, number: int, photo: Image) -> Subject:
    small = scaled(photo, min(1.0, _LOOK_AT_PX / max(photo.shape[:2])))
    size = small.shape[1], small.shape[0]
    detector.setInputSize(size)
    rows = detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
    row = max(rows, key=lambda row: float(row[2] * row[3])).astype(np.float64)
    factors = np.array(photo.shape[1::-1]) / size
    landmarks = row[4:14].reshape(5, 2) * factors
    box = row[:4] * np.tile(factors, 2)
    return Subject(
        person=person,
        number=number,
        photo=photo,
        box=box,
        landmarks=landmarks,
        face_px=measure_face_px(landmarks),
        score=float(row[14]),
        is_alone=len(rows) == 1,
    )
