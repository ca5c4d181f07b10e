"""One uploaded photo, and what is known of it so far."""

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
    Rejection.NO_FACE: "No face was found: send a photo that shows the whole face from the front.",
    Rejection.MULTIPLE_FACES: "Several faces could be meant: choose one by its box, or cut the "
    "photo to it.",
    Rejection.FACE_TOO_SMALL: "The face has too few pixels: come closer to the camera, or send the "
    "photo in its full size.",
    Rejection.TOO_BLURRY: "The face is not sharp enough: hold still, and let the camera focus.",
    Rejection.TOO_DARK: "The face is too dark: turn it to the light.",
    Rejection.TOO_BRIGHT: "The face is too bright: take it out of the glaring light.",
    Rejection.EXTREME_POSE: "The face is turned too far to a side, up or down: look into the "
    "camera.",
    Rejection.FACE_COVERED: "A part of the face is hidden: take off the mask or the dark glasses, "
    "and keep hair and hands out of the face.",
    Rejection.OUTLIER: "The face does not look like that of the other photos: send photos of one "
    "person alone.",
    Rejection.DUPLICATE_PHOTO: "The same photo is already used for this user: send another one.",
}


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


def refuse_too_many(photos: int, at_most: int) -> None:
    """Makes sure that a request has no more photos than are read at once.

    Raises:
        TooManyPhotosError: It has.
    """
    if photos > at_most:
        raise TooManyPhotosError(
            f"{photos} photos came; at most {at_most} are read at once.", max_photos=at_most
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
        face_px: None when it is not known which face is meant.
        quality: Likewise.
        photo_id: Names the stored photo; None when it is not stored.
        warnings: What is wrong with it, also when it is accepted.
        boxes: Of the face that is meant, or of those that may be; largest first.
    """

    index: int
    filename: str | None
    accepted: bool
    reason: Rejection | None
    detail: str | None
    face_px: float | None
    quality: Quality | None
    photo_id: UUID | None
    # Answers that are stored from earlier have neither.
    warnings: tuple[PhotoWarning, ...] = ()
    boxes: list[Box] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class ReviewedPhoto:
    """A photo on its way through the review; `reason` is None as long as it is good.

    `faces` are those that may be meant. `found` is None when it is not known which of them is,
    `embedding` also when it is not good enough.
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
