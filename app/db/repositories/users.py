"""Rows of users and their templates."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVarTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, Text, cast, delete, false, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.db.batches import VALUES_AT_ONCE, batched
from app.db.repositories import erasures
from app.db.session import ReadSession, WriteSession
from app.db.tables import JsonObject, Photo, StoredAnswer, Template, User
from app.errors import UserExistsError, UserNotFoundError

_Ts = TypeVarTuple("_Ts")


async def get(session: ReadSession, user_id: str) -> User:
    """A user's row.

    Raises:
        UserNotFoundError: There is none.
    """
    user = await session.scalar(select(User).where(User.user_id == user_id))
    if user is None:
        raise not_found(user_id)
    return user


def not_found(user_id: str) -> UserNotFoundError:
    """The error if there is no such user, or the caller may not know of them."""
    return UserNotFoundError(f"Nobody is registered as {user_id!r}.", user_id=user_id)


async def exists(session: ReadSession, user_id: str) -> bool:
    """Whether a `user_id` is taken."""
    return await session.scalar(select(User.id).where(User.user_id == user_id)) is not None


class Order(StrEnum):
    """In which order users are listed: by registration, or by `user_id`."""

    OLDEST = "oldest"
    NEWEST = "newest"
    USER_ID = "user_id"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which users are listed.

    Attributes:
        search: A part of `user_id`, display name or metadata; case is ignored in ASCII.
        groups: They are in one of these; None: in any, or in none.
    """

    search: str | None = None
    groups: Collection[str] | None = None


async def page(
    session: ReadSession, wanted: Wanted, order: Order, after: int | str | None, limit: int
) -> Sequence[tuple[User, int]]:
    """Users, each with the number of photos.

    Args:
        session: Reads.
        wanted: Which.
        order: Of the list.
        after: The row id, or by `user_id` that, before the page; None for the first.
        limit: Maximum number of users.
    """
    photo_count = select(func.count()).where(Photo.user == User.id).scalar_subquery()
    key = User.user_id if order == Order.USER_ID else User.id
    backwards = order == Order.NEWEST
    listed = _matching(select(User, photo_count), wanted)
    if after is not None:
        listed = listed.where(key < after if backwards else key > after)
    listed = listed.order_by(key.desc() if backwards else key)
    found = await session.execute(listed.limit(limit))
    return [(user, count) for user, count in found]


async def count_matching(session: ReadSession, wanted: Wanted) -> int:
    """How many such users there are."""
    return await session.scalar(_matching(select(func.count(User.id)), wanted)) or 0


def in_one_of(groups: Collection[str]) -> ColumnElement[bool]:
    """Whether a user is in one of some groups."""
    text = cast(User.groups, Text)
    return or_(false(), *(text.contains(f'"{name}"', autoescape=True) for name in groups))


def _matching(listed: Select[*_Ts], wanted: Wanted) -> Select[*_Ts]:
    if wanted.groups is not None:
        listed = listed.where(in_one_of(wanted.groups))
    if wanted.search is None:
        return listed
    search = wanted.search
    # JSON is stored with escapes in place of all that is not ASCII.
    in_metadata = json.dumps(search)[1:-1]
    return listed.where(
        or_(
            User.user_id.icontains(search, autoescape=True),
            User.display_name.icontains(search, autoescape=True),
            cast(User.details, Text).icontains(in_metadata, autoescape=True),
        )
    )


async def add(
    session: WriteSession,
    user_id: str,
    display_name: str | None,
    details: JsonObject,
    groups: Collection[str] = (),
) -> User:
    """Adds a user.

    Raises:
        UserExistsError: The `user_id` is taken.
    """
    user = User(
        user_id=user_id, display_name=display_name, details=details, groups=sorted(set(groups))
    )
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise UserExistsError(f"{user_id!r} is registered already.", user_id=user_id) from error
    return user


async def erase(session: WriteSession, users: Mapping[str, int]) -> None:
    """Deletes users; photos, embeddings and templates go with the rows.

    Args:
        session: The transaction.
        users: Row id by `user_id`.
    """
    for some in batched(users.values(), VALUES_AT_ONCE):
        # A retry of the registration must not bring anybody back, so the fact of an answer stays.
        await session.execute(
            update(StoredAnswer)
            .where(StoredAnswer.user.in_(some))
            .values(user=None, answer=None, request_sha256="")
        )
        await session.execute(delete(User).where(User.id.in_(some)))
    for user_id in users:
        await erasures.add(session, user_id)


async def put_template(
    session: WriteSession,
    user: User,
    space_id: str,
    vector: NDArray[np.float32],
    photo_count: int,
    revision: int,
) -> None:
    """Adds a user's template of a space, or replaces the former one."""
    await session.merge(
        Template(
            user=user.id,
            space_id=space_id,
            vector=vector,
            photo_count=photo_count,
            revision=revision,
        )
    )
    await session.flush()


async def erase_templates(session: WriteSession, user: User, except_in: Collection[str]) -> None:
    """Deletes a user's templates of all spaces but some."""
    await session.execute(
        delete(Template).where(Template.user == user.id, Template.space_id.not_in(except_in))
    )


async def groups(session: ReadSession, among: Collection[int]) -> dict[int, frozenset[str]]:
    """The groups of some users, by row id."""
    found = await session.execute(select(User.id, User.groups).where(User.id.in_(among)))
    return {user: frozenset(theirs) for user, theirs in found}


async def template(session: ReadSession, user_id: str, space_id: str) -> NDArray[np.float32] | None:
    """A user's (512,) template in a space; None where there is none."""
    found = select(Template.vector).join(User, Template.user == User.id)
    return await session.scalar(found.where(User.user_id == user_id, Template.space_id == space_id))


async def templates_of(session: ReadSession, user: User) -> dict[str, NDArray[np.float32]]:
    """A user's (512,) templates, by space."""
    found = select(Template.space_id, Template.vector).where(Template.user == user.id)
    return dict((await session.execute(found)).all())


async def templates(
    session: ReadSession, space_id: str, since: int = -1
) -> list[tuple[str, NDArray[np.float32], frozenset[str]]]:
    """`user_id`, template and groups of everybody who has a template in a space.

    Args:
        session: Reads.
        space_id: The space.
        since: A gallery revision; templates that are not younger are left out.
    """
    found = await session.execute(
        select(User.user_id, Template.vector, User.groups)
        .join(Template, Template.user == User.id)
        .where(Template.space_id == space_id, Template.revision > since)
    )
    sets: dict[str, frozenset[str]] = {}  # few, of many users

    def known(theirs: list[str]) -> frozenset[str]:
        return sets.setdefault("\n".join(theirs), frozenset(theirs))

    return [(user_id, vector, known(theirs)) for user_id, vector, theirs in found]


async def rows_of(session: ReadSession, user_ids: Collection[str]) -> dict[str, int]:
    """Row ids of those of some users whom there are, by `user_id`."""
    found = await session.execute(select(User.user_id, User.id).where(User.user_id.in_(user_ids)))
    return {user.user_id: user.id for user in found}


async def ids_in_space(session: ReadSession, space_id: str) -> set[str]:
    """The `user_id` of everybody who has a template in a space."""
    found = await session.scalars(
        select(User.user_id)
        .join(Template, Template.user == User.id)
        .where(Template.space_id == space_id)
    )
    return set(found)


async def count_in_space(session: ReadSession, space_id: str) -> int:
    """How many users have a template in a space."""
    found = select(func.count(Template.user)).where(Template.space_id == space_id)
    return await session.scalar(found) or 0


async def count_outside_space(session: ReadSession, space_id: str) -> int:
    """How many users have no template in a space."""
    inside = select(Template.user).where(Template.space_id == space_id)
    count = await session.scalar(select(func.count(User.id)).where(User.id.not_in(inside)))
    return count or 0


async def count(session: ReadSession) -> int:
    """How many users there are."""
    return await session.scalar(select(func.count(User.id))) or 0
