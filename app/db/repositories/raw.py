"""Rows as they are stored, for those who look for damage: bytes that may be no vectors at all."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, delete, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute

from app.db.repositories import crops
from app.db.session import ReadSession, WriteSession
from app.db.tables import Embedding, KeptFace, Photo, SizedTemplate, Template, User
from app.db.types import VectorBytes
from app.storage_errors import DatabaseDamagedError


@dataclass(frozen=True, slots=True)
class RawUser:
    """A user with all that embeddings and templates are made of.

    Attributes:
        row: The row id.
        user_id: The client's name for the user.
        crops: PNG by photo, oldest first; None where it was not kept; as stored if it cannot be
            decrypted.
        embeddings: Bytes by photo and space.
        templates: Bytes and number of photos by space.
        sized: Bytes of those of a size, by space and size.
    """

    row: int
    user_id: str
    crops: dict[UUID, bytes | None] = field(default_factory=dict)
    embeddings: dict[tuple[UUID, str], bytes] = field(default_factory=dict)
    templates: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    sized: dict[tuple[str, int], bytes] = field(default_factory=dict)


async def users(session: ReadSession, after: int, limit: int) -> Sequence[RawUser]:
    """Some users in the order of registration.

    Args:
        session: Reads.
        after: The row id before them; 0 for the first ones.
        limit: Maximum number.
    """
    rows = await session.execute(
        select(User.id, User.user_id).where(User.id > after).order_by(User.id).limit(limit)
    )
    found = {row: RawUser(row, user_id) for row, user_id in rows}
    photos = await session.execute(
        select(Photo.user, Photo.id, Photo.crop)
        .where(Photo.user.in_(found))
        .order_by(Photo.created_at, Photo.id)
    )
    for user, photo, stored in photos:
        found[user].crops[photo] = stored
        with suppress(DatabaseDamagedError):
            found[user].crops[photo] = crops.opened(session, photo, stored)
    embeddings = await session.execute(
        select(Photo.user, Photo.id, Embedding.space_id, _bytes_of(Embedding.vector))
        .join(Embedding, Embedding.photo == Photo.id)
        .where(Photo.user.in_(found))
    )
    for user, photo, space_id, content in embeddings:
        found[user].embeddings[photo, space_id] = content
    templates = await session.execute(
        select(
            Template.user, Template.space_id, _bytes_of(Template.vector), Template.photo_count
        ).where(Template.user.in_(found))
    )
    for user, space_id, content, photo_count in templates:
        found[user].templates[space_id] = (content, photo_count)
    of_sizes = await session.execute(
        select(
            SizedTemplate.user,
            SizedTemplate.space_id,
            SizedTemplate.face_px,
            _bytes_of(SizedTemplate.vector),
        ).where(SizedTemplate.user.in_(found))
    )
    for user, space_id, face_px, content in of_sizes:
        found[user].sized[space_id, face_px] = content
    return list(found.values())


async def kept_faces(
    session: ReadSession, after: int, limit: int
) -> Sequence[tuple[int, UUID, bytes, bytes]]:
    """Row, id, crop (as stored if it cannot be decrypted) and vector of kept faces, in their order.

    Args:
        session: Reads.
        after: The row id before them; 0 for the first ones.
        limit: Maximum number.
    """
    rows = await session.execute(
        select(KeptFace.id, KeptFace.face_id, KeptFace.crop, _bytes_of(KeptFace.vector))
        .where(KeptFace.id > after)
        .order_by(KeptFace.id)
        .limit(limit)
    )
    found = []
    for row, face, stored, vector in rows:
        crop = stored
        with suppress(DatabaseDamagedError):
            crop = session.crop_keys.open(face, stored)
        found.append((row, face, crop, vector))
    return found


async def forget(
    session: WriteSession,
    user: RawUser,
    embeddings: Collection[tuple[UUID, str]],
    templates: Collection[str],
) -> None:
    """Deletes embeddings and templates of a user, by photo and space and by space."""
    for photo, space_id in embeddings:
        await session.execute(
            delete(Embedding).where(Embedding.photo == photo, Embedding.space_id == space_id)
        )
    await session.execute(
        delete(Template).where(Template.user == user.row, Template.space_id.in_(templates))
    )


def _bytes_of(vector: InstrumentedAttribute[NDArray[np.float32]]) -> ColumnElement[bytes]:
    return type_coerce(vector, VectorBytes())
