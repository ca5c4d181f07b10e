"""Rows of faces that are kept for review."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, Text, cast, delete, false, func, or_, select
from sqlalchemy import update as change
from sqlalchemy.orm import defer

from app.db.batches import VALUES_AT_ONCE, batched
from app.db.repositories import erasures, users
from app.db.session import ReadSession, WriteSession
from app.db.tables import KeptFace, User


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which kept faces are asked for.

    Attributes:
        named: True: those that are somebody's; False: those of strangers; None: all.
        groups: Kept for one of these, and if named, of a user in one of them; None: any.
    """

    named: bool | None = None
    groups: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """What faces are grouped by.

    Attributes:
        face_id: Whose.
        face_px: Source px under the crop's side.
        vector: (512,), of unit length.
    """

    face_id: UUID
    face_px: float
    vector: NDArray[np.float32]


async def add(session: WriteSession, rows: Sequence[KeptFace]) -> None:
    """Adds faces; their crops as PNG, encrypted here if there is a key."""
    for row in rows:
        row.crop_key = session.crop_keys.current
        row.crop = session.crop_keys.seal(row.face_id, row.crop)
    session.add_all(rows)
    await session.flush()


async def page(
    session: ReadSession, wanted: Wanted, before: int, limit: int
) -> list[tuple[KeptFace, str | None]]:
    """Faces, newest first, each with the `user_id` that it has.

    Args:
        session: Reads.
        wanted: Which.
        before: The row id where the previous page ended.
        limit: Maximum number.
    """
    found = _with_names(crops=False).where(KeptFace.id < before, *_conditions(wanted))
    rows = await session.execute(found.order_by(KeptFace.id.desc()).limit(limit))
    return [(row, user_id) for row, user_id in rows]


async def some(
    session: ReadSession, face_ids: Collection[UUID], wanted: Wanted, *, crops: bool = False
) -> list[tuple[KeptFace, str | None]]:
    """Those of some faces that there are, as `page` has them, newest first.

    Args:
        session: Reads.
        face_ids: Which.
        wanted: And of them, which.
        crops: Read the crops, too.
    """
    found = _with_names(crops=crops)
    found = found.where(KeptFace.face_id.in_(face_ids), *_conditions(wanted))
    rows = await session.execute(found.order_by(KeptFace.id.desc()))
    return [(row, user_id) for row, user_id in rows]


async def points(session: ReadSession, space_id: str, wanted: Wanted, limit: int) -> list[Point]:
    """The newest faces in a space."""
    found = select(KeptFace.face_id, KeptFace.face_px, KeptFace.vector).where(
        KeptFace.space_id == space_id, *_conditions(wanted)
    )
    rows = await session.execute(found.order_by(KeptFace.id.desc()).limit(limit))
    return [Point(*row) for row in rows]


async def in_other_spaces(
    session: ReadSession, space_id: str, wanted: Wanted, limit: int
) -> Sequence[UUID]:
    """The newest faces that are not in a space."""
    found = select(KeptFace.face_id).where(KeptFace.space_id != space_id, *_conditions(wanted))
    return (await session.scalars(found.order_by(KeptFace.id.desc()).limit(limit))).all()


async def count(session: ReadSession) -> int:
    """How many there are."""
    return await session.scalar(select(func.count(KeptFace.id))) or 0


async def assign(session: WriteSession, face_ids: Collection[UUID], user: User) -> None:
    """Notes that faces are a user's, because a person says so."""
    await session.execute(
        change(KeptFace).where(KeptFace.face_id.in_(face_ids)).values(user=user.id, assigned=True)
    )


async def move(session: WriteSession, user: User, to: User) -> None:
    """Gives all faces that are a user's to another."""
    await session.execute(change(KeptFace).where(KeptFace.user == user.id).values(user=to.id))


async def erase(session: WriteSession, face_ids: Collection[UUID]) -> int:
    """Deletes faces; returns how many there were."""
    gone = 0
    for ids in batched(face_ids, VALUES_AT_ONCE):
        found = await session.scalars(
            delete(KeptFace).where(KeptFace.face_id.in_(ids)).returning(KeptFace.id)
        )
        gone += len(found.all())
    if gone:
        await erasures.add(session, "")
    return gone


async def erase_before(session: WriteSession, moment: datetime) -> int:
    """Deletes faces that were kept before a moment; returns how many there were."""
    return await _erase_where(session, KeptFace.kept_at < moment)


async def erase_oldest(session: WriteSession, left: int) -> int:
    """Deletes all faces but the newest ones; returns how many there were."""
    newest = select(KeptFace.id).order_by(KeptFace.id.desc()).offset(left).limit(1)
    oldest = await session.scalar(newest)
    return 0 if oldest is None else await _erase_where(session, KeptFace.id <= oldest)


def _with_names(*, crops: bool) -> Select[KeptFace, str]:
    """Rows without embeddings, and without crops unless these are asked for: both are large."""
    found = select(KeptFace, User.user_id).outerjoin(User, KeptFace.user == User.id)
    large = [KeptFace.vector] if crops else [KeptFace.vector, KeptFace.crop]
    return found.options(*(defer(column, raiseload=True) for column in large))


async def _erase_where(session: WriteSession, condition: ColumnElement[bool]) -> int:
    found = await session.scalars(delete(KeptFace).where(condition).returning(KeptFace.id))
    gone = len(found.all())
    if gone:
        # It is about many, and some of them have no name.
        await erasures.add(session, "")
    return gone


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.named is not None:
        yield KeptFace.user.is_not(None) if wanted.named else KeptFace.user.is_(None)
    if wanted.groups is not None:
        text = cast(KeptFace.groups, Text)
        names = (text.contains(f'"{name}"', autoescape=True) for name in wanted.groups)
        yield or_(false(), *names)
        if wanted.named is not False:  # strangers are in no group, and need no join
            yield or_(KeptFace.user.is_(None), users.in_one_of(wanted.groups))
