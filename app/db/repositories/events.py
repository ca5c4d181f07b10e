"""Rows of audit events and of answers kept for retries."""

from collections.abc import Sequence

from sqlalchemy import func, select

from app.db.session import ReadSession, WriteSession
from app.db.tables import AuditEvent, JsonObject, StoredAnswer, User

# Subjects have no index: a caller who makes up names must not have all events read.
_RECENT = 10_000


async def record(
    session: WriteSession, actor: str, action: str, subject: str, detail: JsonObject
) -> None:
    """Notes who did what to whom.

    Args:
        session: The transaction that does it.
        actor: The id of an API key, or "command-line".
        action: Such as "user.registered".
        subject: A `user_id` or key id.
        detail: Figures, never biometric data.
    """
    session.add(AuditEvent(actor=actor, action=action, subject=subject, detail=detail))
    await session.flush()


async def page(session: ReadSession, before_id: int, limit: int) -> Sequence[AuditEvent]:
    """Events, newest first.

    Args:
        session: Reads.
        before_id: The row id where the previous page ended.
        limit: Maximum number of events.
    """
    found = select(AuditEvent).where(AuditEvent.id < before_id)
    return (await session.scalars(found.order_by(AuditEvent.id.desc()).limit(limit))).all()


async def last_about(session: ReadSession, subject: str) -> AuditEvent | None:
    """The last event about a user or key; None where it is not among the last 10,000 of all."""
    first_id = select(func.max(AuditEvent.id)).scalar_subquery() - _RECENT
    found = select(AuditEvent).where(AuditEvent.subject == subject, AuditEvent.id > first_id)
    return await session.scalar(found.order_by(AuditEvent.id.desc()).limit(1))


async def find_answer(
    session: ReadSession, api_key: str, idempotency_key: str
) -> StoredAnswer | None:
    """The answer that a request with this Idempotency-Key was given."""
    return await session.get(StoredAnswer, (api_key, idempotency_key))


async def answers_about(session: WriteSession, user: User) -> Sequence[StoredAnswer]:
    """All answers about a user."""
    return (await session.scalars(select(StoredAnswer).where(StoredAnswer.user == user.id))).all()


async def add_answer(session: WriteSession, answer: StoredAnswer) -> None:
    """Keeps an answer for retries."""
    session.add(answer)
    await session.flush()
