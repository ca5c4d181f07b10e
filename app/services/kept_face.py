"""Kept faces as callers see them, and what becomes of them."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.db.tables import JsonObject, KeptFace
from app.gallery.gallery import Match
from app.services.users import UserView


@dataclass(frozen=True, slots=True)
class KeptFaceView:
    """A kept face without its pixels.

    Attributes:
        face_id: Names it.
        kept_at: When it was identified.
        key_id: Who asked.
        user_id: Whose it is; None for a stranger.
        assigned: Whether a person has said so.
        similarity: To the most similar user then; None when nobody was registered.
        threshold: From which on it would have been that user's.
        face_px: Source px under the crop's side.
        route: `direct` or `dsr`.
        quality: As for photos.
        space_id: Of its embedding.
    """

    face_id: UUID
    kept_at: datetime
    key_id: str
    user_id: str | None
    assigned: bool
    similarity: float | None
    threshold: float
    face_px: float
    route: str
    quality: JsonObject
    space_id: str


@dataclass(frozen=True, slots=True)
class KeptFacePage:
    """Some kept faces, newest first, and where the next page begins; None on the last one."""

    items: list[KeptFaceView]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """Faces of strangers that are probably one person's; largest first."""

    faces: list[KeptFaceView]


@dataclass(frozen=True, slots=True)
class AssignedFace:
    """What became of a face whose name somebody said.

    Attributes:
        face_id: Which.
        photo_id: Of the photo that it has become; None if it is not used.
        reason: Why not: as for photos, or `not_needed`; None when it is used.
        detail: The same in a sentence.
        similarity_before: To the user's template before; None if not used, or for a new user.
        similarity_after: To the template that it is a part of; None if not used.
    """

    face_id: UUID
    photo_id: UUID | None
    reason: str | None
    detail: str | None
    similarity_before: float | None = None
    similarity_after: float | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What was learned.

    Attributes:
        user: As they are now.
        faces: In the request's order.
        template_similarity: Of the former template to the new one; None for a new user.
        near_users: As in RegistrationAnswer.
        alike: Kept faces of strangers that now reach the threshold with this user.
    """

    user: UserView
    faces: list[AssignedFace]
    template_similarity: float | None
    near_users: list[Match] = field(default_factory=list)
    alike: list[UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Dismissal:
    """How many faces were deleted, and whether their bytes may still be on the disk."""

    dismissed: int
    pending: bool


def view_face(row: KeptFace, user_id: str | None) -> KeptFaceView:
    """A row as callers see it.

    Args:
        row: The kept face.
        user_id: Whose it is.
    """
    return KeptFaceView(
        face_id=row.face_id,
        kept_at=row.kept_at,
        key_id=row.key_id,
        user_id=user_id,
        assigned=row.assigned,
        similarity=row.similarity,
        threshold=row.threshold,
        face_px=row.face_px,
        route=row.route,
        quality=row.quality,
        space_id=row.space_id,
    )
