"""Rows of what is deleted but may still be on the disk, in the write-ahead log."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select

from app.db.session import ReadSession, WriteSession
from app.db.tables import Erasure


async def add(session: WriteSession, subject: str) -> None:
    """Notes, in the transaction that deletes something, that its bytes are to leave the disk.

    Args:
        session: The transaction.
        subject: The `user_id` of whom it told; empty where it told of many.
    """
    session.add(Erasure(subject=subject))
    await session.flush()


async def pending(session: ReadSession) -> Sequence[Erasure]:
    """All that are not done, oldest first."""
    return (await session.scalars(select(Erasure).order_by(Erasure.id))).all()


async def oldest_of(session: ReadSession, subject: str) -> Erasure | None:
    """The oldest that is not done of a user; None where nothing of them is left."""
    found = select(Erasure).where(Erasure.subject == subject).order_by(Erasure.id).limit(1)
    return await session.scalar(found)


async def finish(session: WriteSession, ids: Collection[int]) -> None:
    """Forgets those that are done."""
    await session.execute(delete(Erasure).where(Erasure.id.in_(ids)))
