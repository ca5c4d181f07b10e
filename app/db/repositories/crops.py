"""Stored crops, as they are or encrypted."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update

from app.db.crop_keys import missing
from app.db.session import ReadSession, WriteSession
from app.db.tables import Photo


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
    used = await session.scalars(
        select(Photo.crop_key).where(Photo.crop_key.is_not(None)).distinct()
    )
    if lost := {key_id for key_id in used if key_id and key_id not in session.crop_keys}:
        raise missing(lost)


async def count_to_encrypt(session: ReadSession) -> int:
    """How many crops are not encrypted with the session's current key."""
    return await session.scalar(select(func.count(Photo.id)).where(_is_other(session))) or 0


async def page_to_encrypt(
    session: ReadSession, after: UUID | None, limit: int
) -> Sequence[tuple[UUID, bytes]]:
    """Photos whose crops are not encrypted with the session's current key, as they are stored.

    Args:
        session: Reads.
        after: The photo before the page; None for the first one.
        limit: Largest number of photos.
    """
    wanted = select(Photo.id, Photo.crop).where(_is_other(session)).order_by(Photo.id).limit(limit)
    if after is not None:
        wanted = wanted.where(Photo.id > after)
    return [(photo, stored or b"") for photo, stored in await session.execute(wanted)]


async def put(session: WriteSession, photo: UUID, png: bytes) -> None:
    """Stores a photo's crop anew; nothing happens if the photo has been erased."""
    stored, key_id = sealed(session, photo, png)
    # Not by way of the object: the change of a crop is no change of the photo.
    await session.execute(
        update(Photo).where(Photo.id == photo).values(crop=stored, crop_key=key_id)
    )


def _is_other(session: ReadSession) -> ColumnElement[bool]:
    other = Photo.crop_key.is_distinct_from(session.crop_keys.current)
    return Photo.crop.is_not(None) & other
