"""Moves people to another space: stored crops become embeddings and templates there.

The rows alone say what remains to be done: a user without a template in a space has a photo without
an embedding in it. So the work can stop and begin again at any point, in any process, and people
who are registered, changed or erased meanwhile need no special care. In the same way every template
gets its companions for small probes, made of the same crops shrunk.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import pointer, sized, spaces, users
from app.db.repositories.sized import Sized, Unsized
from app.db.repositories.spaces import StoredCrop
from app.db.session import Sessions, WriteSession, patiently
from app.db.tables import Template
from app.errors import UnreadableImageError
from app.evaluation.probes import shrink_crop
from app.gallery.gallery import Enrolled
from app.recognition.inference import Inference
from app.recognition.serving import Current
from app.services.template import enrolled_as
from app.vision.alignment import Crop
from app.vision.embedder import Embedder, mean_embedding
from app.vision.image import decode_image

# Photos per transaction: each waits for the disk once, and a crash loses no more than these.
_PAGE = 64
# Few: a reload that begins waits for them.
_USERS = 4
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

    async def add_sizes(
        self,
        embedder: Embedder,
        sizes: Collection[int],
        since: int,
        may_go_on: Callable[[], bool],
    ) -> bool:
        """Gives templates their companions for small probes, where all crops are stored.

        Whoever has a crop that cannot be read is left out: the template alone is compared.

        Args:
            embedder: The networks that define the space.
            sizes: `face_px` to which crops are shrunk.
            since: The gallery's revision before this was last done, so that it need not ask for
                everybody again.
            may_go_on: Asked before each few users.

        Returns:
            Whether it came to the end.

        Raises:
            DatabaseBusyError: The database was busy for a minute.
            StorageError: The disk is full.
        """
        space_id = embedder.bundle.space_id
        after = 0
        while may_go_on():
            page = await patiently(
                partial(self._unsized, space_id, sizes, since, after), PATIENCE_S
            )
            if not page:
                return True
            after = page[-1].user
            found = await self._sized(page, embedder, sorted(sizes))
            store = partial(self._store_sizes, space_id, found)
            if found:
                await patiently(partial(self._sessions.write, store), PATIENCE_S)
        return False

    async def _unsized(
        self, space_id: str, sizes: Collection[int], since: int, after: int
    ) -> list[Unsized]:
        async with self._sessions.read() as session:
            return await sized.without(
                session, space_id, sizes, since=since, after=after, limit=_USERS
            )

    async def _sized(
        self, page: Sequence[Unsized], embedder: Embedder, sizes: Sequence[int]
    ) -> list[tuple[Unsized, Sized]]:
        shrunk = await asyncio.to_thread(_shrunk, page, sizes)
        crops = [crop for _, by_size in shrunk for of_size in by_size.values() for crop in of_size]
        vectors = iter(await self._inference.embed(crops, embedder, background=True))
        return [
            (user, {size: mean_embedding(islice(vectors, len(of))) for size, of in by_size.items()})
            for user, by_size in shrunk
        ]

    async def _store_sizes(
        self, space_id: str, found: Sequence[tuple[Unsized, Sized]], session: WriteSession
    ) -> None:
        revision = await pointer.count_gallery_change(session)
        templates = await sized.put(session, space_id, found, revision)
        groups = await users.groups(session, templates)
        enrolled = {
            user.user_id: enrolled_as(templates[user.user], groups[user.user], small)
            for user, small in found
            if user.user in templates
        }
        follow = partial(self._current.follow, {space_id: enrolled}, revision)
        session.after_commit.append(follow)

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


def _shrunk(
    page: Sequence[Unsized], sizes: Sequence[int]
) -> list[tuple[Unsized, dict[int, list[Crop]]]]:
    """The crops of each user whose crops can be read, by size."""
    found = []
    for user in page:
        with suppress(UnreadableImageError):
            crops = decode_crops(user.crops or ())
            if crops:
                by_size = {size: [shrink_crop(crop, size) for crop in crops] for size in sizes}
                found.append((user, by_size))
    return found


def decode_crops(stored: Iterable[tuple[bytes, float]]) -> list[Crop]:
    """Crops as networks take them, from PNG files and their `face_px`.

    Raises:
        UnreadableImageError: One is damaged.
    """
    return [Crop(decode_image(png), face_px) for png, face_px in stored]
