"""Rows for moving people from one space to another."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, delete, exists, func, insert, select

from app.db.repositories import crops, erasures
from app.db.session import ReadSession, WriteSession
from app.db.tables import Embedding, Photo, Template, User

CropCursor = tuple[int, UUID]
"""A user's row and a photo: where a page of crops ends."""

_ERASED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class StoredCrop:
    """The crop of a stored photo, and whose it is."""

    photo: UUID
    user: int
    png: bytes
    face_px: float


async def crops_to_embed(
    session: ReadSession, space_id: str, after: CropCursor | None, limit: int
) -> list[StoredCrop]:
    """Crops that have no embedding in a space, user by user.

    Args:
        session: Reads.
        space_id: The space.
        after: User and photo of the last crop of the page before.
        limit: Maximum number.
    """
    wanted = (
        select(Photo.id, Photo.user, Photo.crop, Photo.face_px)
        .where(_lacks_embedding(space_id), Photo.crop.is_not(None))
        .order_by(Photo.user, Photo.id)
        .limit(limit)
    )
    if after is not None:
        user, photo = after
        wanted = wanted.where((Photo.user > user) | ((Photo.user == user) & (Photo.id > photo)))
    found = await session.execute(wanted)
    return [
        StoredCrop(photo, user, crops.opened(session, photo, stored) or b"", face_px)
        for photo, user, stored, face_px in found
    ]


async def count_to_embed(session: ReadSession, space_id: str) -> int:
    """How many photos have no embedding in a space."""
    return await session.scalar(select(func.count(Photo.id)).where(_lacks_embedding(space_id))) or 0


async def count_users_without_crops(session: ReadSession, space_id: str) -> int:
    """How many users have a photo that neither is embedded in a space nor can be."""
    stuck = select(Photo.user).where(_lacks_embedding(space_id), Photo.crop.is_(None))
    return await session.scalar(select(func.count(User.id)).where(User.id.in_(stuck))) or 0


async def add_embeddings(
    session: WriteSession, space_id: str, vectors: Mapping[UUID, NDArray[np.float32]]
) -> None:
    """Adds the embeddings of photos, except of those erased or embedded in the meantime."""
    wanted = set(
        await session.scalars(
            select(Photo.id).where(Photo.id.in_(vectors), _lacks_embedding(space_id))
        )
    )
    rows = [
        {"photo": photo, "space_id": space_id, "vector": vector}
        for photo, vector in vectors.items()
        if photo in wanted
    ]
    if rows:
        await session.execute(insert(Embedding), rows)


async def embeddings_of_complete_users(
    session: ReadSession, space_id: str, among: Collection[int]
) -> dict[int, tuple[str, list[NDArray[np.float32]]]]:
    """`user_id` and embeddings of users whose every photo is embedded in a space.

    Args:
        session: Reads.
        space_id: The space.
        among: Row ids of the users to look at.
    """
    incomplete = select(Photo.user).where(_lacks_embedding(space_id), Photo.user.in_(among))
    found = await session.execute(
        select(User.id, User.user_id, Embedding.vector)
        .join(Photo, Photo.user == User.id)
        .join(Embedding, Embedding.photo == Photo.id)
        .where(User.id.in_(among), Embedding.space_id == space_id, User.id.not_in(incomplete))
        .order_by(User.id, Photo.created_at, Photo.id)
    )
    complete: dict[int, tuple[str, list[NDArray[np.float32]]]] = {}
    for user, user_id, vector in found:
        complete.setdefault(user, (user_id, []))[1].append(vector)
    return complete


async def put_templates(session: WriteSession, templates: Sequence[Template]) -> None:
    """Adds templates of one space, or replaces the former ones."""
    # Not by `merge`, which queries row by row: a tenth of a re-embedding's time.
    users = [template.user for template in templates]
    space_ids = {template.space_id for template in templates}
    await session.execute(
        delete(Template).where(Template.user.in_(users), Template.space_id.in_(space_ids))
    )
    session.add_all(templates)
    await session.flush()


async def erase_outside(session: WriteSession, except_in: Collection[str]) -> int:
    """Deletes some templates and embeddings of all spaces but some.

    Returns:
        How many rows were deleted; 0 when none are left.
    """
    templates = await session.scalars(
        select(Template.user).where(Template.space_id.not_in(except_in)).limit(_ERASED_AT_ONCE)
    )
    users = set(templates)
    await session.execute(
        delete(Template).where(Template.user.in_(users), Template.space_id.not_in(except_in))
    )
    photos = set(
        await session.scalars(
            select(Embedding.photo)
            .where(Embedding.space_id.not_in(except_in))
            .limit(_ERASED_AT_ONCE)
        )
    )
    await session.execute(
        delete(Embedding).where(Embedding.photo.in_(photos), Embedding.space_id.not_in(except_in))
    )
    if users or photos:
        await erasures.add(session, "")
    return len(users) + len(photos)


def _lacks_embedding(space_id: str) -> ColumnElement[bool]:
    return ~exists().where(Embedding.photo == Photo.id, Embedding.space_id == space_id)
