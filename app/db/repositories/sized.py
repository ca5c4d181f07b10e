"""Rows of templates that probes of a small size are compared with."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, exists, func, insert, select, update

from app.db.repositories import crops
from app.db.session import ReadSession, WriteSession
from app.db.tables import Photo, SizedTemplate, Template, User
from app.errors import FarsightError

Sized = Mapping[int, NDArray[np.float32]]
"""(512,) means of unit length, by the `face_px` that crops were shrunk to."""


@dataclass(frozen=True, slots=True)
class Unsized:
    """A user whose template has no companions of some sizes, and all of whose crops are stored.

    Attributes:
        user: The row id.
        user_id: The client's name for the user.
        revision: Of the template: it is another one where this has changed.
        crops: PNG and `face_px`; None if one cannot be read.
    """

    user: int
    user_id: str
    revision: int
    crops: list[tuple[bytes, float]] | None


async def without(
    session: ReadSession,
    space_id: str,
    sizes: Collection[int],
    *,
    since: int,
    after: int,
    limit: int,
) -> list[Unsized]:
    """Users to be given templates of some sizes, in the order of registration.

    Args:
        session: Reads.
        space_id: The space.
        sizes: All of which a user should have.
        since: A gallery revision; users whose template is not younger are left out.
        after: The row id before them; 0 for the first ones.
        limit: Maximum number.
    """
    has = (
        select(func.count())
        .where(
            SizedTemplate.user == Template.user,
            SizedTemplate.space_id == space_id,
            SizedTemplate.face_px.in_(sizes),
        )
        .scalar_subquery()
    )
    lacks_crop = exists().where(Photo.user == Template.user, Photo.crop.is_(None))
    rows = await session.execute(
        select(Template.user, User.user_id, Template.revision)
        .join(User, User.id == Template.user)
        .where(Template.space_id == space_id, Template.revision > since, Template.user > after)
        .where(has < len(sizes), ~lacks_crop)
        .order_by(Template.user)
        .limit(limit)
    )
    found = [Unsized(user, user_id, revision, []) for user, user_id, revision in rows]
    stored = await session.execute(
        select(Photo.user, Photo.id, Photo.crop, Photo.face_px).where(
            Photo.user.in_([each.user for each in found])
        )
    )
    of_user: dict[int, list[tuple[bytes, float]] | None] = {each.user: [] for each in found}
    for user, photo, crop, face_px in stored:
        theirs = of_user[user]
        try:
            if theirs is not None:
                theirs.append((crops.opened(session, photo, crop) or b"", face_px))
        except FarsightError:  # `farsight db check` names the crop
            of_user[user] = None
    return [Unsized(each.user, each.user_id, each.revision, of_user[each.user]) for each in found]


async def put(
    session: WriteSession,
    space_id: str,
    found: Iterable[tuple[Unsized, Sized]],
    revision: int,
) -> dict[int, NDArray[np.float32]]:
    """Stores templates of sizes, except where the template has changed or gone.

    Args:
        session: The transaction.
        space_id: The space.
        found: Users as they were read, and what was made of their crops.
        revision: The gallery's, at which other processes will read it.

    Returns:
        The (512,) templates, by row id, of those who were given some.
    """
    given = {each.user: (each, sized) for each, sized in found}
    rows = await session.execute(
        select(Template.user, Template.vector, Template.revision).where(
            Template.user.in_(given), Template.space_id == space_id
        )
    )
    same = {user: vector for user, vector, read_at in rows if given[user][0].revision == read_at}
    await session.execute(
        delete(SizedTemplate).where(
            SizedTemplate.user.in_(same), SizedTemplate.space_id == space_id
        )
    )
    added = [
        {"user": user, "space_id": space_id, "face_px": face_px, "vector": vector}
        for user in same
        for face_px, vector in given[user][1].items()
    ]
    if added:
        await session.execute(insert(SizedTemplate), added)
        await session.execute(
            update(Template)
            .where(Template.user.in_(same), Template.space_id == space_id)
            .values(revision=revision)
        )
    return same


async def of_user(session: ReadSession, user: User) -> dict[str, Sized]:
    """A user's, by space."""
    rows = await session.execute(
        select(SizedTemplate.space_id, SizedTemplate.face_px, SizedTemplate.vector).where(
            SizedTemplate.user == user.id
        )
    )
    found: dict[str, dict[int, NDArray[np.float32]]] = {}
    for space_id, face_px, vector in rows:
        found.setdefault(space_id, {})[face_px] = vector
    return dict(found)


async def of_space(session: ReadSession, space_id: str, since: int = -1) -> dict[str, Sized]:
    """Everybody's in a space, by `user_id`.

    Args:
        session: Reads.
        space_id: The space.
        since: A gallery revision; those whose template is not younger are left out.
    """
    rows = await session.execute(
        select(User.user_id, SizedTemplate.face_px, SizedTemplate.vector)
        .join(User, User.id == SizedTemplate.user)
        .join(
            Template,
            (Template.user == SizedTemplate.user) & (Template.space_id == SizedTemplate.space_id),
        )
        .where(SizedTemplate.space_id == space_id, Template.revision > since)
    )
    found: dict[str, dict[int, NDArray[np.float32]]] = {}
    for user_id, face_px, vector in rows:
        found.setdefault(user_id, {})[face_px] = vector
    return dict(found)


async def of_users(
    session: ReadSession, space_id: str, face_px: int, user_ids: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Those of one size that some users have, by `user_id`."""
    rows = await session.execute(
        select(User.user_id, SizedTemplate.vector)
        .join(User, User.id == SizedTemplate.user)
        .where(
            SizedTemplate.space_id == space_id,
            SizedTemplate.face_px == face_px,
            User.user_id.in_(user_ids),
        )
    )
    return dict(rows.all())


async def erase(session: WriteSession, user: User, space_ids: Collection[str]) -> None:
    """Deletes a user's of some spaces."""
    await session.execute(
        delete(SizedTemplate).where(
            SizedTemplate.user == user.id, SizedTemplate.space_id.in_(space_ids)
        )
    )
