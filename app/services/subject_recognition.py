"""Whom faces resemble, by name and on a scale as CompreFace has it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from uuid import UUID

from app.db.repositories import subjects
from app.db.session import Sessions
from app.errors import NoFaceError, UnusablePhotoError
from app.gallery.gallery import Groups
from app.recognition.recognizer import Finding, FoundFace
from app.recognition.serving import Serving
from app.services.identification import Identifier
from app.services.identified import Wishes
from app.services.stored_photos import StoredPhotos

T = TypeVar("T")

MOST_FACES = 100
"""Of a photo, largest first."""

# A stranger's similarity, 0 on average, is told as 0.05 where the threshold is 0.37.
_STEEPNESS = 8.0


@dataclass(frozen=True, slots=True)
class FaceWishes:
    """What a caller asks of a recognition.

    Attributes:
        limit: At most this many faces, largest first; 0 for as many as there may be.
        min_detection_score: Faces of which the detector is less sure are left out.
        detect: False where the photo is already a face crop.
        groups: Only users who are in one of these are told of; None: everybody.
    """

    limit: int = 0
    min_detection_score: float = 0.0
    detect: bool = True
    groups: Groups | None = None

    @property
    def of_identifier(self) -> Wishes:
        """In its words: the limit holds for those faces alone of which the detector is sure."""
        every = self.limit == 0 or self.min_detection_score > 0
        most = MOST_FACES if every else min(self.limit, MOST_FACES)
        return Wishes(max_faces=most, detect=self.detect, groups=self.groups)

    def chosen(self, faces: Sequence[tuple[FoundFace, T]]) -> list[tuple[FoundFace, T]]:
        """Those of a photo's faces that are meant, largest first, with what belongs to each.

        Raises:
            NoFaceError: None is.
        """
        least = self.min_detection_score
        sure = [each for each in faces if each[0].quality.detection_score >= least]
        if not sure:
            raise NoFaceError("No face is found in the given image.")
        return sure[: self.limit or MOST_FACES]


@dataclass(frozen=True, slots=True)
class Resemblance:
    """A subject, and how much a face resembles it: 0..1, from 0.5 on it is this person's."""

    subject: str
    similarity: float


@dataclass(frozen=True, slots=True)
class RecognisedFace:
    """A face and whom it resembles, best first."""

    face: FoundFace
    subjects: list[Resemblance]


@dataclass(frozen=True, slots=True)
class ComparedFace:
    """A face and how much it resembles a stored photo's, as in Resemblance."""

    face: FoundFace
    similarity: float


@dataclass(frozen=True, slots=True)
class SearchedPhoto(Generic[T]):
    """The faces of a photo, largest first, and how it was searched."""

    faces: list[T]
    finding: Finding
    timings_ms: dict[str, float]


class SubjectRecognition:
    """Recognises subjects.

    Args:
        sessions: Where their names are.
        identifier: Finds out who is in a photo.
        stored_photos: What photos are compared with.
    """

    def __init__(
        self, sessions: Sessions, identifier: Identifier, stored_photos: StoredPhotos
    ) -> None:
        self._sessions = sessions
        self._identifier = identifier
        self._stored_photos = stored_photos

    async def recognise(
        self, serving: Serving, photo: bytes, wishes: FaceWishes, most_subjects: int
    ) -> SearchedPhoto[RecognisedFace]:
        """Tells of every face whom it resembles most, strangers too: the caller judges.

        Raises:
            NoFaceError: The photo shows none.
            UnreadableImageError: See Identifier.identify, as for the other errors.
        """
        asked = replace(wishes.of_identifier, top_k=most_subjects)
        found = await self._identifier.identify(serving, [photo], asked)
        faces = wishes.chosen([(of.face, of.decision) for of in found.faces])
        user_ids = {match.user_id for _, decision in faces for match in decision.candidates}
        async with self._sessions.read() as session:
            names = await subjects.names_of(session, user_ids)
        recognised = [
            RecognisedFace(
                face,
                [
                    Resemblance(names[match.user_id], scaled(match.similarity, decision.threshold))
                    for match in decision.candidates
                    if match.user_id in names  # erased meanwhile
                ],
            )
            for face, decision in faces
        ]
        return SearchedPhoto(recognised, _finding(found.photos), found.timings_ms)

    async def verify(
        self, serving: Serving, photo: bytes, photo_id: UUID, wishes: FaceWishes
    ) -> SearchedPhoto[ComparedFace]:
        """Tells of every face how much it resembles a stored photo's.

        Raises:
            PhotoNotFoundError: There is no such stored photo.
            NoFaceError: The photo shows none.
            UnreadableImageError: See Identifier.identify, as for the other errors.
        """
        stored = await self._stored_photos.embedding(photo_id, serving.space_id, wishes.groups)
        found = await self._identifier.find_faces([photo], wishes.of_identifier, serving)
        faces = [
            (face, probe) for (_, face), probe in zip(found.faces, found.embeddings, strict=True)
        ]
        compared = [
            ComparedFace(
                face, scaled(float(probe @ stored), serving.threshold(face.crop.face_px, probe))
            )
            for face, probe in wishes.chosen(faces)
        ]
        return SearchedPhoto(compared, _finding(found.photos), found.timings_ms)


def scaled(similarity: float, threshold: float) -> float:
    """A cosine as CompreFace's clients read it: 0..1, and 0.5 at the threshold.

    Args:
        similarity: Raw cosine.
        threshold: From which on a face of this size is the person's.
    """
    return 1 / (1 + math.exp(-_STEEPNESS * (similarity - threshold)))


def _finding(photos: Sequence[Finding | UnusablePhotoError]) -> Finding:
    (finding,) = photos
    assert isinstance(finding, Finding)  # one photo that cannot be searched is an error
    return finding
