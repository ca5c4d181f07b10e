"""Moves people to another space: stored crops become embeddings and templates there.

The rows alone say what remains to be done: a user without a template in a space has a photo without
an embedding in it. So the work can stop and begin again at any point, in any process, and people
who are registered, changed or erased meanwhile need no special care.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import pointer, spaces, users
from app.db.repositories.spaces import StoredCrop
from app.db.session import Sessions, WriteSession, patiently
from app.db.tables import Template
from app.gallery.gallery import Enrolled
from app.recognition.inference import Inference
from app.recognition.serving import Current
from app.vision.alignment import Crop
from app.vision.embedder import Embedder, mean_embedding
from app.vision.image import decode_image

# Photos per transaction: each waits for the disk once, and a crash loses no more than these.
_PAGE = 64
PATIENCE_S = 60.0
"""How long background work puts up with a busy database."""

Tell = Callable[[WriteSession, int], Awaitable[None]]
"""Called in the transaction that stores them with the number of photos embedded."""


class Reembedding:
    """Embeds stored crops anew, beside the requests.

    Args:
        sessions: Where the crops are.
        current: Its galleries follow.
        inference: Where crops are embedded.
    """

    def __init__(self, sessions: Sessions, current: Current, inference: Inference) -> None:
        self._sessions = sessions
        self._current = current
        self._inference = inference

    async def complete(self, embedder: Embedder, tell: Tell | None = None) -> None:
        """Gives everybody whose crops are stored a template in a space.

        Args:
            embedder: The networks that define the space.
            tell: Called for every page.

        Raises:
            DatabaseBusyError: The database was busy for a minute.
            StorageError: The disk is full.
            UnreadableImageError: A stored crop is damaged.
        """
        after = None
        while page := await patiently(
            partial(self._page, embedder.bundle.space_id, after), PATIENCE_S
        ):
            crops = await asyncio.to_thread(
                decode_crops, [(crop.png, crop.face_px) for crop in page]
            )
            vectors = await self._inference.embed(crops, embedder, background=True)
            store = partial(self._store, embedder.bundle.space_id, page, vectors, tell)
            await patiently(partial(self._sessions.write, store), PATIENCE_S)
            after = page[-1].user, page[-1].photo

    async def _page(self, space_id: str, after: spaces.CropCursor | None) -> list[StoredCrop]:
        async with self._sessions.read() as session:
            page = await spaces.crops_to_embed(session, space_id, after, _PAGE)
            if not page and after is not None:
                # From the start: photos added meanwhile may come earlier.
                page = await spaces.crops_to_embed(session, space_id, None, _PAGE)
        return page

    async def _store(
        self,
        space_id: str,
        page: Sequence[StoredCrop],
        vectors: NDArray[np.float32],
        tell: Tell | None,
        session: WriteSession,
    ) -> None:
        by_photo = {crop.photo: vector for crop, vector in zip(page, vectors, strict=True)}
        await spaces.add_embeddings(session, space_id, by_photo)
        touched = {crop.user for crop in page}
        complete = await spaces.embeddings_of_complete_users(session, space_id, touched)
        revision = await pointer.count_gallery_change(session)
        templates = {
            user: Template(
                user=user,
                space_id=space_id,
                vector=mean_embedding(embeddings),
                photo_count=len(embeddings),
                revision=revision,
            )
            for user, (_, embeddings) in complete.items()
        }
        await spaces.put_templates(session, list(templates.values()))
        groups = await users.groups(session, complete)
        changes = {
            space_id: {
                user_id: Enrolled(templates[user].vector, groups[user])
                for user, (user_id, _) in complete.items()
            }
        }
        session.after_commit.append(partial(self._current.follow, changes, revision))
        if tell is not None:
            await tell(session, len(page))


def decode_crops(stored: Iterable[tuple[bytes, float]]) -> list[Crop]:
    """Crops as networks take them, from PNG files and their `face_px`.

    Raises:
        UnreadableImageError: One is damaged.
    """
    return [Crop(decode_image(png), face_px) for png, face_px in stored]
