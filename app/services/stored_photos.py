"""What is kept of photos: crops to look at, embeddings to compare with."""

from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import crops, events, photos, users
from app.db.session import Sessions, WriteSession
from app.errors import CropNotKeptError, PhotoNotFoundError
from app.gallery.gallery import Groups


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
            await events.record(session, actor, "crop.shown", user_id, {"photo": str(photo.id)})
            return png

        return await self._sessions.write(show)
