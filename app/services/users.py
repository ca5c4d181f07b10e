"""Registered users as callers see them: one, a page of them, changed, erased."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypedDict
from uuid import UUID

import msgspec

from app.db.repositories import erasures, events, photos, pointer, users
from app.db.session import ReadSession, Sessions, WriteSession
from app.db.tables import JsonObject, Photo, User
from app.errors import GroupForbiddenError
from app.gallery.gallery import Groups
from app.recognition.serving import Current
from app.services.cursor import cursor_after, read_cursor, read_row_id
from app.services.erasures import Erasures
from app.services.template import refresh_templates

Order = users.Order
Wanted = users.Wanted
_EVERYBODY = Wanted()


@dataclass(frozen=True, slots=True)
class UserView:
    """A user without photos."""

    user_id: str
    display_name: str | None
    metadata: JsonObject
    photo_count: int
    groups: list[str]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PhotoView:
    """A stored photo without its pixels."""

    photo_id: UUID
    face_px: float
    quality: JsonObject
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserDetail:
    """A user and their photos, oldest first."""

    user: UserView
    photos: list[PhotoView]


@dataclass(frozen=True, slots=True)
class UserPage:
    """Some users, where the next page begins (None on the last one), and their total."""

    items: list[UserView]
    next_cursor: str | None
    total: int


class UserChanges(TypedDict, total=False):
    """What to change; what is absent stays as it is."""

    display_name: str | None
    metadata: JsonObject
    groups: list[str]


class Users:
    """Everything about users that needs no photo.

    Args:
        sessions: Where they are kept.
        erasures: Erases.
        current: Its galleries follow; None where none are in memory.
    """

    def __init__(
        self, sessions: Sessions, erasures: Erasures, current: Current | None = None
    ) -> None:
        self._sessions = sessions
        self._current = current
        self._erasures = erasures

    async def get(self, user_id: str) -> UserDetail:
        """One user.

        Raises:
            UserNotFoundError: There is none.
        """
        async with self._sessions.read() as session:
            return await view_detail(session, await users.get(session, user_id))

    async def page(
        self,
        cursor: str | None,
        limit: int,
        wanted: Wanted = _EVERYBODY,
        order: Order = Order.OLDEST,
    ) -> UserPage:
        """Users, page by page.

        Args:
            cursor: `next_cursor` of the previous page; None for the first page.
            limit: Maximum number of users.
            wanted: Which users.
            order: The same on all pages.

        Raises:
            InvalidRequestError: Not a cursor of ours.
        """
        by_user_id = order == Order.USER_ID
        after: int | str | None = None
        if cursor is not None:
            after = read_cursor(cursor) if by_user_id else read_row_id(cursor)
        async with self._sessions.read() as session:
            rows = await users.page(session, wanted, order, after, limit + 1)
            total = await users.count_matching(session, wanted)
        places = [user.user_id if by_user_id else user.id for user, _ in rows]
        return UserPage(
            [view_user(user, count) for user, count in rows[:limit]],
            cursor_after(places, limit),
            total,
        )

    async def change(self, actor: str, user_id: str, changes: UserChanges) -> UserDetail:
        """Changes display name, metadata or groups; the last two are replaced as a whole.

        What they were is erased.

        Raises:
            UserNotFoundError: There is no such user.
        """

        async def store(session: WriteSession) -> UserDetail:
            user = await users.get(session, user_id)
            return await change(session, self._current, actor, user, changes)

        return await self._sessions.write(store)

    async def erase(self, actor: str, *user_ids: str) -> bool:
        """Deletes users with photos, embeddings, templates and stored answers, or none of them.

        Returns:
            See Erasures.run.

        Raises:
            UserNotFoundError: There is no such user.
        """

        async def store(session: WriteSession) -> None:
            rows = {user_id: (await users.get(session, user_id)).id for user_id in user_ids}
            await users.erase(session, rows)
            for user_id in rows:
                await events.record(session, actor, "user.erased", user_id, {})
                await forget_template(session, self._current, user_id)

        return await self._erasures.run(store)

    async def require_reach(self, user_id: str, groups: Groups | None, *, change: bool) -> None:
        """Whether somebody who is bound to groups may see a user, or change them.

        Args:
            user_id: Whose.
            groups: See Caller.
            change: A user who is in another group as well is not theirs alone.

        Raises:
            UserNotFoundError: There is no such user, or the user is in none of the groups.
            GroupForbiddenError: The user is in another group as well.
        """
        if groups is None:
            return
        async with self._sessions.read() as session:
            user = await users.get(session, user_id)
        if groups.isdisjoint(user.groups):
            raise users.not_found(user_id)
        if change:
            require_alone(user, groups)

    async def require_reach_or_erased(
        self, user_id: str, groups: Groups | None, actor: str
    ) -> None:
        """The same as for seeing; whoever has erased a user may still ask about the erasure.

        Args:
            user_id: Whose.
            groups: See Caller.
            actor: The caller's key id.

        Raises:
            UserNotFoundError: The user is in none of the groups, or there is none and somebody else
                has erased them.
        """
        if groups is None:
            return
        async with self._sessions.read() as session:
            is_gone = not await users.exists(session, user_id)
            last = await events.last_about(session, user_id) if is_gone else None
        if last is None or (last.action, last.actor) != ("user.erased", actor):
            await self.require_reach(user_id, groups, change=False)


def require_alone(user: User, groups: Groups | None) -> None:
    """Makes sure that a user is in no group that a caller does not reach.

    Raises:
        GroupForbiddenError: The user is.
    """
    if groups is not None and not groups.issuperset(user.groups):
        raise GroupForbiddenError(
            f"User {user.user_id!r} is also in groups that this key does not reach."
        )


async def change(
    session: WriteSession, current: Current | None, actor: str, user: User, changes: UserChanges
) -> UserDetail:
    """See Users.change; in a transaction that does more."""
    if "display_name" in changes:
        user.display_name = changes["display_name"]
    if "metadata" in changes:
        user.details = changes["metadata"]
    if "groups" in changes:
        user.groups = sorted(set(changes["groups"]))
        await refresh_templates(session, current, user)  # galleries know groups
    fields: JsonObject = {"fields": sorted(changes)}
    await events.record(session, actor, "user.changed", user.user_id, fields)
    await session.flush()
    detail = await view_detail(session, user)
    for stored in await events.answers_about(session, user):
        # It must not keep the old name.
        stored.answer = {**(stored.answer or {}), "user": msgspec.to_builtins(detail.user)}
    await erasures.add(session, user.user_id)
    return detail


async def forget_template(session: WriteSession, current: Current | None, user_id: str) -> None:
    """After the commit the galleries forget a user whose rows are deleted."""
    revision = await pointer.count_gallery_change(session)
    if current is not None:
        session.after_commit.append(partial(current.follow_user, user_id, {}, revision))


async def view_detail(session: ReadSession, user: User) -> UserDetail:
    """A user and their photos as callers see them."""
    stored = await photos.of_user(session, user)
    return UserDetail(view_user(user, len(stored)), _view_photos(stored))


def view_user(user: User, photo_count: int) -> UserView:
    """A user's row as callers see it."""
    return UserView(
        user_id=user.user_id,
        display_name=user.display_name,
        metadata=user.details,
        photo_count=photo_count,
        groups=user.groups,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


def _view_photos(stored: Sequence[Photo]) -> list[PhotoView]:
    return [PhotoView(row.id, row.face_px, row.quality, row.created_at) for row in stored]
