"""Which of the photos that somebody uploads for one person are used, and why not the others."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.errors import ImageTooLargeError, TooManyPhotosError, UnreadableImageError
from app.runtime.inference import Inference
from app.runtime.recognizer import FoundFace
from app.runtime.serving import Serving
from app.vision.detection import is_about_one
from app.vision.image import PhotoWarning
from app.vision.quality import Quality, QualityLimits, Rejection, rejection

_SENTENCES = {
    Rejection.NO_FACE: "No face was found.",
    Rejection.MULTIPLE_FACES: "More than one face was found; cut the photo to the one meant.",
    Rejection.FACE_TOO_SMALL: "The face has too few pixels.",
    Rejection.TOO_BLURRY: "The face is not sharp enough.",
    Rejection.TOO_DARK: "The face is too dark.",
    Rejection.TOO_BRIGHT: "The face is too bright.",
    Rejection.EXTREME_POSE: "The face looks too far away from the camera.",
    Rejection.OUTLIER: "The face does not look like that of the other photos.",
    Rejection.DUPLICATE_PHOTO: "The same photo is already used for this user.",
}
_LARGEST_TWO = 2  # enough faces to know whose photo it is


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo as it came in; `sha256` in lower-case hex digits."""

    filename: str | None
    content: bytes
    sha256: str

    @classmethod
    async def take(cls, filename: str | None, content: bytes) -> Self:
        """Hashes once and in another thread: 20 MB take as long as reading a small photo."""
        digest = await asyncio.to_thread(hashlib.sha256, content)
        return cls(filename, content, digest.hexdigest())


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """What became of one uploaded photo.

    Attributes:
        index: Its place in the request, from 0.
        filename: As uploaded.
        accepted: Whether it counts.
        reason: Why not; None when accepted.
        detail: The same in a sentence.
        face_px: None when there is not exactly one face.
        quality: None when there is not exactly one face.
        photo_id: Names the stored photo; None when it is not stored.
        warnings: What is wrong with it, also when it is accepted.
    """

    index: int
    filename: str | None
    accepted: bool
    reason: Rejection | None
    detail: str | None
    face_px: float | None
    quality: Quality | None
    photo_id: UUID | None
    warnings: tuple[PhotoWarning, ...] = ()  # answers that are stored from earlier have none


@dataclass(slots=True, eq=False)
class ReviewedPhoto:
    """A photo on its way through the review; `reason` is None as long as it is good.

    `found` is None when there is not exactly one face, `embedding` also when it is not good enough.
    """

    index: int
    filename: str | None
    sha256: str
    found: FoundFace | None = None
    embedding: NDArray[np.float32] | None = None
    reason: Rejection | None = None
    detail: str | None = None
    photo_id: UUID | None = None
    warnings: tuple[PhotoWarning, ...] = ()

    def reject(self, reason: Rejection, detail: str | None = None) -> None:
        """Takes the photo out, with a sentence for the uploader."""
        self.reason = reason
        self.detail = detail or _SENTENCES[reason]

    def report(self) -> PhotoReport:
        """For the answer."""
        return PhotoReport(
            index=self.index,
            filename=self.filename,
            accepted=self.reason is None,
            reason=self.reason,
            detail=self.detail,
            face_px=self.found.crop.face_px if self.found else None,
            quality=self.found.quality if self.found else None,
            photo_id=self.photo_id,
            warnings=self.warnings,
        )


class PhotoReview:
    """Reads photos of one person and judges each by itself.

    Args:
        inference: Where photos are recognised.
        limits: Faces outside are rejected.
        max_photos: Photos in one request.
    """

    def __init__(self, inference: Inference, limits: QualityLimits, max_photos: int) -> None:
        self._inference = inference
        self._limits = limits
        self._max_photos = max_photos

    async def review(
        self, serving: Serving, uploads: Sequence[Upload], *, detect: bool = True
    ) -> list[ReviewedPhoto]:
        """Reads every photo; what the photos say about each other comes later.

        Args:
            serving: Whose networks read.
            uploads: Of one person.
            detect: False where each photo is already a face crop; see Recognizer.find.

        Raises:
            TooManyPhotosError: More than the limit; none was read.
            OverloadedError: See Inference.admit.
            DeadlineExceededError: See Inference.admit.
        """
        if len(uploads) > self._max_photos:
            raise TooManyPhotosError(
                f"{len(uploads)} photos came; at most {self._max_photos} are read at once.",
                max_photos=self._max_photos,
            )
        photos: list[ReviewedPhoto] = []
        async with self._inference.admit():
            for index, upload in enumerate(uploads):
                photo = ReviewedPhoto(index, upload.filename, upload.sha256)
                if any(photo.sha256 == earlier.sha256 for earlier in photos):
                    photo.reject(Rejection.DUPLICATE_PHOTO)
                else:
                    await self._find(upload, photo, detect=detect)
                photos.append(photo)
            good = [(photo, photo.found) for photo in photos if not photo.reason and photo.found]
            if good:
                crops = [found.crop for _, found in good]
                embeddings = await self._inference.embed(crops, serving.embedder)
                for (photo, _), embedding in zip(good, embeddings, strict=True):
                    photo.embedding = embedding
        return photos

    async def _find(self, upload: Upload, photo: ReviewedPhoto, *, detect: bool) -> None:
        try:
            finding = await self._inference.find(
                upload.content, max_faces=_LARGEST_TWO, detect=detect
            )
        except UnreadableImageError as error:
            photo.reject(Rejection.UNREADABLE_IMAGE, error.detail)
            return
        except ImageTooLargeError as error:
            photo.reject(Rejection.IMAGE_TOO_LARGE, error.detail)
            return
        photo.warnings = finding.warnings
        if not finding.faces:
            photo.reject(Rejection.NO_FACE)
        elif not is_about_one([face.crop.face_px for face in finding.faces]):
            photo.reject(Rejection.MULTIPLE_FACES)
        else:
            photo.found = finding.faces[0]
            reason = rejection(photo.found.quality, self._limits)
            if reason is not None:
                photo.reject(reason)


class UsablePhoto(NamedTuple):
    """A photo that is still good, with its face and that face's (512,) embedding."""

    photo: ReviewedPhoto
    face: FoundFace
    embedding: NDArray[np.float32]


def usable_photos(photos: Sequence[ReviewedPhoto]) -> list[UsablePhoto]:
    """The photos that are still good."""
    return [
        UsablePhoto(photo, photo.found, photo.embedding)
        for photo in photos
        if photo.reason is None and photo.found is not None and photo.embedding is not None
    ]


def reject_outliers(photos: Sequence[ReviewedPhoto], min_similarity: float) -> None:
    """Takes out the photos that show somebody else than the others; see `outliers`."""
    usable = usable_photos(photos)
    if not usable:
        return
    embeddings = np.stack([each.embedding for each in usable])
    for index in outliers(embeddings, min_similarity):
        usable[index].photo.reject(Rejection.OUTLIER)


def outliers(embeddings: NDArray[np.float32], min_similarity: float) -> list[int]:
    """Which photos of an alleged person show somebody else.

    The photo with the lowest median similarity to the others goes, as long as that is below the
    limit. The median, unlike the mean, is not lifted by a second photo of the same wrong person.
    What is left must outnumber what went: of two against two nobody knows who is meant, so that
    all four are outliers.

    Args:
        embeddings: (n, 512) of unit length.
        min_similarity: The limit.

    Returns:
        Indices of the outliers, ascending.
    """
    similarities = embeddings @ embeddings.T
    kept = list(range(len(embeddings)))
    while len(kept) > 1:
        among_kept = similarities[np.ix_(kept, kept)]
        others = among_kept[~np.eye(len(kept), dtype=bool)].reshape(len(kept), len(kept) - 1)
        medians = np.median(others, axis=1)
        worst = int(np.argmin(medians))
        if medians[worst] >= min_similarity:
            break
        del kept[worst]
    if 2 * len(kept) <= len(embeddings):
        return list(range(len(embeddings)))
    return [index for index in range(len(embeddings)) if index not in kept]
