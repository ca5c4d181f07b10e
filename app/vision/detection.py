"""How a detector is put to a photo: at which size, and when once more on an enlarged picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from app.errors import LandmarksError
from app.vision.alignment import measure_face_px
from app.vision.detector import Detector, Face, best_first, distinct
from app.vision.image import Image


@dataclass(frozen=True, slots=True)
class DetectionPolicy:
    """When to look at which size. docs/decisions/0003-detection-policy.md has the tables.

    Attributes:
        max_side_px: Photos with a longer side are shrunk for the first look. Below 1300 px no
            detector missed a face for being too large; above 1900 px both do.
        enlarge: How many times larger the second picture is than the first. At 16 px, one time
            finds 50 to 65 % of the faces, three times all; four times cost twice as much and bring
            nothing more.
        enlarge_below_px: `face_px` in the first picture under which a face asks for the second
            look. Above, the second look's landmarks are no better.
        max_enlarged_side_px: The second picture's longer side at most. It bounds time and memory:
            2560 px take five times as long as 1280.
    """

    max_side_px: int = 1280
    enlarge: float = 3.0
    enlarge_below_px: float = 48.0
    max_enlarged_side_px: int = 2560


DEFAULT_POLICY = DetectionPolicy()


def find_faces(
    detector: Detector, image: Image, policy: DetectionPolicy = DEFAULT_POLICY
) -> list[Face]:
    """All faces of a photo, by falling score.

    Where both looks see a face, a small one's landmarks come from the second, a large one's from
    the first.

    Args:
        detector: What looks.
        image: (height, width, 3) uint8, RGB, upright.
        policy: Sizes of both looks.

    Returns:
        Faces in px of `image`, each once.
    """
    longer_side = max(image.shape[:2])
    scale = min(1.0, policy.max_side_px / longer_side)
    faces = _detect_scaled(detector, image, scale)
    small_px = policy.enlarge_below_px / scale
    small = [face for face in faces if measure_face_px(face.landmarks) < small_px]
    enlarged_scale = min(scale * policy.enlarge, policy.max_enlarged_side_px / longer_side)
    if (faces and not small) or enlarged_scale <= scale:
        return faces
    large = [face for face in faces if face not in small]
    return best_first(distinct([*large, *_detect_scaled(detector, image, enlarged_scale), *small]))


def _detect_scaled(detector: Detector, image: Image, scale: float) -> list[Face]:
    """Detect on the picture `scale` times as large; faces in px of `image`, all with a size."""
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = image
    if size != (width, height):
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        picture = np.asarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)
    factors = np.array([width / size[0], height / size[1]])
    faces = [_mapped(face, factors) for face in detector.detect(picture)]
    return [face for face in faces if _has_face_px(face)]


def _mapped(face: Face, factors: np.ndarray) -> Face:
    """Multiply px by (x, y) `factors`. Pixel i's centre is i, its edges are i - 0.5 and i + 0.5."""
    x, y, width, height = face.box
    left, top = (np.array([x, y]) + 0.5) * factors - 0.5
    landmarks = (face.landmarks + 0.5) * factors - 0.5
    return Face(
        box=(float(left), float(top), float(width * factors[0]), float(height * factors[1])),
        landmarks=landmarks.astype(np.float32),
        score=face.score,
    )


def _has_face_px(face: Face) -> bool:
    """Landmarks in one place, as a detector may give for a 1-px picture, are no face."""
    try:
        measure_face_px(face.landmarks)
    except LandmarksError:
        return False
    return True
