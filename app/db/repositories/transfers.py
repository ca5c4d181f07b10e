"""Rows of everybody at once, for gallery files."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import null, select

from app.db.session import ReadSession, WriteSession
from app.db.tables import Embedding, JsonObject, Photo, Table, Template, User

T = TypeVar("T", bound=Table)

# SQLite takes 32,766 values in one statement.
_VALUES_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class StoredPhoto:
    """A photo and its embedding in one space."""

    user: int
    embedding: NDArray[np.float32]
    crop_png: bytes | None
    face_px: float
    quality: JsonObject
    sha256: str


async def everybody(session: ReadSession, space_id: str) -> Sequence[tuple[User, Template]]:
    """All who have a template in a space, in the order of registration."""
    found = await session.execute(
        select(User, Template)
        .join(Template, Template.user == User.id)
        .where(Template.space_id == space_id)
        .order_by(User.id)
    )
    return [(user, template) for user, template in found]


async def embedded_photos(
    session: ReadSession, space_id: str, *, with_crops: bool
) -> list[StoredPhoto]:
    """All photos with their embeddings in a space: user by user, oldest first.

    Args:
        session: Reads.
        space_id: The space.
        with_crops: Read the crops too, which are most of the bytes.
    """
    crop = Photo.crop_png if with_crops else null()
    found = await session.execute(
        select(Photo.user, Embedding.vector, crop, Photo.face_px, Photo.quality, Photo.sha256)
        .join(Embedding, Embedding.photo == Photo.id)
        .where(Embedding.space_id == space_id)
        .order_by(Photo.user, Photo.created_at, Photo.id)
    )
    return [StoredPhoto(*row) for row in found]


async def taken(session: ReadSession, user_ids: Collection[str]) -> dict[str, User]:
    """Those of some users who are there, by `user_id`."""
    found: dict[str, User] = {}
    left = iter(user_ids)
    while some := list(islice(left, _VALUES_AT_ONCE)):
        rows = await session.scalars(select(User).where(User.user_id.in_(some)))
        found |= {user.user_id: user for user in rows}
    return found


async def add_all(session: WriteSession, rows: Sequence[T]) -> None:
    """Adds many new rows of one table."""
    session.add_all(rows)
    await session.flush()
