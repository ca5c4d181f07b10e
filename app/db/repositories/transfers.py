"""Rows of everybody at once, for gallery files."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, null, select

from app.db.batches import VALUES_AT_ONCE, batched
from app.db.repositories import crops
from app.db.session import ReadSession, WriteSession
from app.db.tables import Embedding, JsonObject, Photo, Table, Template, User

_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class StoredPhoto:
    """A photo and its embedding in one space."""

    user: int
    embedding: NDArray[np.float32]
    crop_png: bytes | None
    face_px: float
    quality: JsonObject
    sha256: str


async def page(
    session: ReadSession, space_id: str, after: int, limit: int
) -> Sequence[tuple[User, Template]]:
    """Some who have a template in a space, in the order of registration.

    Args:
        session: Reads.
        space_id: The space.
        after: The row id before the page; 0 for the first page.
        limit: Maximum number of users.
    """
    found = await session.execute(
        select(User, Template)
        .join(Template, Template.user == User.id)
        .where(Template.space_id == space_id, User.id > after)
        .order_by(User.id)
        .limit(limit)
    )
    return [(user, template) for user, template in found]


async def embedded_photos(
    session: ReadSession, space_id: str, users: Collection[int], *, with_crops: bool
) -> list[StoredPhoto]:
    """All photos of some users with their embeddings in a space: user by user, oldest first.

    Args:
        session: Reads.
        space_id: The space.
        users: Row ids.
        with_crops: Read the crops too, which are most of the bytes.
    """
    crop = Photo.crop if with_crops else null()
    found = await session.execute(
        select(
            Photo.id,
            Photo.user,
            Embedding.vector,
            crop,
            Photo.face_px,
            Photo.quality,
            Photo.sha256,
        )
        .join(Embedding, Embedding.photo == Photo.id)
        .where(Embedding.space_id == space_id, Photo.user.in_(users))
        .order_by(Photo.user, Photo.created_at, Photo.id)
    )
    return [
        StoredPhoto(user, vector, crops.opened(session, photo, stored), face_px, quality, sha256)
        for photo, user, vector, stored, face_px, quality, sha256 in found
    ]


async def ids(session: ReadSession, user_ids: Iterable[str]) -> dict[str, int]:
    """Row ids of those of some users who are there, by `user_id`."""
    found: dict[str, int] = {}
    for some in batched(user_ids, VALUES_AT_ONCE):
        rows = await session.execute(select(User.user_id, User.id).where(User.user_id.in_(some)))
        found.update((user_id, row) for user_id, row in rows)
    return found


async def add_all(
    session: WriteSession, table: type[Table], rows: Iterable[Mapping[str, object]]
) -> None:
    """Adds many rows of one table, given by column; other tasks run in between."""
    for some in batched(rows, _ROWS_AT_ONCE):
        await session.execute(insert(table), some)
