"""Rows of everybody who is enrolled in a space, read at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from app.db.repositories import crops
from app.db.session import ReadSession
from app.db.tables import Embedding, Photo, Template, User


@dataclass(frozen=True, slots=True)
class EnrolledPhoto:
    """A photo behind a template, without its crop."""

    photo: UUID
    user: int
    user_id: str
    face_px: float
    has_crop: bool
    vector: NDArray[np.float32]


async def users_in_space(session: ReadSession, space_id: str) -> Sequence[int]:
    """Row ids of users who have a template in a space, ascending."""
    found = await session.scalars(
        select(Template.user).where(Template.space_id == space_id).order_by(Template.user)
    )
    return found.all()


async def users_with_crops(session: ReadSession, space_id: str) -> Sequence[int]:
    """Row ids of users who have a crop that is embedded in a space, ascending."""
    found = await session.scalars(
        select(Photo.user)
        .join(Embedding, Embedding.photo == Photo.id)
        .where(Embedding.space_id == space_id, Photo.crop.is_not(None))
        .distinct()
        .order_by(Photo.user)
    )
    return found.all()


async def photos_in_space(
    session: ReadSession,
    space_id: str,
    users: Collection[int],
    per_user: int,
    *,
    with_crop: bool = False,
) -> list[EnrolledPhoto]:
    """Some photos of some users, user by user.

    Args:
        session: Reads.
        space_id: Whose embeddings.
        users: Row ids.
        per_user: At most this many photos of each, oldest first.
        with_crop: Only those whose crop is kept.
    """
    wanted = [Embedding.space_id == space_id, Photo.user.in_(users)]
    if with_crop:
        wanted.append(Photo.crop.is_not(None))
    place = func.row_number().over(partition_by=Photo.user, order_by=(Photo.created_at, Photo.id))
    ordered = (
        select(
            Photo.id,
            Photo.user,
            User.user_id,
            Photo.face_px,
            Photo.crop.is_not(None).label("has_crop"),
            Embedding.vector,
            place.label("place"),
        )
        .join(User, User.id == Photo.user)
        .join(Embedding, Embedding.photo == Photo.id)
        .where(*wanted)
        .subquery()
    )
    found = await session.execute(
        select(ordered).where(ordered.c.place <= per_user).order_by(ordered.c.user, ordered.c.place)
    )
    return [
        EnrolledPhoto(photo, user, user_id, face_px, bool(has_crop), vector)
        for photo, user, user_id, face_px, has_crop, vector, _ in found
    ]


async def crops_of(session: ReadSession, photos: Collection[UUID]) -> dict[UUID, bytes]:
    """The stored crops of some photos, as PNG; photos erased meanwhile are missing."""
    found = await session.execute(
        select(Photo.id, Photo.crop).where(Photo.id.in_(photos), Photo.crop.is_not(None))
    )
    opened = {photo: crops.opened(session, photo, stored) for photo, stored in found}
    return {photo: png for photo, png in opened.items() if png is not None}
