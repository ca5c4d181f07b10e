"""Who is most similar: asked of the gallery in memory, or of PostgreSQL with pgvector."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import nearest, users
from app.db.session import ReadSession, Sessions
from app.gallery.gallery import Groups, Match
from app.recognition.serving import Serving

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
    ) -> list[list[Match]]:
        """The most similar users of each probe, best first; see Gallery.search."""

    async def best_within(
        self,
        session: ReadSession,
        serving: Serving,
        probe: NDArray[np.float32],
        top_k: int,
        groups: Groups | None,
    ) -> list[Match]:
        """The same for one probe, within a transaction whose rows may not be committed yet."""

    async def template(self, serving: Serving, user_id: str) -> NDArray[np.float32] | None:
        """A user's (512,) template, or None where there is none."""


class MemorySearch(Search):
    """Exact, in the serving's gallery."""

    async def best(  # noqa: D102
        self,
        serving: Serving,
        probes: Sequence[NDArray[np.float32]],
        top_k: int,
        groups: Groups | None,
    ) -> list[list[Match]]:
        def search() -> list[list[Match]]:
            return [serving.gallery.search(probe, top_k, groups) for probe in probes]

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

    async def template(self, serving: Serving, user_id: str) -> NDArray[np.float32] | None:  # noqa: D102
        return serving.gallery.template(user_id)


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
    ) -> list[list[Match]]:
        if not probes:
            return []
        async with self._sessions.read() as session:
            return [
                await self.best_within(session, serving, probe, top_k, groups) for probe in probes
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

    async def template(self, serving: Serving, user_id: str) -> NDArray[np.float32] | None:  # noqa: D102
        async with self._sessions.read() as session:
            return await users.template(session, user_id, serving.space_id)


async def search_rows(
    session: ReadSession,
    space_id: str,
    probe: NDArray[np.float32],
    top_k: int,
    groups: Groups | None = None,
) -> list[Match]:
    """The users most similar to an embedding, best first, equally similar ones by `user_id`.

    Args:
        session: Of PostgreSQL.
        space_id: The space.
        probe: (512,) float32 of unit length.
        top_k: How many at most.
        groups: Only users who are in one of these; None: everybody.
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
    similarities = np.vecdot(np.stack([template for _, template in found]), probe)
    matches = [
        Match(user_id, float(similarity))
        for (user_id, _), similarity in zip(found, similarities, strict=True)
    ]
    return sorted(matches, key=lambda match: (-match.similarity, match.user_id))[:top_k]
