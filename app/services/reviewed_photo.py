"""One uploaded photo, and what is known about it so far."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.errors import TooManyPhotosError
from app.recognition.recognizer import FoundFace
from app.services.face_choice import Box
from app.vision.image import PhotoWarning
from app.vision.quality import Quality, Rejection

_SENTENCES = {
    Rejection.NO_FACE: "No face was found. Send a photo that shows the whole face from the front.",
    Rejection.MULTIPLE_FACES: "Several faces could be meant. Choose one by its box, or crop the "
    "photo to it.",
    Rejection.FACE_TOO_SMALL: "The face has too few pixels. Come closer to the camera, or send the "
    "photo in its full size.",
    Rejection.TOO_BLURRY: "The face is not sharp enough. Hold still, and let the camera focus.",
    Rejection.TOO_DARK: "The face is too dark. Turn it to the light.",
    Rejection.TOO_BRIGHT: "The face is too bright. Move it out of the glare.",
    Rejection.EXTREME_POSE: "The face is turned too far to a side, up or down. Look into the "
    "camera.",
    Rejection.FACE_COVERED: "A part of the face is hidden. Take off the mask or the dark glasses, "
    "and keep hair and hands off the face.",
    Rejection.OUTLIER: "The face does not match the other photos. Send photos of one person alone.",
    Rejection.DUPLICATE_PHOTO: "The same photo is already used for this user. Send another one.",
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo as it was sent, or a crop that was kept.

    Attributes:
        filename: As uploaded.
        content: The file.
        sha256: Of it, in lower-case hex digits.
        face: Its only face, where that has been found and judged before; None: it has to be.
    """

    filename: str | None
    content: bytes
    sha256: str
    face: FoundFace | None = None

    @classmethod
    async def take(
        cls, filename: str | None, content: bytes, face: FoundFace | None = None
    ) -> Self:
        """Hashes once, in another thread: 20 MB take as long as reading a small photo."""
        digest = await asyncio.to_thread(hashlib.sha256, content)
        return cls(filename, content, digest.hexdigest(), face)


def refuse_too_many(photos: int, at_most: int) -> None:
    """Makes sure that a request does not have too many photos.

    Raises:
        TooManyPhotosError: It does.
    """
    if photos > at_most:
        raise TooManyPhotosError(
            f"The request has {photos} photos; the limit is {at_most}.", max_photos=at_most
        )


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """What became of one uploaded photo.

    Attributes:
        index: Its place in the request, from 0.
        filename: As uploaded.
        accepted: Whether it counts.
        reason: Why not; None when accepted.
        detail: The same in a sentence.
        face_px: None if it is not known which face is meant.
        quality: Likewise.
        photo_id: Names the stored photo; None when it is not stored.
        warnings: Faults, even if it is accepted.
        boxes: Of the intended face, or of all that could be it; largest first.
    """

    index: int
    filename: str | None
    accepted: bool
    reason: Rejection | None
    detail: str | None
    face_px: float | None
    quality: Quality | None
    photo_id: UUID | None
    # Answers stored by earlier versions have neither.
    warnings: tuple[PhotoWarning, ...] = ()
    boxes: list[Box] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class ReviewedPhoto:
    """A photo on its way through the review; `reason` is None while it is good.

    `faces` are those that could be meant. `found` is None if it is not known which of them is,
    `embedding` also if the face is not good enough.
    """

    index: int
    filename: str | None
    sha256: str
    faces: Sequence[FoundFace] = ()
    found: FoundFace | None = None
    embedding: NDArray[np.float32] | None = None
    reason: Rejection | None = None
    detail: str | None = None
    photo_id: UUID | None = None
    warnings: tuple[PhotoWarning, ...] = ()

    def reject(self, reason: Rejection, detail: str | None = None) -> None:
        """Rejects the photo, with a sentence for the uploader."""
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
            boxes=[Box.of(face) for face in ([self.found] if self.found else self.faces)],
        )


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
