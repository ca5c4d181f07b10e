"""Rows about data that is deleted but may still be on the disk, in the write-ahead log."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select

from app.db.session import ReadSession, WriteSession
from app.db.tables import Erasure


async def add(session: WriteSession, subject: str) -> None:
    """Notes, in a transaction that deletes something, that its bytes must leave the disk.

    Args:
        session: The transaction.
        subject: The `user_id` of the person it was about; empty where it was about many.
    """
    session.add(Erasure(subject=subject))
    await session.flush()


async def pending(session: ReadSession) -> Sequence[Erasure]:
    """All that are not done, oldest first."""
    return (await session.scalars(select(Erasure).order_by(Erasure.id))).all()


async def oldest_of(session: ReadSession, subject: str) -> Erasure | None:
    """A user's oldest erasure that is not done; None if nothing is left."""
    found = select(Erasure).where(Erasure.subject == subject).order_by(Erasure.id).limit(1)
    return await session.scalar(found)


async def finish(session: WriteSession, ids: Collection[int]) -> None:
    """Forgets those that are done."""
    await session.execute(delete(Erasure).where(Erasure.id.in_(ids)))
