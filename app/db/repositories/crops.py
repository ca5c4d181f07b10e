"""Stored crops, as they are or encrypted: of photos, and of faces that are kept for review."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, union_all, update

from app.db.crop_keys import missing
from app.db.session import ReadSession, WriteSession
from app.db.tables import KeptFace, Photo


def sealed(
    session: WriteSession, photo: UUID, png: bytes | None
) -> tuple[bytes | None, str | None]:
    """What is stored of a photo's crop, and the key's id; None where it is not kept."""
    if png is None:
        return None, None
    return session.crop_keys.seal(photo, png), session.crop_keys.current


def opened(session: ReadSession, photo: UUID, stored: bytes | None) -> bytes | None:
    """A photo's crop as PNG; None where it was not kept.

    Raises:
        CropKeyError: Its key is missing.
        DatabaseDamagedError: It is damaged.
    """
    return None if stored is None else session.crop_keys.open(photo, stored)


async def require_keys(session: ReadSession) -> None:
    """Makes sure that every stored crop can be read.

    Raises:
        CropKeyError: Some are encrypted with a key that the session does not have.
    """
    of_photos = select(Photo.crop_key).where(Photo.crop_key.is_not(None))
    of_faces = select(KeptFace.crop_key).where(KeptFace.crop_key.is_not(None))
    used = [*await session.scalars(of_photos.distinct())]
    used += await session.scalars(of_faces.distinct())
    if lost := {key_id for key_id in used if key_id and key_id not in session.crop_keys}:
        raise missing(lost)


async def count_to_encrypt(session: ReadSession) -> int:
    """How many crops are not encrypted with the session's current key."""
    of_photos = select(func.count(Photo.id)).where(*_other_photos(session))
    of_faces = select(func.count(KeptFace.id)).where(*_other_faces(session))
    return (await session.scalar(of_photos) or 0) + (await session.scalar(of_faces) or 0)


async def page_to_encrypt(
    session: ReadSession, after: UUID | None, limit: int
) -> Sequence[tuple[UUID, bytes]]:
    """Photos and kept faces whose crops are not encrypted with the session's current key.

    Args:
        session: Reads.
        after: The photo or face before the page; None for the first one.
        limit: Largest number.

    Returns:
        Ids, and crops as they are stored.
    """
    wanted = union_all(
        select(Photo.id.label("id"), Photo.crop.label("crop")).where(*_other_photos(session)),
        select(KeptFace.face_id, KeptFace.crop).where(*_other_faces(session)),
    ).subquery()
    page = select(wanted.c.id, wanted.c.crop).order_by(wanted.c.id).limit(limit)
    if after is not None:
        page = page.where(wanted.c.id > after)
    return [(crop_of, stored or b"") for crop_of, stored in await session.execute(page)]


async def put(session: WriteSession, crop_of: UUID, png: bytes) -> None:
    """Stores the crop of a photo or kept face anew; nothing happens if it has been erased."""
    stored, key_id = sealed(session, crop_of, png)
    values = {"crop": stored, "crop_key": key_id}
    # Not by way of the object: the change of a crop is no change of the photo.
    await session.execute(update(Photo).where(Photo.id == crop_of).values(values))
    await session.execute(update(KeptFace).where(KeptFace.face_id == crop_of).values(values))


def _other_photos(session: ReadSession) -> tuple[ColumnElement[bool], ...]:
    other = Photo.crop_key.is_distinct_from(session.crop_keys.current)
    return Photo.crop.is_not(None), other


def _other_faces(session: ReadSession) -> tuple[ColumnElement[bool], ...]:
    return (KeptFace.crop_key.is_distinct_from(session.crop_keys.current),)
