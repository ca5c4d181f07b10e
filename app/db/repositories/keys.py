"""Rows of API keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select, update

from app.db.session import ReadSession, WriteSession
from app.db.tables import ApiKey


async def find(session: ReadSession, key_id: str) -> ApiKey | None:
    """A key by its public half."""
    return await session.get(ApiKey, key_id)


async def every(session: ReadSession) -> Sequence[ApiKey]:
    """All keys, revoked ones included, oldest first."""
    return (await session.scalars(select(ApiKey).order_by(ApiKey.created_at))).all()


async def count(session: ReadSession) -> int:
    """How many keys there are or were."""
    return await session.scalar(select(func.count(ApiKey.id))) or 0


async def note_use(session: WriteSession, used: Mapping[str, datetime]) -> None:
    """Notes when keys were used last, by their ids."""
    for key_id, at in used.items():
        await session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=at))


async def add(session: WriteSession, key: ApiKey) -> None:
    """Adds a key."""
    session.add(key)
    await session.flush()
