"""The Python API, for scripts and notebooks: the service's recognition code without a server.

docs/python_api.md shows it at work, and is run as a test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from app.errors import NoFaceError, UnreadableImageError
from app.gallery.file import read_gallery, write_gallery
from app.gallery.local import LocalGallery
from app.gallery.portable import crops_of, move_gallery
from app.observability import Stopwatch
from app.recognition.decision import Decision, decide, how_many
from app.recognition.recognizer import FoundFace, Recognizer, open_recognizer
from app.recognition.serving import Serving
from app.settings import Settings
from app.vision.alignment import Crop
from app.vision.bundle import find_bundle, load_bundle
from app.vision.device import DeviceName, choose_device
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder, Route, mean_embedding
from app.vision.image import Image, PhotoWarning
from app.vision.quality import Quality

__all__ = [
    "FaceResult",
    "Pipeline",
    "PipelineConfig",
    "Result",
    "build_pipeline",
    "load_gallery",
    "mean_embedding",
    "save_gallery",
]

_CROP_SHAPE = (CROP_SIZE_PX, CROP_SIZE_PX, 3)

PhotoSource = str | Path | bytes | Image
"""A file, the bytes of one, or (height, width, 3) uint8 RGB, upright."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """What a pipeline is made of. Absent values are the service's settings (FARSIGHT_*).

    Attributes:
        device: `auto`, `cpu` or `cuda`.
        bundle: A name in the bundle store, or the path of a bundle's folder.
        detectors: The folder of the detectors' files.
        false_accept_rate: The bundle's thresholds for this rate are used.
        threshold: Minimum similarity to name a user, instead of the bundle's thresholds.
        gallery: A gallery file to begin with; without it the gallery is empty.
    """

    device: DeviceName | None = None
    bundle: str | Path | None = None
    detectors: Path | None = None
    false_accept_rate: float | None = None
    threshold: float | None = None
    gallery: Path | None = None


class FaceResult(TypedDict):
    """One face of a photo, and whose it is.

    Attributes:
        identity: The user's label; None for a stranger.
        score: Similarity (raw cosine, -1..1) to the most similar user; None when there is none.
        threshold: Minimum score at which `identity` is set.
        margin: The runner-up's score is this much lower; None when there is none.
        candidates: Labels and scores, best first, as many as asked for.
        box: x, y, width, height in px of the upright photo.
        landmarks: (5, 2) float32: left eye, right eye, nose, left and right mouth corner.
        face_px: Source px under the side of the aligned crop.
        route: `dsr` where DSR restored the face first, else `direct`.
        quality: Sharpness, brightness, pose.
        crop: (112, 112, 3) uint8 RGB, aligned.
        embedding: (512,) float32 of unit length.
    """

    identity: str | None
    score: float | None
    threshold: float
    margin: float | None
    candidates: list[tuple[str, float]]
    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    face_px: float
    route: Route
    quality: Quality
    crop: NDArray[np.uint8]
    embedding: NDArray[np.float32]


class Result(TypedDict):
    """A photo: its largest face, and all of them. Without a face every value of it is None.

    Attributes:
        faces: Largest first.
        faces_found: Including those beyond `max_faces`.
        rotation_deg: 0, 90, 180 or 270: by how much to turn the photo clockwise for its faces to
            be upright. Boxes and landmarks are those of the photo as it is.
        searched_from_px: The smallest `face_px` that was looked for; None for a face crop.
        timings_ms: Per stage.
        warnings: Faults of the photo, which was used all the same.
    """

    identity: str | None
    score: float | None
    threshold: float | None
    margin: float | None
    box: tuple[float, float, float, float] | None
    landmarks: NDArray[np.float32] | None
    face_px: float | None
    route: Route | None
    quality: Quality | None
    crop: NDArray[np.uint8] | None
    embedding: NDArray[np.float32] | None
    faces: list[FaceResult]
    faces_found: int
    rotation_deg: int
    searched_from_px: float | None
    timings_ms: dict[str, float]
    warnings: tuple[PhotoWarning, ...]


class Pipeline:
    """From a photo to who is on it. For one thread at a time; `build_pipeline` makes one.

    Attributes:
        gallery: Who is known.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        embedder: Embedder,
        *,
        false_accept_rate: float,
        default_threshold: float,
        threshold: float | None,
        follows_probe: bool,
    ) -> None:
        self._recognizer = recognizer
        self._embedder = embedder
        self._false_accept_rate = false_accept_rate
        self._default_threshold = default_threshold
        self._threshold = threshold
        self._follows_probe = follows_probe
        self.gallery = LocalGallery(embedder.bundle.space_id, embedder.bundle.manifest.name)

    @property
    def space_id(self) -> str:
        """The space of every embedding here."""
        return self._embedder.bundle.space_id

    def run(
        self,
        photo: PhotoSource,
        *,
        threshold: float | None = None,
        top_k: int = 0,
        max_faces: int = 10,
        detect: bool = True,
        min_face_px: float | None = None,
    ) -> Result:
        """Identifies every face of a photo.

        Args:
            photo: What to look at.
            threshold: For this photo, instead of the pipeline's.
            top_k: How many candidates to list per face, whatever their score.
            max_faces: At most this many faces are identified, largest first.
            detect: False where the photo is already a face crop.
            min_face_px: The smallest face to look for, 8 to 1000; by default the setting's,
                16, and more in large photos.

        Raises:
            InvalidRequestError: `min_face_px` is too small for so large a photo, or not a size.
            UnreadableImageError: No such file, no image, or an array of another shape.
            ImageTooLargeError: More bytes or pixels than the settings allow.
        """
        found = self._recognizer.find(
            _read(photo), max_faces=max_faces, detect=detect, min_face_px=min_face_px
        )
        stopwatch = Stopwatch()
        with stopwatch.stage("embed"):
            embeddings = self.embed_crops([face.crop for face in found.faces])
        serving = self._serving()
        wanted = self._threshold if threshold is None else threshold
        faces = []
        for face, embedding in zip(found.faces, embeddings, strict=True):
            probe = mean_embedding(embedding[np.newaxis])
            matches = serving.gallery.search(probe, how_many(top_k))
            decision = decide(serving, [face], probe, matches, threshold=wanted, top_k=top_k)
            faces.append(_face_result(face, embedding, serving, decision))
        largest = faces[0] if faces else None
        return Result(
            identity=largest and largest["identity"],
            score=largest and largest["score"],
            threshold=largest and largest["threshold"],
            margin=largest and largest["margin"],
            box=largest and largest["box"],
            landmarks=largest and largest["landmarks"],
            face_px=largest and largest["face_px"],
            route=largest and largest["route"],
            quality=largest and largest["quality"],
            crop=largest and largest["crop"],
            embedding=largest and largest["embedding"],
            faces=faces,
            faces_found=found.faces_found,
            rotation_deg=found.rotation_deg,
            searched_from_px=found.searched_from_px,
            timings_ms=found.timings_ms | stopwatch.timings_ms,
            warnings=found.warnings,
        )

    def upscale(self, photo: PhotoSource, *, detect: bool = True) -> NDArray[np.uint8]:
        """What DSR makes of the largest face, whatever its size.

        Args:
            photo: What to look at.
            detect: False where the photo is already a face crop.

        Returns:
            (112, 112, 3) uint8 RGB, aligned; the crop itself where the bundle has no DSR.

        Raises:
            NoFaceError: The photo shows no face.
            UnreadableImageError: See `run`.
            ImageTooLargeError: See `run`.
        """
        found = self._recognizer.find(_read(photo), max_faces=1, detect=detect)
        if not found.faces:
            raise NoFaceError("Send a photo that shows a face.")
        return self._embedder.upscale(found.faces[0].crop)

    def infer_embedding(
        self, crop: NDArray[np.uint8], face_px: float = CROP_SIZE_PX
    ) -> NDArray[np.float32]:
        """Embeds an aligned crop.

        Args:
            crop: (112, 112, 3) uint8 RGB, as `upscale` and `run` give it.
            face_px: Source px under it, which decide its route. By default EdgeFace takes
                it as it is.

        Returns:
            (512,) float32 of unit length.

        Raises:
            UnreadableImageError: The array has another shape or type.
        """
        if crop.shape != _CROP_SHAPE or crop.dtype != np.uint8:
            raise UnreadableImageError("A crop is an array of (112, 112, 3) uint8, RGB.")
        embeddings, _ = self._embedder.embed([Crop(crop, face_px)])
        return np.asarray(embeddings[0])

    def embed_crops(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        """(n, 512) float32 of unit length, of any number of crops."""
        embeddings, _ = self._embedder.embed(crops)
        return embeddings

    def _serving(self) -> Serving:
        return Serving(
            self._embedder,
            self.gallery.search_index,
            self._false_accept_rate,
            self._default_threshold,
            follows_probe=self._follows_probe,
        )


def build_pipeline(config: PipelineConfig | None = None) -> Pipeline:
    """Loads detector and networks.

    Raises:
        BundleError: The bundle is missing or damaged.
        DeviceError: `cuda` without a GPU.
        ModelFileError: The detector's file is missing, damaged, or could not be fetched.
        GalleryFileError: See load_gallery.
        SettingsError: A FARSIGHT_* variable is out of its range.
    """
    config = config or PipelineConfig()
    settings = Settings.read()
    device = choose_device(config.device or settings.device)
    folder = config.bundle or settings.bundle
    if isinstance(folder, str):
        folder = find_bundle(settings.bundles, folder)
    if config.detectors is not None:
        settings = settings.model_copy(update={"detectors": config.detectors})
    pipeline = Pipeline(
        open_recognizer(settings),
        Embedder(load_bundle(folder), device, settings.threads.onnxruntime),
        false_accept_rate=config.false_accept_rate or settings.identification.false_accept_rate,
        default_threshold=settings.identification.threshold,
        threshold=config.threshold,
        follows_probe=settings.identification.cohort,
    )
    if config.gallery is not None:
        load_gallery(pipeline, config.gallery)
    return pipeline


def load_gallery(pipeline: Pipeline, path: Path) -> None:
    """Replaces the pipeline's gallery by everybody in a gallery file.

    A file of another space is embedded anew from its crops.

    Raises:
        GalleryFileError: No gallery file, or a damaged one; the gallery is as before.
        SpaceMismatchError: It is of another space and lacks crops; the gallery is as before.
    """
    content = read_gallery(path)
    gallery = pipeline.gallery.content()
    if content.space_id != gallery.space_id:
        embeddings = pipeline.embed_crops(crops_of(content))
        content = move_gallery(content, gallery.space_id, gallery.bundle, embeddings)
    pipeline.gallery = LocalGallery(gallery.space_id, gallery.bundle)
    for user in content.users:
        pipeline.gallery.put(user)


def save_gallery(pipeline: Pipeline, path: Path) -> None:
    """Writes the pipeline's gallery into a gallery file, in one step.

    Raises:
        GalleryFileError: A label that is no `user_id`; or the file cannot be written.
    """
    write_gallery(path, pipeline.gallery.content())


def _read(photo: PhotoSource) -> bytes | Image:
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, np.ndarray):
        if photo.ndim != len(_CROP_SHAPE) or photo.shape[2:] != (3,) or not photo.size:
            raise UnreadableImageError("A photo as an array is (height, width, 3) uint8, RGB.")
        if photo.dtype != np.uint8:
            raise UnreadableImageError(
                f"A photo as an array is uint8, 0 to 255; not {photo.dtype}."
            )
        return photo
    try:
        return Path(photo).read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"{Path(photo).name}: {error.strerror}.") from error


def _face_result(
    face: FoundFace, embedding: NDArray[np.float32], serving: Serving, decision: Decision
) -> FaceResult:
    return FaceResult(
        identity=decision.user_id,
        score=decision.similarity,
        threshold=decision.threshold,
        margin=decision.margin,
        candidates=[(match.user_id, match.similarity) for match in decision.candidates],
        box=face.face.box,
        landmarks=face.face.landmarks,
        face_px=face.crop.face_px,
        route=serving.embedder.route(face.crop.face_px),
        quality=face.quality,
        crop=face.crop.pixels,
        embedding=embedding,
    )
