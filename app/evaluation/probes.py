"""Views of a photo for evaluation: as it is, and shrunk to given face sizes.

Three ways to shrink. `crop`: the aligned crop is shrunk and enlarged again, so that alignment is
perfect and only the loss of detail is measured. `photo`: the whole photo is shrunk, then detected
and aligned as in the service, so that a missed face or wrong landmarks count too. `camera`: as
`photo`, but the small picture is what a camera gives, with blur, noise and compression.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from app.errors import EvaluationError
from app.evaluation.camera import LEVELS, draw_chance, photograph, require_encoder
from app.evaluation.sizes import Size
from app.vision.aligned_faces import crop_of
from app.vision.alignment import Crop
from app.vision.detection import find_faces
from app.vision.detector import Face, load_detector
from app.vision.detector_choice import DetectorName
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.image import Image
from app.vision.shrinking import shrink_and_enlarge, shrink_photo

Degrade = Literal["crop", "photo", "camera"]
DEGRADE_HELP = (
    "crop: shrink the aligned crop. photo: shrink the whole photo, then detect and align as the "
    "service does; faces that are no longer found count as misses. camera: as photo, with what a "
    f"camera would give of it, drawn for each photo and size, and the same each time: {LEVELS}. hr "
    "stays the sharp photo in all of them."
)
"""What the option says in both commands."""
FaceFinder = Callable[[Image], list[Face]]
Viewer = Callable[[Image, Sequence[Size]], list[Crop | None]]
"""From a photo and sizes to one crop per size; None if no face was found."""


def view_aligned(image: Image, sizes: Sequence[Size]) -> list[Crop | None]:
    """A viewer of files that are aligned crops already.

    Raises:
        EvaluationError: It is not 112x112.
    """
    if image.shape[:2] != (CROP_SIZE_PX, CROP_SIZE_PX):
        height, width = image.shape[:2]
        raise EvaluationError(
            f"The file has {width}x{height} px; an aligned crop has {CROP_SIZE_PX}x{CROP_SIZE_PX}. "
            "Leave out --aligned for photos that are not aligned."
        )
    crop = Crop(image, float(CROP_SIZE_PX))
    return [shrink_crop(crop, size) for size in sizes]


def make_viewer(
    aligned: bool, degrade: Degrade, detector: DetectorName, detectors: Path, *, offline: bool
) -> Viewer:
    """The viewer for the options of an `evaluate` command.

    Args:
        aligned: The files are aligned crops already.
        degrade: Which way probes are shrunk.
        detector: What finds the faces, unless the files are aligned.
        detectors: The folder of the detectors' files.
        offline: Fetch none of them.

    Raises:
        EvaluationError: Whole photos are to be shrunk, but there are only crops; or there is no
            encoder for what a camera gives.
        ModelFileError: The detector's file is missing, damaged, or could not be fetched.
    """
    if not aligned:
        if degrade == "camera":
            require_encoder()
        loaded = load_detector(detector, detectors, offline=offline)
        return detecting_viewer(lambda image: find_faces(loaded, image).faces, degrade)
    if degrade != "crop":
        raise EvaluationError(
            f"--degrade {degrade} shrinks whole photos; --aligned means there are only crops. "
            "Use --degrade crop, or a folder of whole photos."
        )
    return view_aligned


def detecting_viewer(find: FaceFinder, degrade: Degrade) -> Viewer:
    """A viewer of photos with a face somewhere in them.

    Args:
        find: Detection as the service does it.
        degrade: Which way probes are shrunk.
    """
    return partial(_view_photo, find, degrade)


def shrink_crop(crop: Crop, size: Size) -> Crop:
    """Shrinks a crop by area averaging to size x size and enlarges it again, bicubic.

    A crop whose face covers no more source pixels than that is returned as it is.
    """
    if size is None or crop.face_px <= size:
        return crop
    return Crop(shrink_and_enlarge(crop.pixels, size), float(size))


def _view_photo(
    find: FaceFinder, degrade: Degrade, image: Image, sizes: Sequence[Size]
) -> list[Crop | None]:
    height, width = image.shape[:2]
    face = _most_prominent(find(image), width, height)
    crop = None if face is None else crop_of(image, face)
    if face is None or crop is None:
        return [None] * len(sizes)
    if degrade == "crop":
        return [shrink_crop(crop, size) for size in sizes]
    is_camera = degrade == "camera"
    return [_find_again(find, is_camera, image, face, crop, size) for size in sizes]


def _find_again(
    find: FaceFinder, is_camera: bool, image: Image, face: Face, crop: Crop, size: Size
) -> Crop | None:
    """The same face, found again in the whole photo shrunk until `face_px` is about `size`."""
    if size is None or crop.face_px <= size:
        return crop
    scale = size / crop.face_px
    if is_camera:
        small = photograph(image, scale, draw_chance(image, size))
    else:
        small = shrink_photo(image, scale)
    centre = _centre(face) * scale
    reach = max(face.box[2], face.box[3]) * scale / 2
    there = [other for other in find(small) if np.abs(_centre(other) - centre).max() <= reach]
    nearest = min(
        there, key=lambda other: float(np.hypot(*(_centre(other) - centre))), default=None
    )
    return None if nearest is None else crop_of(small, nearest)


def _most_prominent(faces: list[Face], width: int, height: int) -> Face | None:
    """The large face near the middle: the person whom a photo in a folder is of."""
    middle = np.array([width, height]) / 2

    def prominence(face: Face) -> float:
        offset = _centre(face) - middle
        return face.box[2] * face.box[3] - 2 * float(offset @ offset)

    return max(faces, key=prominence, default=None)


def _centre(face: Face) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    x, y, width, height = face.box
    return np.array([x + width / 2, y + height / 2])
