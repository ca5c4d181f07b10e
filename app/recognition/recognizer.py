"""One photo's way to the networks: bytes -> image -> faces -> crops and quality."""

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from app.observability import Stopwatch
from app.recognition.byte_budget import ByteBudget
from app.recognition.decoders import OpenPhoto
from app.recognition.reading import Reading
from app.settings import Settings, overridden
from app.vision.aligned_faces import crop_of
from app.vision.alignment import ARCFACE_TEMPLATE, Crop, align
from app.vision.detection import (
    DEFAULT_POLICY,
    DetectionPolicy,
    find_faces,
    search_scale,
    searched_from_px,
)
from app.vision.detector import Detector, Face, load_detector
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.image import Image, PhotoWarning, open_photo
from app.vision.looks import View
from app.vision.photo_file import ImageLimits
from app.vision.quality import Quality, assess


@dataclass(frozen=True, slots=True, eq=False)
class FoundFace:
    """One face of a photo. Its embedding travels beside it, as a row of an array.

    Attributes:
        face: Where it is, in px of the upright photo.
        crop: Its pixels on the template, and its `face_px`.
        quality: The crop's quality.
    """

    face: Face
    crop: Crop
    quality: Quality


@dataclass(frozen=True, slots=True)
class Finding:
    """The faces of one photo.

    Attributes:
        faces: Largest first, at most as many as were asked for.
        faces_found: How many the photo shows.
        width_px: Of the photo, upright as its file says.
        height_px: Likewise.
        rotation_deg: Turn the photo clockwise by this, and its faces are upright.
            Boxes and landmarks refer to the photo as it is.
        searched_from_px: The smallest `face_px` that was looked for; None for a face crop.
        timings_ms: Per stage: decode, detect, align.
        warnings: Faults of the photo, which was used all the same.
    """

    faces: list[FoundFace]
    faces_found: int
    width_px: int
    height_px: int
    rotation_deg: int
    searched_from_px: float | None
    timings_ms: dict[str, float]
    warnings: tuple[PhotoWarning, ...] = ()


class Recognizer:
    """Detector and rules for reading photos.

    Args:
        detector: Finds faces.
        policy: How small faces may be, and what may be spent on them.
        limits: Photos above them are not decoded.
        budget: Memory for photos that are being decoded; further ones wait.
        helpers: Threads that look at parts of large photos.
        open_photo: Reads a file's header; decodes in this process by default.
    """

    def __init__(
        self,
        detector: Detector,
        policy: DetectionPolicy,
        limits: ImageLimits,
        budget: ByteBudget,
        helpers: Executor | None = None,
        open_photo: OpenPhoto = open_photo,
    ) -> None:
        self._detector = detector
        self._policy = policy
        self._limits = limits
        self._budget = budget
        self._helpers = helpers
        self._open_photo = open_photo

    def give_back_memory(self) -> None:
        """Returns to the system what the detector keeps; the next photo takes longer."""
        self._detector.give_back_memory()

    def find(
        self,
        photo: bytes | Image,
        *,
        max_faces: int,
        skip_faces: int = 0,
        detect: bool = True,
        min_face_px: float | None = None,
    ) -> Finding:
        """Finds the faces of a photo.

        Args:
            photo: A file of one of `photo_file.FORMATS`; or decoded, (height, width, 3) uint8,
                RGB, upright.
            max_faces: At most this many are aligned, largest first.
            skip_faces: Skip this many larger ones first.
            detect: False where the photo is already a face crop as `align` makes them, of any
                size: it is taken whole, and its side length is its `face_px`.
            min_face_px: The smallest face to look for; by default the policy's, larger
                where the photo would go beyond the policy's budget.

        Raises:
            InvalidRequestError: `min_face_px` is too small for so large a photo, or not a size.
            UnreadableImageError: Not an image.
            ImageTooLargeError: Above the limits, in size, memory or time.
        """
        stopwatch = Stopwatch()
        reading = Reading(photo, self._limits, self._budget, self._open_photo, stopwatch)
        if detect:
            scale = search_scale(reading.width_px, reading.height_px, self._policy, min_face_px)
            shrink = reading.shrink_for(scale)
            rotation_deg, aligned = self._look(reading, scale, shrink, stopwatch)
            from_px = searched_from_px(scale)
        else:
            rotation_deg, from_px = 0, None
            shrink, aligned = 1, [_whole_photo(reading)]
        largest = sorted(aligned, key=lambda pair: -pair[1].face_px)
        largest = largest[skip_faces : skip_faces + max_faces]
        largest = _with_all_pixels(reading, largest, shrink, stopwatch)
        return Finding(
            faces=[FoundFace(face, crop, assess(crop, face)) for face, crop in largest],
            faces_found=len(aligned),
            width_px=reading.width_px,
            height_px=reading.height_px,
            rotation_deg=rotation_deg,
            searched_from_px=from_px,
            timings_ms=stopwatch.timings_ms,
            warnings=reading.warnings,
        )

    def _look(
        self, reading: Reading, scale: float, shrink: int, stopwatch: Stopwatch
    ) -> tuple[int, list[tuple[Face, Crop]]]:
        """By how much to turn the photo, and all faces with their crops."""
        with reading.view(shrink) as view:
            with stopwatch.stage("detect"):
                sighting = find_faces(self._detector, view.picture, scale * shrink, self._helpers)
            with stopwatch.stage("align"):
                return sighting.rotation_deg, _align_all(view, sighting.faces)


def open_detector(settings: Settings) -> Detector:
    """The detector that the settings describe.

    Raises:
        ModelFileError: Its file is missing, damaged, or could not be fetched.
    """
    return load_detector(
        settings.detector,
        settings.detectors,
        settings.threads.onnxruntime,
        at_once=settings.threads.readers,
        offline=settings.offline,
    )


def open_recognizer(settings: Settings, open_photo: OpenPhoto = open_photo) -> Recognizer:
    """The recognizer that the settings describe.

    Args:
        settings: Of the service.
        open_photo: See Recognizer.

    Raises:
        ModelFileError: The detector's file is missing, damaged, or could not be fetched.
        SettingsError: `detection` names a value that does not exist.
    """
    return Recognizer(
        open_detector(settings),
        overridden(DEFAULT_POLICY, "detection", settings.detection),
        ImageLimits(settings.limits.max_photo_bytes, settings.limits.max_photo_pixels),
        ByteBudget(settings.limits.max_decoded_bytes),
        ThreadPoolExecutor(settings.threads.readers, thread_name_prefix="tiles"),
        open_photo,
    )


def _align_all(view: View, faces: list[Face]) -> list[tuple[Face, Crop]]:
    """Face and crop, in px of the photo, of every detection whose landmarks can be a face's."""
    aligned = []
    for face in faces:
        crop = crop_of(view.picture, face)
        if crop is not None:
            face_px = crop.face_px * float(view.to_photo[0, 0])
            aligned.append((view.in_photo(face), Crop(crop.pixels, face_px)))
    return aligned


def _with_all_pixels(
    reading: Reading, aligned: list[tuple[Face, Crop]], shrink: int, stopwatch: Stopwatch
) -> list[tuple[Face, Crop]]:
    """New crops where the smaller picture had fewer pixels than a crop and the file has more."""
    lacking = [pair for pair in aligned if pair[1].face_px < CROP_SIZE_PX * shrink]
    if shrink == 1 or not lacking:
        return aligned
    enough = [pair for pair in aligned if pair[1].face_px >= CROP_SIZE_PX * shrink]
    with reading.all_pixels_of(lacking) as views, stopwatch.stage("align"):
        return enough + [
            (face, align(view.picture, view.of_photo(face.landmarks)))
            for (face, _), view in zip(lacking, views, strict=True)
        ]


def _whole_photo(reading: Reading) -> tuple[Face, Crop]:
    """A photo that is a crop already, brought to the networks' size."""
    with reading.view() as view:
        height, width = view.picture.shape[:2]
        side_px = float(max(height, width))
        shrinks = side_px > CROP_SIZE_PX
        pixels = cv2.resize(
            view.picture,
            (CROP_SIZE_PX, CROP_SIZE_PX),
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC,
        )
    scale = np.array([width / CROP_SIZE_PX, height / CROP_SIZE_PX], np.float32)
    face = Face((0.0, 0.0, float(width), float(height)), ARCFACE_TEMPLATE * scale, score=1.0)
    return face, Crop(np.asarray(pixels, dtype=np.uint8), side_px)
