"""From detections to crops, leaving out what a detector took for a face by mistake."""

from collections.abc import Iterable

from app.errors import LandmarksError
from app.vision.alignment import Crop, align
from app.vision.detection import count_main
from app.vision.detector import Face
from app.vision.image import Image
from app.vision.quality import QualityLimits, Rejection, assess, rejection


def crop_of(image: Image, face: Face) -> Crop | None:
    """The crop of a detection; None where its landmarks cannot be a face's."""
    try:
        return align(image, face.landmarks)
    except LandmarksError:
        return None


def usable_crop(image: Image, faces: Iterable[Face], limits: QualityLimits) -> Crop | Rejection:
    """The crop of the face that a photo of one person shows, or why the photo cannot be used.

    Args:
        image: (height, width, 3) uint8, RGB.
        faces: All that were detected.
        limits: The face must be within.
    """
    aligned = [(face, crop) for face in faces if (crop := crop_of(image, face)) is not None]
    if not aligned:
        return Rejection.NO_FACE
    aligned.sort(key=lambda pair: -pair[1].face_px)
    if count_main([crop.face_px for _, crop in aligned]) != 1:
        # Nobody can tell who is meant.
        return Rejection.MULTIPLE_FACES
    face, crop = aligned[0]
    return rejection(assess(crop, face), limits) or crop
