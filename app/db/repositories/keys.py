"""Rows of API keys."""

from collections.abc import Sequence

from sqlalchemy import func, select

from app.db.session import ReadSession, WriteSession
from app.db.tables import ApiKey


async def find(session: ReadSession, key_id: str) -> ApiKey | None:
    """A key by its public half."""
    return await session.get(ApiKey, key_id)


async def every(session: ReadSession) -> Sequence[ApiKey]:
    """All keys, also revoked ones, oldest first."""
    return (await session.scalars(select(ApiKey).order_by(ApiKey.created_at))).all()


async def count(session: ReadSession) -> int:
    """How many keys there are or were."""
    return await session.scalar(select(func.count(ApiKey.id))) or 0


async def add(session: WriteSession, key: ApiKey) -> None:
    """Adds a key."""
    session.add(key)
    await session.flush()
