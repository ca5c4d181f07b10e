"""Whether everything stored can be used, and what can be rebuilt.

Crops are the source: networks make embeddings of crops, and templates are made of embeddings. So
damage downstream can be repaired; a damaged crop cannot, and is left to people.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import kept_faces, keys, photos, pointer, raw, users
from app.db.repositories.raw import RawUser
from app.db.session import Sessions, WriteSession
from app.errors import GalleryFileError
from app.gallery.portable import decode_crop, is_embedding
from app.recognition.serving import Current
from app.services.keys import Scope
from app.services.template import refresh_templates
from app.vision.dimensions import CROP_SIZE_PX, EMBEDDING_SIZE
from app.vision.embedder import mean_embedding

_USERS_AT_ONCE = 100
_VECTOR_BYTES = 4 * EMBEDDING_SIZE
# Means of the same vectors, computed in another order.
_TEMPLATE_TOLERANCE = 1e-4
_KEY_HASH_CHARS = 64


@dataclass(frozen=True, slots=True)
class Defect:
    """Something that is not as it should be.

    Attributes:
        part: `database`, `crops`, `embeddings`, `templates`, `kept faces`, `keys`, `bundles` or
            `detectors`.
        detail: What is wrong, and what to do about it.
        repairable: Whether `--repair` mends it.
    """

    part: str
    detail: str
    repairable: bool


@dataclass(slots=True)
class Damage:
    """What is wrong with one user's stored data.

    Attributes:
        user: As stored.
        crops: Photos whose crop is not one.
        embeddings: By photo and space: not a vector of unit length.
        templates: Spaces in which the template is damaged, missing, or not the photos' mean.
    """

    user: RawUser
    crops: set[UUID] = field(default_factory=set)
    embeddings: set[tuple[UUID, str]] = field(default_factory=set)
    templates: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.crops or self.embeddings or self.templates)

    @property
    def lost(self) -> set[UUID]:
        """Photos that have neither a sound embedding left nor a crop to make one of."""
        sound = {photo for photo, _ in self.user.embeddings.keys() - self.embeddings}
        damaged = {photo for photo, _ in self.embeddings}
        return {photo for photo in damaged - sound if not self._has_crop(photo)}

    def defects(self) -> Iterator[Defect]:
        """In words."""
        who = f"user {self.user.user_id!r}"
        for photo in sorted(self.crops):
            yield Defect("crops", f"{who}: the crop of photo {photo} is not an image.", False)
        for photo, space_id in sorted(self.embeddings):
            if self._has_crop(photo):
                cure, repairable = "it can be rebuilt from the crop", True
            elif photo in self.lost and self._photos_left():
                cure, repairable = "without a crop the photo is dropped, the others stay", True
            else:
                cure, repairable = "there is no crop: register this person again", False
            detail = (
                f"{who}: the embedding of photo {photo} in space {space_id} is damaged; {cure}."
            )
            yield Defect("embeddings", detail, repairable)
        for space_id in sorted(self.templates):
            detail = f"{who}: the template in space {space_id} is damaged, missing or out of date."
            left = self._photos_left()
            repairable = all(self._has(photo, space_id) for photo in left) and bool(left)
            yield Defect("templates", detail, repairable)

    def _photos_left(self) -> set[UUID]:
        return self.user.crops.keys() - self.lost

    def _has_crop(self, photo: UUID) -> bool:
        return photo not in self.crops and self.user.crops[photo] is not None

    def _has(self, photo: UUID, space_id: str) -> bool:
        """Whether a photo has an embedding in a space, or can have one."""
        sound = self.user.embeddings.keys() - self.embeddings
        return (photo, space_id) in sound or self._has_crop(photo)


async def find_damage(sessions: Sessions) -> list[Damage]:
    """Looks at everybody's crops, embeddings and templates."""
    async with sessions.read() as session:
        rows = [await pointer.active_bundle(session), await pointer.former_bundle(session)]
    space_ids = {row.space_id for row in rows if row}
    found: list[Damage] = []
    after = 0
    while True:
        async with sessions.read() as session:
            page = await raw.users(session, after, _USERS_AT_ONCE)
        if not page:
            return found
        found += [damage for damage in await asyncio.to_thread(_judge, page, space_ids) if damage]
        after = page[-1].row


async def find_damaged_faces(sessions: Sessions) -> set[UUID]:
    """Faces that are kept for review, and whose crop or embedding is not one."""
    damaged: set[UUID] = set()
    after = 0
    while True:
        async with sessions.read() as session:
            page = await raw.kept_faces(session, after, _USERS_AT_ONCE)
        if not page:
            return damaged
        for row, face, crop, vector in page:
            after = row
            if not _is_crop(crop) or _as_vector(vector) is None:
                damaged.add(face)


def damaged_faces_told(damaged: set[UUID]) -> Iterator[Defect]:
    """In words: each can be done without."""
    for face in sorted(damaged):
        detail = f"face {face}: its crop or embedding is damaged; it can be dropped."
        yield Defect("kept faces", detail, True)


async def drop_damaged_faces(sessions: Sessions) -> None:
    """Deletes what find_damaged_faces finds."""
    damaged = await find_damaged_faces(sessions)

    async def store(session: WriteSession) -> None:
        await kept_faces.erase(session, damaged)

    await sessions.write(store)


async def find_bad_keys(sessions: Sessions) -> list[Defect]:
    """API keys that could never be used, and whether an administrator has one."""
    async with sessions.read() as session:
        every = await keys.every(session)
    known = {scope.value for scope in Scope}
    found = [
        Defect("keys", f"key {key.id}: damaged; revoke it and create another.", False)
        for key in every
        if len(key.secret_sha256) != _KEY_HASH_CHARS or not set(key.scopes) <= known
    ]
    if every and not any(Scope.ADMIN in key.scopes and not key.revoked_at for key in every):
        detail = "No key has the scope admin; `farsight keys create --scope admin` creates one."
        found.append(Defect("keys", detail, False))
    return found


async def forget_damage(sessions: Sessions, damages: Sequence[Damage]) -> None:
    """Deletes damaged embeddings and templates, so that galleries load and can be rebuilt.

    A photo that cannot be embedded again is dropped if the user has others.
    """

    async def store(session: WriteSession) -> None:
        for damage in damages:
            await raw.forget(session, damage.user, damage.embeddings, damage.templates)
            if len(damage.lost) < len(damage.user.crops):
                user = await users.get(session, damage.user.user_id)
                for photo in damage.lost:
                    await photos.erase(session, user, photo)

    await sessions.write(store)


async def remake_templates(sessions: Sessions, current: Current, damages: Sequence[Damage]) -> None:
    """Makes templates from the remaining embeddings; if some are missing, there is none."""

    async def store(session: WriteSession) -> None:
        for damage in damages:
            user = await users.get(session, damage.user.user_id)
            await refresh_templates(session, current, user)

    await sessions.write(store)


def _judge(page: Sequence[RawUser], space_ids: set[str]) -> list[Damage]:
    return [_judge_one(user, space_ids) for user in page]


def _judge_one(user: RawUser, space_ids: set[str]) -> Damage:
    damage = Damage(user)
    damage.crops = {photo for photo, png in user.crops.items() if not _is_crop(png)}
    vectors: dict[str, list[NDArray[np.float32]]] = {}
    for (photo, space_id), content in user.embeddings.items():
        vector = _as_vector(content)
        if vector is None:
            damage.embeddings.add((photo, space_id))
        else:
            vectors.setdefault(space_id, []).append(vector)
    for space_id in space_ids | set(user.templates):
        complete = len(vectors.get(space_id, [])) == len(user.crops) > 0
        content, photo_count = user.templates.get(space_id, (b"", 0))
        template = _as_vector(content)
        if complete:
            mean = mean_embedding(vectors[space_id])
            right = template is not None and np.abs(template - mean).max() < _TEMPLATE_TOLERANCE
            if not right or photo_count != len(user.crops):
                damage.templates.add(space_id)
        elif space_id in user.templates:
            damage.templates.add(space_id)
    for (space_id, _), content in user.sized.items():
        if _as_vector(content) is None:
            # Forgotten with the template, and made anew when the service runs.
            damage.templates.add(space_id)
    return damage


def _is_crop(png: bytes | None) -> bool:
    if png is None:
        return True  # was not kept
    try:
        decode_crop(png, CROP_SIZE_PX)
    except GalleryFileError:
        return False
    return True


def _as_vector(content: bytes) -> NDArray[np.float32] | None:
    """A stored vector; None if it is not of unit length."""
    if len(content) != _VECTOR_BYTES:
        return None
    vector = np.frombuffer(content, "<f4")
    return vector if is_embedding(vector) else None
