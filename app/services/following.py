"""Every process follows the rows: which bundle serves, and who is in the gallery.

A reload moves the pointer in the database. This process sees that at its next look, loads the
bundle beside the old one and switches; until then it answers consistently in the old space.
None of this writes, so a process that cannot write still learns who was erased.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from app.db.repositories import jobs, pointer, users
from app.db.session import Sessions
from app.db.tables import BundleRow
from app.errors import FarsightError
from app.recognition.memory import give_back_freed_memory
from app.recognition.serving import Current, Serving
from app.services.activation import Activation
from app.services.background import Background
from app.services.job_diary import JobView, view_job
from app.services.reembedding import Reembedding
from app.services.reload import Reload
from app.services.switching import try_to_catch_up
from app.vision.embedder import Embedder
from app.vision.self_test import check_self_test

_LOOK_EVERY_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What the rows say: who serves, the gallery's revision, the last reload."""

    active: BundleRow
    former: BundleRow | None
    revision: int
    job: JobView | None


class Following:
    """Looks at the rows every second and acts on them.

    Args:
        sessions: Where the rows are.
        current: What serves in this process.
        activation: Loads bundles.
        reembedding: Completes the serving and the former space with people whom a process serving
            another space has registered.
        reload: Takes over jobs that another process abandoned.

    Attributes:
        seen: What the rows said last.
    """

    def __init__(
        self,
        sessions: Sessions,
        current: Current,
        activation: Activation,
        reembedding: Reembedding,
        reload: Reload,
    ) -> None:
        self._sessions = sessions
        self._current = current
        self._activation = activation
        self._reembedding = reembedding
        self._reload = reload
        self.seen: Look | None = None
        self._complete_at = -1
        self._background = Background()

    def start(self) -> None:
        """Begins looking."""
        # Completing can take long and must not keep this process from following the pointer.
        self._background.start(_again_and_again(self.look), _again_and_again(self.complete))

    async def close(self) -> None:
        """Stops looking."""
        await self._background.close()

    async def look(self) -> None:
        """Follows the pointer, applies changes of the gallery, and takes over abandoned jobs."""
        rows = await self._read()
        if self._serves_another(rows.active):
            await self._switch(rows.active)
        else:
            await self.catch_up()
        await self._reload.take_over()

    async def catch_up(self) -> None:
        """Applies who came, changed and went, whichever process did it."""
        for space_id, gallery in self._current.galleries():
            caught_up = False
            while not caught_up:
                async with self._sessions.read() as session:
                    caught_up = await try_to_catch_up(session, space_id, gallery)

    async def complete(self) -> None:
        """Embeds those missing in the serving or the former space."""
        rows = await self._read()
        if rows.revision == self._complete_at:
            return
        for row in (rows.active, rows.former):
            if row is None:
                continue
            async with self._sessions.read() as session:
                missing = await users.count_outside_space(session, row.space_id)
            if missing:
                await self._reembedding.complete(await self._embedder(row, rows.active))
        self._complete_at = rows.revision

    async def _read(self) -> Look:
        async with self._sessions.read() as session:
            active = await pointer.active_bundle(session)
            assert active is not None, "the pointer is set at the start"
            former = await pointer.former_bundle(session)
            job = next((view_job(row) for row in await jobs.latest(session, 1)), None)
            self.seen = Look(active, former, await pointer.gallery_revision(session), job)
        return self.seen

    def _serves_another(self, active: BundleRow) -> bool:
        serving = self._current.serving
        return (active.name, active.space_id) != (serving.manifest.name, serving.space_id)

    async def _switch(self, active: BundleRow) -> None:
        """Loads what another process has switched to, and serves it."""
        serving = await self._load(active)
        if await self._join(serving, partial(self._current.switch, serving), active):
            _log.info("serving bundle=%s space=%s", active.name, active.space_id)
        await asyncio.to_thread(give_back_freed_memory)

    async def _join(self, joining: Serving, join: Callable[[], None], active: BundleRow) -> bool:
        """Adds a serving to those whose galleries follow, without missing a change.

        Args:
            joining: Its gallery is updated.
            join: Adds it.
            active: The bundle that serves, if it is known.

        Returns:
            Whether it did. If not, another bundle has begun to serve.
        """
        while True:
            serving = self._current.serving
            read_at = serving.gallery.changes
            async with self._sessions.read() as session:
                now = await pointer.active_bundle(session)
                if now is None or (now.name, now.space_id) != (active.name, active.space_id):
                    return False
                caught_up = await try_to_catch_up(session, joining.space_id, joining.gallery)
                unchanged = serving is self._current.serving
                # Galleries that follow are told of this process's own changes.
                if caught_up and unchanged and read_at == serving.gallery.changes:
                    join()
                    return True

    async def _load(self, row: BundleRow) -> Serving:
        serving = await self._activation.load_serving(self._sessions, row.name, row.space_id)
        await asyncio.to_thread(check_self_test, serving.embedder)
        return serving

    async def _embedder(self, row: BundleRow, active: BundleRow) -> Embedder:
        for serving in (self._current.serving, self._current.former):
            if serving is not None and serving.space_id == row.space_id:
                return serving.embedder
        former = await self._load(row)
        await self._join(former, partial(setattr, self._current, "former", former), active)
        return former.embedder


async def _again_and_again(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        try:
            await work()
        except FarsightError as error:
            # What serves keeps serving; the next look may find the database or the bundle.
            _log.warning("following the rows failed: %s", error)
        except Exception:  # noqa: BLE001 - logged; the next look may go better
            _log.exception("following the rows failed")
