"""Which photos uploaded for a person are used, and why the others are not."""

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.errors import (
    ImageTooLargeError,
    InvalidRequestError,
    UnreadableImageError,
)
from app.recognition.inference import Inference
from app.recognition.serving import Serving
from app.services.face_choice import ANY_FACE, FaceChoice, FaceRule
from app.services.photo_comparison import outliers, reject_copies, reject_outliers
from app.services.reviewed_photo import (
    ReviewedPhoto,
    Upload,
    refuse_too_many,
    usable_photos,
)
from app.vision.covers import is_covered, without_eyes, without_mouth
from app.vision.embedder import mean_embedding
from app.vision.quality import QualityLimits, Rejection, rejection

# As many as one identification looks at.
_MOST_FACES = 100
# This many of a photo's faces are compared with those of the other photos.
_MOST_COMPARED = 10


class PhotoReview:
    """Reads photos of one person and judges each.

    Args:
        inference: Where photos are recognised.
        limits: Faces outside them are rejected.
        max_photos: Photos in one request.
        outlier_similarity: See `outliers`.
    """

    def __init__(
        self,
        inference: Inference,
        limits: QualityLimits,
        max_photos: int,
        outlier_similarity: float,
    ) -> None:
        self._inference = inference
        self._limits = limits
        self._max_photos = max_photos
        self._outlier_similarity = outlier_similarity

    async def review_new(
        self,
        serving: Serving,
        uploads: Sequence[Upload],
        *,
        detect: bool = True,
        choice: FaceChoice = ANY_FACE,
    ) -> list[ReviewedPhoto]:
        """Judges the photos of somebody of whom none is stored, by themselves and by each other.

        See `review` for arguments and errors.
        """
        photos = await self.review(serving, uploads, detect=detect, choice=choice)
        reject_outliers(photos, self._outlier_similarity)
        await asyncio.to_thread(reject_copies, photos)
        return photos

    async def review(
        self,
        serving: Serving,
        uploads: Sequence[Upload],
        *,
        detect: bool = True,
        choice: FaceChoice = ANY_FACE,
        template: NDArray[np.float32] | None = None,
    ) -> list[ReviewedPhoto]:
        """Reads every photo; whether all are different and of one person is checked later.

        Args:
            serving: Whose networks read.
            uploads: Of one person.
            detect: False where each photo is already a face crop; see Recognizer.find.
            choice: Which face is meant in photos that show several.
            template: (512,) of the person, if registered: it decides where `choice` does not.
                Without it, the photos that show one face decide.

        Raises:
            TooManyPhotosError: More than the limit; none was read.
            InvalidRequestError: A choice for face crops, or for a photo that is not there.
            OverloadedError: See Inference.admit.
            DeadlineExceededError: See Inference.admit.
        """
        refuse_too_many(len(uploads), self._max_photos)
        _require_sense(choice, len(uploads), detect=detect)
        photos: list[ReviewedPhoto] = []
        async with self._inference.admit():
            for index, upload in enumerate(uploads):
                photo = ReviewedPhoto(index, upload.filename, upload.sha256)
                if any(photo.sha256 == earlier.sha256 for earlier in photos):
                    photo.reject(Rejection.DUPLICATE_PHOTO)
                else:
                    await self._find(upload, photo, choice, detect=detect)
                photos.append(photo)
            await self._embed(serving, photos)
            if choice.rule is not FaceRule.ONLY:
                await self._choose(serving, photos, template)
            await self._reject_covered(serving, photos)
        return photos

    async def _find(
        self, upload: Upload, photo: ReviewedPhoto, choice: FaceChoice, *, detect: bool
    ) -> None:
        if upload.face is not None:
            photo.faces = [upload.face]
            self._take(photo, 0)
            return
        try:
            finding = await self._inference.find(
                upload.content, max_faces=_MOST_FACES, detect=detect
            )
        except UnreadableImageError as error:
            photo.reject(Rejection.UNREADABLE_IMAGE, f"{error.detail} Send another photo.")
            return
        except ImageTooLargeError as error:
            photo.reject(Rejection.IMAGE_TOO_LARGE, f"{error.detail} Send a smaller photo.")
            return
        photo.warnings = finding.warnings
        photo.faces = choice.among(photo.index, finding.faces)
        if not photo.faces:
            photo.reject(Rejection.NO_FACE)
        elif len(photo.faces) > 1:
            photo.reject(Rejection.MULTIPLE_FACES)
        else:
            self._take(photo, 0)

    def _take(self, photo: ReviewedPhoto, index: int) -> None:
        """Settles which face is meant; the photo is as good as this face."""
        photo.found = photo.faces[index]
        photo.reason = photo.detail = None
        reason = rejection(photo.found.quality, self._limits)
        if reason is not None:
            photo.reject(reason)

    async def _embed(self, serving: Serving, photos: Sequence[ReviewedPhoto]) -> None:
        good = [(photo, photo.found) for photo in photos if not photo.reason and photo.found]
        embeddings = await self._inference.embed(
            [found.crop for _, found in good], serving.embedder
        )
        for (photo, _), embedding in zip(good, embeddings, strict=True):
            photo.embedding = embedding

    async def _choose(
        self,
        serving: Serving,
        photos: Sequence[ReviewedPhoto],
        template: NDArray[np.float32] | None,
    ) -> None:
        """Takes the person's face, if exactly one of several is."""
        unclear = [photo for photo in photos if photo.reason is Rejection.MULTIPLE_FACES]
        if template is None:
            template = self._person_of(photos)
        if template is None:
            return
        for photo in unclear:
            faces = photo.faces[:_MOST_COMPARED]
            embeddings = await self._inference.embed(
                [face.crop for face in faces], serving.embedder
            )
            own = [
                index
                for index, (face, probe) in enumerate(zip(faces, embeddings, strict=True))
                if float(probe @ template) >= serving.threshold(face.crop.face_px, probe)
            ]
            if len(own) == 1:
                self._take(photo, own[0])
                photo.embedding = embeddings[own[0]]

    def _person_of(self, photos: Sequence[ReviewedPhoto]) -> NDArray[np.float32] | None:
        """The (512,) mean of the photos with one face, without outliers; None if there are none."""
        embeddings = [each.embedding for each in usable_photos(photos)]
        if not embeddings:
            return None
        wrong = outliers(np.stack(embeddings), self._outlier_similarity)
        kept = [of for index, of in enumerate(embeddings) if index not in wrong]
        return mean_embedding(kept) if kept else None

    async def _reject_covered(self, serving: Serving, photos: Sequence[ReviewedPhoto]) -> None:
        usable = usable_photos(photos)
        crops = [each.face.crop for each in usable]
        hidden = [without(crop) for without in (without_eyes, without_mouth) for crop in crops]
        embeddings = await self._inference.embed(hidden, serving.embedder)
        no_eyes, no_mouth = embeddings[: len(usable)], embeddings[len(usable) :]
        for index, (photo, _, embedding) in enumerate(usable):
            if is_covered(embedding, no_eyes[index], no_mouth[index], self._limits):
                photo.reject(Rejection.FACE_COVERED)


def _require_sense(choice: FaceChoice, count: int, *, detect: bool) -> None:
    if not detect and (choice.rule is not None or choice.boxes):
        raise InvalidRequestError(
            "With detect=false a photo is one face; leave out face and boxes."
        )
    for index in choice.boxes:
        if index >= count:
            raise InvalidRequestError(
                f"There is a box for photo {index}, but only {count} photos, counted from 0.",
                photo=index,
            )
