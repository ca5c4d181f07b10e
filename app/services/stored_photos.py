"""What is kept of photos: crops to look at, embeddings to compare with."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import crops, events, photos, users
from app.db.session import Sessions, WriteSession
from app.errors import CropNotKeptError, PhotoNotFoundError
from app.gallery.gallery import Groups

_SHOWN = "crop.shown"


class StoredPhotos:
    """Reads stored photos; the audit log records who was shown a crop."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def embedding(
        self, photo_id: UUID, space_id: str, groups: Groups | None = None
    ) -> NDArray[np.float32]:
        """(512,) float32 of a stored photo.

        Args:
            photo_id: Which.
            space_id: In which space.
            groups: Only of a user who is in one of these; None: of anybody.

        Raises:
            PhotoNotFoundError: There is no such photo in this space.
        """
        async with self._sessions.read() as session:
            vector = await photos.embedding(session, photo_id, space_id)
            theirs = await photos.groups(session, photo_id)
        if vector is None or (groups is not None and groups.isdisjoint(theirs)):
            raise PhotoNotFoundError(f"No photo has the id {photo_id}.")
        return vector

    async def crop(self, actor: str, user_id: str, photo_id: UUID | None = None) -> bytes:
        """The crop of a photo, or of the largest face that is stored: PNG, 112 x 112, RGB.

        Raises:
            UserNotFoundError: There is no such user.
            PhotoNotFoundError: The user has no such photo.
            CropNotKeptError: No crop was kept.
        """

        async def show(session: WriteSession) -> bytes:
            user = await users.get(session, user_id)
            if photo_id is None:
                photo = await photos.largest_with_crop(session, user)
            else:
                photo = await photos.get(session, user, photo_id)
            png = None if photo is None else crops.opened(session, photo.id, photo.crop)
            if photo is None or png is None:
                raise CropNotKeptError(
                    "FARSIGHT_RETAIN_CROPS decides whether the crops of new photos are kept."
                )
            await events.record(session, actor, _SHOWN, user_id, {"photo": str(photo.id)})
            return png

        return await self._sessions.write(show)

    async def thumbnails(
        self, actor: str, user_ids: Sequence[str], groups: Groups | None
    ) -> dict[str, bytes]:
        """The crop of the largest stored face of each user, PNG as above; one event for all.

        Args:
            actor: The caller's key id.
            user_ids: Who is asked for. Without a kept crop they are missing in the answer, as are
                those who do not exist.
            groups: Only users who are in one of these; None: any.
        """

        async def show(session: WriteSession) -> dict[str, bytes]:
            found = await photos.largest_crops(session, user_ids, groups)
            pictures = {
                user_id: png
                for user_id, photo, stored in found
                if (png := crops.opened(session, photo, stored)) is not None
            }
            shown = {user_id: str(photo) for user_id, photo, _ in found}
            if len(shown) == 1:
                ((user_id, photo_id),) = shown.items()
                await events.record(session, actor, _SHOWN, user_id, {"photo": photo_id})
            elif shown:
                await events.record(session, actor, _SHOWN, "", {"photos": shown})
            return pictures

        return await self._sessions.write(show)
