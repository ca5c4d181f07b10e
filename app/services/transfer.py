"""Everybody in the database to a gallery file, and from one."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

import msgspec

from app.db.repositories import crops, events, pointer, transfers, users
from app.db.repositories import enrolled as enrolled_rows
from app.db.session import ReadSession, Sessions, WriteSession
from app.db.tables import BundleRow, Embedding, JsonObject, Photo, Template, User, utc_now
from app.errors import GalleryFileError, NotReadyError
from app.gallery.gallery import Enrolled, Templates
from app.gallery.merge import OnConflict, refuse_taken
from app.gallery.portable import (
    PortableGallery,
    PortablePhoto,
    PortableUser,
    crops_of,
    move_gallery,
)
from app.recognition.inference import Inference
from app.recognition.serving import Current, Serving
from app.vision.embedder import mean_embedding
from app.vision.quality import Quality

_SUBJECT = "gallery"
_USERS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class ImportAnswer:
    """What an import did.

    Attributes:
        added: New users.
        replaced: Users who existed and are now the file's.
        skipped: Users who existed and are left as they were.
        reembedded: Whether the file was of another space, so that its crops were embedded anew.
    """

    added: int
    replaced: int
    skipped: int
    reembedded: bool


async def export_gallery(sessions: Sessions, actor: str, *, with_crops: bool) -> PortableGallery:
    """Everybody, for a gallery file; the audit log records who asked.

    Args:
        sessions: Where the rows are.
        actor: Who asks.
        with_crops: See read_everybody.

    Raises:
        NotReadyError: See read_everybody.
    """
    gallery = await read_everybody(sessions, with_crops=with_crops)
    detail: JsonObject = {"users": len(gallery.users), "crops": with_crops}

    async def note(session: WriteSession) -> None:
        await events.record(session, actor, "gallery.exported", _SUBJECT, detail)

    await sessions.write(note)
    return gallery


async def read_everybody(sessions: Sessions, *, with_crops: bool) -> PortableGallery:
    """Everybody, in the space of the bundle that serves.

    Page by page: one long read would keep data erased meanwhile on the disk. Whoever is erased
    after their page was read is left out.

    Args:
        sessions: Where the rows are.
        with_crops: Include crops, so that people can be moved to another space.

    Raises:
            NotReadyError: Nothing has served yet, people are being moved to other weights, or the
                weights have changed meanwhile.
    """
    async with sessions.read() as session:
        active = await _active(session)
        if missing := await users.count_outside_space(session, active.space_id):
            raise NotReadyError(
                f"{missing} users are being moved to other weights right now. Try again later."
            )
    rows: list[tuple[User, Template]] = []
    stored: list[transfers.StoredPhoto] = []
    while True:
        after = rows[-1][0].id if rows else 0
        async with sessions.read() as session:
            page = await transfers.page(session, active.space_id, after, _USERS_AT_ONCE)
            stored += await transfers.embedded_photos(
                session, active.space_id, [user.id for user, _ in page], with_crops=with_crops
            )
        if not page:
            break
        rows += page
    async with sessions.read() as session:
        if (await _active(session)).space_id != active.space_id:
            raise NotReadyError("The weights just changed. Try again.")
        left = set(await enrolled_rows.users_in_space(session, active.space_id))
    rows = [row for row in rows if row[0].id in left]
    return await asyncio.to_thread(_assemble, active, rows, stored)


class GalleryImport:
    """Imports the users of gallery files.

    Args:
        sessions: Where the rows are.
        current: Its galleries follow.
        inference: Where crops are embedded.
        retain_crops: Keep the crops, for embedding them again with other weights.
    """

    def __init__(
        self, sessions: Sessions, current: Current, inference: Inference, *, retain_crops: bool
    ) -> None:
        self._sessions = sessions
        self._current = current
        self._inference = inference
        self._retain_crops = retain_crops

    async def run(
        self, serving: Serving, actor: str, gallery: PortableGallery, on_conflict: OnConflict
    ) -> ImportAnswer:
        """Imports everybody, or nobody.

        Args:
            serving: The one that the request has taken.
            actor: Who asks.
            gallery: Read from a file, so its values are checked.
            on_conflict: What to do with users who already exist.

        Raises:
            GalleryFileError: The file lacks a user's photos.
            SpaceMismatchError: It is of another space and lacks crops.
            UserExistsError: A user exists already, and that is to be refused.
            NotReadyError: The weights changed meanwhile.
        """
        _require_photos(gallery)
        reembedded = gallery.space_id != serving.space_id
        if reembedded:
            gallery = await self._move(gallery, serving)

        async def store(session: WriteSession) -> ImportAnswer:
            if (await _active(session)).space_id != gallery.space_id:
                raise NotReadyError("The weights just changed. Try again.")
            taken = await transfers.ids(session, [user.user_id for user in gallery.users])
            refuse_taken(list(taken), on_conflict)
            new = [
                user
                for user in gallery.users
                if user.user_id not in taken or on_conflict == OnConflict.REPLACE
            ]
            replaced = [user.user_id for user in new if user.user_id in taken]
            await users.erase(session, {user_id: taken[user_id] for user_id in replaced})
            for user_id in replaced:
                await events.record(session, actor, "user.replaced", user_id, {})
            await self._add(session, gallery.space_id, new)
            answer = ImportAnswer(
                added=len(new) - len(replaced),
                replaced=len(replaced),
                skipped=len(gallery.users) - len(new),
                reembedded=reembedded,
            )
            await events.record(session, actor, "gallery.imported", _SUBJECT, asdict(answer))
            return answer

        return await self._sessions.write(store)

    async def _move(self, gallery: PortableGallery, serving: Serving) -> PortableGallery:
        crops = await asyncio.to_thread(crops_of, gallery)
        if not crops:
            return gallery
        embeddings = await self._inference.embed(crops, serving.embedder, background=True)
        return move_gallery(gallery, serving.space_id, serving.manifest.name, embeddings)

    async def _add(self, session: WriteSession, space_id: str, new: Sequence[PortableUser]) -> None:
        """Adds rows of new users; galleries follow after the commit."""
        await transfers.add_all(
            session,
            User,
            (
                {
                    "user_id": user.user_id,
                    "display_name": user.display_name,
                    "details": user.metadata,
                    "groups": list(user.groups),
                }
                for user in new
            ),
        )
        rows = await transfers.ids(session, [user.user_id for user in new])
        photos = [(uuid4(), rows[user.user_id], photo) for user in new for photo in user.photos]
        now = utc_now()
        await transfers.add_all(
            session,
            Photo,
            (
                {
                    "id": photo_id,
                    "user": row,
                    "crop": crop,
                    "crop_key": crop_key,
                    "face_px": photo.face_px,
                    "quality": asdict(photo.quality),
                    "sha256": photo.sha256,
                    "created_at": now + timedelta(microseconds=index),  # keeps the order
                }
                for index, (photo_id, row, photo) in enumerate(photos)
                for crop, crop_key in [
                    crops.sealed(session, photo_id, photo.crop_png if self._retain_crops else None)
                ]
            ),
        )
        await transfers.add_all(
            session,
            Embedding,
            (
                {"photo": photo_id, "space_id": space_id, "vector": photo.embedding}
                for photo_id, _, photo in photos
            ),
        )
        templates = {
            user.user_id: mean_embedding([photo.embedding for photo in user.photos]) for user in new
        }
        revision = await pointer.count_gallery_change(session)
        await transfers.add_all(
            session,
            Template,
            (
                {
                    "user": rows[user.user_id],
                    "space_id": space_id,
                    "vector": templates[user.user_id],
                    "photo_count": user.photo_count,
                    "revision": revision,
                }
                for user in new
            ),
        )
        enrolled: Templates = {
            user.user_id: Enrolled(templates[user.user_id], frozenset(user.groups)) for user in new
        }
        nobody: Templates = dict.fromkeys(templates)
        changes = {
            galleries_space_id: enrolled if galleries_space_id == space_id else nobody
            for galleries_space_id, _ in self._current.galleries()
        }
        session.after_commit.append(partial(self._current.follow, changes, revision))


async def _active(session: ReadSession) -> BundleRow:
    active = await pointer.active_bundle(session)
    if active is None:
        raise NotReadyError("No bundle has served with this database yet; nobody is enrolled.")
    return active


def _require_photos(gallery: PortableGallery) -> None:
    for user in gallery.users:
        if not user.photos:
            raise GalleryFileError(
                f"The gallery file has only a template of {user.user_id!r}, no photos. Such a "
                "file is for the Python API; for a service, register the user from photos."
            )


def _assemble(
    active: BundleRow,
    rows: Sequence[tuple[User, Template]],
    stored: Sequence[transfers.StoredPhoto],
) -> PortableGallery:
    photos: dict[int, list[PortablePhoto]] = {user.id: [] for user, _ in rows}
    for photo in stored:
        if photo.user not in photos:
            continue  # of somebody who has been erased since
        photos[photo.user].append(
            PortablePhoto(
                embedding=photo.embedding,
                crop_png=photo.crop_png,
                face_px=photo.face_px,
                quality=msgspec.convert(photo.quality, Quality),
                sha256=photo.sha256,
            )
        )
    return PortableGallery(
        active.space_id,
        active.name,
        tuple(
            PortableUser(
                user_id=user.user_id,
                template=template.vector,
                photo_count=template.photo_count,
                display_name=user.display_name,
                metadata=user.details,
                groups=tuple(user.groups),
                photos=tuple(photos[user.id]),
            )
            for user, template in rows
        ),
    )
