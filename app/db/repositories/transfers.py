"""Rows of everybody at once, for gallery files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, null, select

from app.db.session import ReadSession, WriteSession
from app.db.tables import Embedding, JsonObject, Photo, Table, Template, User

T = TypeVar("T")

# SQLite takes 32,766 values in one statement.
_VALUES_AT_ONCE = 10_000
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


async def ids(session: ReadSession, user_ids: Iterable[str]) -> dict[str, int]:
    """Row ids of those of some users who are there, by `user_id`."""
    found: dict[str, int] = {}
    for some in _parts(user_ids, _VALUES_AT_ONCE):
        rows = await session.execute(select(User.user_id, User.id).where(User.user_id.in_(some)))
        found.update((user_id, row) for user_id, row in rows)
    return found


async def erase(session: WriteSession, users: Iterable[int]) -> None:
    """Deletes users by row id; all that is known of them goes with the rows."""
    for some in _parts(users, _VALUES_AT_ONCE):
        await session.execute(delete(User).where(User.id.in_(some)))
        session.erases = True


async def add_all(
    session: WriteSession, table: type[Table], rows: Iterable[Mapping[str, object]]
) -> None:
    """Adds many rows of one table, given by column; other tasks run in between."""
    for some in _parts(rows, _ROWS_AT_ONCE):
        await session.execute(insert(table), some)


def _parts(values: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(values)
    while some := list(islice(left, size)):
        yield some
