"""Users by the name that people know them by: their display name, or else their `user_id`.

What CompreFace calls a subject. `groups` are those that the caller is bound to: only users who are
in one of them are told of; None: all users.
"""

from collections.abc import Collection, Sequence
from typing import TypeVarTuple
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update

from app.db.batches import VALUES_AT_ONCE, batched
from app.db.repositories import erasures
from app.db.repositories.users import in_one_of
from app.db.session import ReadSession, WriteSession
from app.db.tables import AnnouncedSubject, Photo, User

_Ts = TypeVarTuple("_Ts")

_shown_name = func.coalesce(User.display_name, User.user_id)


async def named(session: ReadSession, name: str, groups: Collection[str] | None) -> Sequence[User]:
    """Who has a name, oldest first; two of them at most."""
    found = _within(select(User).where(_shown_name == name), groups)
    return (await session.scalars(found.order_by(User.id).limit(2))).all()


async def names(session: ReadSession, groups: Collection[str] | None) -> set[str]:
    """The names of all users."""
    return set(await session.scalars(_within(select(_shown_name), groups)))


async def names_of(session: ReadSession, user_ids: Collection[str]) -> dict[str, str]:
    """The names of those of some users who still exist, by `user_id`."""
    by_user_id: dict[str, str] = {}
    for some in batched(user_ids, VALUES_AT_ONCE):
        found = await session.execute(
            select(User.user_id, _shown_name).where(User.user_id.in_(some))
        )
        by_user_id.update((user_id, name) for user_id, name in found)
    return by_user_id


async def owner(
    session: ReadSession, photo_id: UUID, groups: Collection[str] | None
) -> User | None:
    """Whose photo it is; None where there is no such photo."""
    found = select(User).join(Photo, Photo.user == User.id).where(Photo.id == photo_id)
    return await session.scalar(_within(found, groups))


async def photo_page(
    session: ReadSession,
    name: str | None,
    groups: Collection[str] | None,
    offset: int,
    limit: int,
) -> list[tuple[UUID, str]]:
    """Photos and the names of those whom they show, oldest first.

    Args:
        session: Reads.
        name: Of one of them; None for everybody.
        groups: See above.
        offset: This many are passed over.
        limit: Largest number of photos.
    """
    listed = select(Photo.id, _shown_name).join(User, Photo.user == User.id)
    listed = _of_name(_within(listed, groups), name).order_by(Photo.created_at, Photo.id)
    found = await session.execute(listed.offset(offset).limit(limit))
    return [(photo_id, of) for photo_id, of in found]


async def count_photos(
    session: ReadSession, name: str | None, groups: Collection[str] | None
) -> int:
    """How many photos `photo_page` tells of."""
    counted = select(func.count(Photo.id)).join(User, Photo.user == User.id)
    return await session.scalar(_of_name(_within(counted, groups), name)) or 0


async def move_photos(session: WriteSession, source: User, target: User) -> None:
    """Gives a user's photos to another, but for those that the other has already."""
    had = select(Photo.sha256).where(Photo.user == target.id)
    await session.execute(
        update(Photo)
        .where(Photo.user == source.id, Photo.sha256.not_in(had))
        .values(user=target.id)
        .execution_options(synchronize_session=False)
    )


async def announced(session: ReadSession, key_id: str) -> set[str]:
    """The names that were announced with a key, and of which no photo has come."""
    found = select(AnnouncedSubject.name).where(AnnouncedSubject.api_key == key_id)
    return set(await session.scalars(found))


async def announce(session: WriteSession, key_id: str, name: str) -> None:
    """Keeps a name until its first photo comes."""
    await session.merge(AnnouncedSubject(api_key=key_id, name=name))
    await session.flush()


async def forget_announced(session: WriteSession, key_id: str, names: Collection[str]) -> None:
    """Deletes names that were announced."""
    for some in batched(names, VALUES_AT_ONCE):
        await session.execute(
            delete(AnnouncedSubject).where(
                AnnouncedSubject.api_key == key_id, AnnouncedSubject.name.in_(some)
            )
        )
    await erasures.add(session, "")


def _within(found: Select[*_Ts], groups: Collection[str] | None) -> Select[*_Ts]:
    return found if groups is None else found.where(in_one_of(groups))


def _of_name(found: Select[*_Ts], name: str | None) -> Select[*_Ts]:
    return found if name is None else found.where(_shown_name == name)
