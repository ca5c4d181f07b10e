"""Who is most similar: asked of the gallery in memory, or of PostgreSQL with pgvector."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import nearest, sized, users
from app.db.session import ReadSession, Sessions
from app.gallery.gallery import Groups, Match
from app.recognition.serving import Serving
from app.vision.embedder import fused_template

# Faces times users: 0.2 ms of searching. Handing that over to a thread costs as much, and more when
# all threads are busy (docs/decisions/0014).
_QUICK_ROWS = 10_000
# Beyond those asked for: float16 may exchange the places of two who are nearly as similar.
_SPARE = 16


class Search(Protocol):
    """Finds users by similarity, in the space of a serving."""

    async def best(
        self,
        serving: Serving,
        probes: Sequence[NDArray[np.float32]],
        top_k: int,
        groups: Groups | None,
        sizes: Sequence[int | None] | None = None,
    ) -> list[list[Match]]:
        """The most similar users of each probe, best first; see Gallery.search.

        Args:
            serving: In whose space.
            probes: (512,) each, of unit length.
            top_k: How many at most.
            groups: Only users who are in one of these; None: everybody.
            sizes: Of the templates that each probe is compared with; None: of no size.
        """

    async def best_within(
        self,
        session: ReadSession,
        serving: Serving,
        probe: NDArray[np.float32],
        top_k: int,
        groups: Groups | None,
    ) -> list[Match]:
        """The same for one probe, within a transaction whose rows may not be committed yet."""

    async def template(
        self, serving: Serving, user_id: str, size: int | None = None
    ) -> NDArray[np.float32] | None:
        """A user's (512,) template, or None where there is none; see Gallery.template."""


class MemorySearch(Search):
    """Exact, in the serving's gallery."""

    async def best(  # noqa: D102
        self,
        serving: Serving,
        probes: Sequence[NDArray[np.float32]],
        top_k: int,
        groups: Groups | None,
        sizes: Sequence[int | None] | None = None,
    ) -> list[list[Match]]:
        def search() -> list[list[Match]]:
            return [
                serving.gallery.search(probe, top_k, groups, size)
                for probe, size in zip(probes, sizes or [None] * len(probes), strict=True)
            ]

        if len(probes) * len(serving.gallery) <= _QUICK_ROWS:
            return search()
        # Long enough to hold up everybody else on the event loop.
        return await asyncio.to_thread(search)

    async def best_within(  # noqa: D102
        self,
        session: ReadSession,  # noqa: ARG002 - the gallery has caught up with it
        serving: Serving,
        probe: NDArray[np.float32],
        top_k: int,
        groups: Groups | None,
    ) -> list[Match]:
        return await asyncio.to_thread(serving.gallery.search, probe, top_k, groups)

    async def template(  # noqa: D102
        self, serving: Serving, user_id: str, size: int | None = None
    ) -> NDArray[np.float32] | None:
        return serving.gallery.template(user_id, size)


class PgvectorSearch(Search):
    """By an index of PostgreSQL's; the candidates that it names are compared exactly.

    Args:
        sessions: Where the templates are.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def best(  # noqa: D102
        self,
        serving: Serving,
        probes: Sequence[NDArray[np.float32]],
        top_k: int,
        groups: Groups | None,
        sizes: Sequence[int | None] | None = None,
    ) -> list[list[Match]]:
        if not probes:
            return []
        async with self._sessions.read() as session:
            return [
                await search_rows(session, serving.space_id, probe, top_k, groups, size)
                for probe, size in zip(probes, sizes or [None] * len(probes), strict=True)
            ]

    async def best_within(  # noqa: D102
        self,
        session: ReadSession,
        serving: Serving,
        probe: NDArray[np.float32],
        top_k: int,
        groups: Groups | None,
    ) -> list[Match]:
        return await search_rows(session, serving.space_id, probe, top_k, groups)

    async def template(  # noqa: D102
        self, serving: Serving, user_id: str, size: int | None = None
    ) -> NDArray[np.float32] | None:
        async with self._sessions.read() as session:
            template = await users.template(session, user_id, serving.space_id)
            if template is None or size is None:
                return template
            small = await sized.of_users(session, serving.space_id, size, [user_id])
        return fused_template(template, small[user_id]) if small else template


async def search_rows(
    session: ReadSession,
    space_id: str,
    probe: NDArray[np.float32],
    top_k: int,
    groups: Groups | None = None,
    size: int | None = None,
) -> list[Match]:
    """The users most similar to an embedding, best first, equally similar ones by `user_id`.

    The index holds the templates of no size. With a size, those that it names are compared by their
    templates of this size.

    Args:
        session: Of PostgreSQL.
        space_id: The space.
        probe: (512,) float32 of unit length.
        top_k: How many at most.
        groups: Only users who are in one of these; None: everybody.
        size: Of the templates that are compared; None: of no size.
    """
    if top_k < 1:
        return []
    count = top_k + _SPARE
    found = await nearest.nearest(session, space_id, probe, count, groups, exact=False)
    if len(found) < count:
        # There are few, or few of these groups: too few for the index to meet them on its way.
        found = await nearest.nearest(session, space_id, probe, count, groups, exact=True)
    if not found:
        return []
    if size is not None:
        small = await sized.of_users(session, space_id, size, [user_id for user_id, _ in found])
        found = [
            (user_id, fused_template(template, small[user_id]) if user_id in small else template)
            for user_id, template in found
        ]
    similarities = np.vecdot(np.stack([template for _, template in found]), probe)
    matches = [
        Match(user_id, float(similarity))
        for (user_id, _), similarity in zip(found, similarities, strict=True)
    ]
    return sorted(matches, key=lambda match: (-match.similarity, match.user_id))[:top_k]
