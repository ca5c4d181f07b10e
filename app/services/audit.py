"""The audit log as callers read it: who did what to whom."""

from dataclasses import dataclass
from datetime import datetime

from app.db.repositories import events
from app.db.session import Sessions
from app.db.tables import JsonObject
from app.services.cursor import cursor_after, read_row_id

_BEYOND_ALL = 2**62


@dataclass(frozen=True, slots=True)
class EventView:
    """One event.

    Attributes:
        at: When.
        actor: The id of the key, or `command-line`.
        action: Such as `user.erased`.
        subject: A `user_id`, a key id, or the name of a bundle.
        detail: Figures, never biometric data.
    """

    at: datetime
    actor: str
    action: str
    subject: str
    detail: JsonObject


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, and where the next page begins; None on the last one."""

    items: list[EventView]
    next_cursor: str | None


async def read_events(sessions: Sessions, cursor: str | None, limit: int) -> EventPage:
    """Events, newest first.

    Args:
        sessions: Where they are kept.
        cursor: `next_cursor` of the previous page; None for the first page.
        limit: Maximum number of events.

    Raises:
        InvalidRequestError: Not a cursor of ours.
    """
    before = _BEYOND_ALL if cursor is None else read_row_id(cursor)
    async with sessions.read() as session:
        rows = await events.page(session, before, limit + 1)
    return EventPage(
        [EventView(row.at, row.actor, row.action, row.subject, row.detail) for row in rows[:limit]],
        cursor_after([row.id for row in rows], limit),
    )
