"""Rows of photos and their embeddings."""

from collections.abc import Collection, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, delete, func, select, update

from app.db.repositories import crops, erasures
from app.db.repositories.users import in_one_of
from app.db.session import ReadSession, WriteSession
from app.db.tables import Embedding, Photo, User
from app.errors import PhotoNotFoundError


async def of_user(session: ReadSession, user: User) -> Sequence[Photo]:
    """A user's photos, oldest first."""
    found = await session.scalars(
        select(Photo).where(Photo.user == user.id).order_by(Photo.created_at, Photo.id)
    )
    return found.all()


async def ids(session: ReadSession, user: User) -> Sequence[UUID]:
    """The ids of a user's photos, oldest first."""
    found = select(Photo.id).where(Photo.user == user.id)
    return (await session.scalars(found.order_by(Photo.created_at, Photo.id))).all()


async def get(session: ReadSession, user: User, photo_id: UUID) -> Photo:
    """A user's photo.

    Raises:
        PhotoNotFoundError: The user has no such photo.
    """
    photo = await session.scalar(select(Photo).where(Photo.id == photo_id, Photo.user == user.id))
    if photo is None:
        raise PhotoNotFoundError(f"User {user.user_id!r} has no photo {photo_id}.")
    return photo


async def largest_with_crop(session: ReadSession, user: User) -> Photo | None:
    """A user's photo with the largest face whose crop is kept."""
    kept = select(Photo).where(Photo.user == user.id, Photo.crop.is_not(None))
    return await session.scalar(kept.order_by(Photo.face_px.desc(), Photo.id).limit(1))


async def largest_crops(
    session: ReadSession, user_ids: Collection[str], among: Collection[str] | None
) -> Sequence[tuple[str, UUID, bytes]]:
    """The largest kept crop of each of some users: `user_id`, photo, and the crop as it is stored.

    Args:
        session: Reads.
        user_ids: Those who do not exist, or of whom no crop is kept, are missing in the answer.
        among: Only users who are in one of these groups; None: any.
    """
    place = func.row_number().over(
        partition_by=Photo.user, order_by=(Photo.face_px.desc(), Photo.id)
    )
    wanted: list[ColumnElement[bool]] = [User.user_id.in_(user_ids), Photo.crop.is_not(None)]
    if among is not None:
        wanted.append(in_one_of(among))
    ordered = (
        select(User.user_id, Photo.id, place.label("place"))
        .join(User, User.id == Photo.user)
        .where(*wanted)
        .subquery()
    )
    found = await session.execute(
        select(ordered.c.user_id, Photo.id, Photo.crop)
        .join(ordered, ordered.c.id == Photo.id)
        .where(ordered.c.place == 1)
    )
    return [(user_id, photo, crop) for user_id, photo, crop in found if crop is not None]


async def embedding(
    session: ReadSession, photo_id: UUID, space_id: str
) -> NDArray[np.float32] | None:
    """(512,) of a photo in a space; None where there is none."""
    return await session.scalar(
        select(Embedding.vector).where(Embedding.photo == photo_id, Embedding.space_id == space_id)
    )


async def groups(session: ReadSession, photo_id: UUID) -> frozenset[str]:
    """The groups of the photo's user; none if there is no such photo."""
    found = select(User.groups).join(Photo, Photo.user == User.id).where(Photo.id == photo_id)
    return frozenset(await session.scalar(found) or ())


async def hashes(session: ReadSession, user: User) -> set[str]:
    """SHA-256 of every upload that is stored for a user."""
    return set(await session.scalars(select(Photo.sha256).where(Photo.user == user.id)))


async def crops_of_user(session: ReadSession, user: User) -> list[bytes]:
    """A user's crops as PNG, of photos whose crops are retained."""
    found = await session.execute(select(Photo.id, Photo.crop).where(Photo.user == user.id))
    opened = (crops.opened(session, photo, stored) for photo, stored in found)
    return [png for png in opened if png is not None]


async def embeddings(session: ReadSession, user: User) -> dict[str, list[NDArray[np.float32]]]:
    """The embeddings of a user's photos, (512,) each, by space."""
    found = await session.execute(
        select(Embedding.space_id, Embedding.vector)
        .join(Photo, Photo.id == Embedding.photo)
        .where(Photo.user == user.id)
        .order_by(Photo.created_at, Photo.id)
    )
    by_space: dict[str, list[NDArray[np.float32]]] = {}
    for space_id, vector in found:
        by_space.setdefault(space_id, []).append(vector)
    return by_space


async def count(session: ReadSession, user: User) -> int:
    """How many photos a user has."""
    return await session.scalar(select(func.count(Photo.id)).where(Photo.user == user.id)) or 0


async def add(
    session: WriteSession,
    rows: Sequence[Photo],
    space_id: str,
    vectors: Sequence[NDArray[np.float32]],
) -> None:
    """Adds photos and their embeddings.

    Args:
        session: The transaction.
        rows: Photos that have an id; their crops as PNG, encrypted here if there is a key.
        space_id: The space.
        vectors: (512,) of each photo.
    """
    for row in rows:
        row.crop, row.crop_key = crops.sealed(session, row.id, row.crop)
    session.add_all(rows)
    await session.flush()
    session.add_all(
        Embedding(photo=row.id, space_id=space_id, vector=vector)
        for row, vector in zip(rows, vectors, strict=True)
    )
    await session.flush()


async def move(session: WriteSession, user: User, to: User) -> int:
    """Gives a user's photos to another, with their embeddings, but none that the other has too.

    Returns:
        How many.
    """
    theirs = select(Photo.sha256).where(Photo.user == to.id)
    moved = await session.scalars(
        update(Photo)
        .where(Photo.user == user.id, Photo.sha256.not_in(theirs))
        .values(user=to.id)
        .returning(Photo.id)
    )
    return len(moved.all())


async def give(session: WriteSession, photo: Photo, to: User) -> None:
    """Gives one photo to another user, with its embeddings."""
    await session.execute(update(Photo).where(Photo.id == photo.id).values(user=to.id))


async def erase(session: WriteSession, user: User, photo_id: UUID) -> None:
    """Deletes a user's photo; its embeddings go with it.

    Raises:
        PhotoNotFoundError: The user has no such photo.
    """
    photo = await get(session, user, photo_id)
    await session.execute(delete(Photo).where(Photo.id == photo.id))
    await erasures.add(session, user.user_id)
