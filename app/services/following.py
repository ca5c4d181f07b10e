"""Every process follows the rows: which bundle serves, and who is in the gallery.

A reload moves the pointer in the database. This process has by then loaded the bundle beside the
old one, and switches at its next look; until then it answers consistently in the old space. None of
this writes, so a process that cannot write still learns who was erased.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
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
from app.services.freshness import Freshness
from app.services.job_diary import JobView, State, Step, view_job
from app.services.reembedding import Reembedding
from app.services.reload import Reload
from app.services.switching import try_to_catch_up
from app.vision.embedder import Embedder
from app.vision.self_test import check_self_test

_LOOK_EVERY_S = 1.0
# Where every change is heard of, they are looked at together: each look asks how many users there
# are.
_LOOK_AT_MOST_EVERY_S = 0.05
# Somebody whom a process registered in the old space, just after the switch, is known this long
# after the look that saw it.
_COMPLETE_EVERY_S = 0.5
_LISTEN_AGAIN_S = 1.0
# The steps of a reload at which other processes load the bundle too.
_MOVING = (Step.GATE, Step.RE_EMBED, Step.SWITCH)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What the rows say.

    Attributes:
        active: Who serves.
        former: Who served before.
        revision: The gallery's.
        job: The last reload.
        processes: How many follow these rows, as far as that can be known.
    """

    active: BundleRow
    former: BundleRow | None
    revision: int
    job: JobView | None
    processes: int


class Following:
    """Looks at the rows whenever another process has changed them, and every second.

    Args:
        sessions: Where the rows are.
        current: What serves in this process.
        activation: Loads bundles.
        reembedding: Completes the serving and the former space with people whom a process serving
            another space has registered.
        reload: Takes over jobs that another process abandoned.
        freshness: Is told when the rows were seen and followed.

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
        freshness: Freshness,
    ) -> None:
        self._sessions = sessions
        self._current = current
        self._activation = activation
        self._reembedding = reembedding
        self._reload = reload
        self._freshness = freshness
        self.seen: Look | None = None
        self._complete_at = (-1, "")
        self._sized_at: dict[str, int] = {}
        self._heard = asyncio.Event()
        self._background = Background()

    def start(self) -> None:
        """Begins looking."""
        self._freshness.followed(time.monotonic())
        # Loading and completing can take long, and must not keep this process from following.
        self._background.start(
            _again_and_again(self._listen, _LISTEN_AGAIN_S),
            _again_and_again(self._look_when_heard, _LOOK_AT_MOST_EVERY_S),
            _again_and_again(self.come_along, _LOOK_EVERY_S),
            _again_and_again(self.complete, _COMPLETE_EVERY_S),
        )

    async def close(self) -> None:
        """Stops looking."""
        await self._background.close()

    @property
    def processes(self) -> int:
        """How many processes answer from these rows, this one included."""
        return 1 if self.seen is None else self.seen.processes

    async def look(self) -> None:
        """Applies changes of the gallery, follows the pointer, and takes over abandoned jobs."""
        began_s = time.monotonic()
        rows = await self._read()
        self._freshness.answered(began_s)
        await self.catch_up()
        for ready in (self._current.coming, self._current.former):
            if ready is not None and _is(ready, rows.active) and self._serves_another(rows.active):
                await self._switch(ready, rows.active)
        if not self._serves_another(rows.active):
            self._freshness.followed(began_s)
        if rows.job is not None and rows.job.state == State.RUNNING:
            await self._reload.take_over()

    async def catch_up(self) -> None:
        """Applies who came, changed and went, whichever process did it."""
        for space_id, gallery in self._current.galleries():
            caught_up = False
            while not caught_up:
                async with self._sessions.read() as session:
                    caught_up = await try_to_catch_up(session, space_id, gallery)

    async def come_along(self) -> None:
        """Loads the bundle to which another process is moving everybody, or has moved them."""
        rows, current = self.seen, self._current
        if rows is None or self._reload.is_working:
            return
        wanted = _coming(rows)
        if self._serves_another(rows.active):
            wanted = (rows.active.name, rows.active.space_id)
        if wanted is None:
            if current.coming is not None:  # the reload has failed
                current.coming = None
                await asyncio.to_thread(give_back_freed_memory)
        elif not any(_named(each) == wanted for each in (current.former, current.coming)):
            coming = await self._load(*wanted)
            await self._join(coming, partial(setattr, current, "coming", coming), rows.active)
            self._heard.set()

    async def complete(self) -> None:
        """Embeds those missing in the serving or the former space, and adds templates of sizes."""
        rows = self.seen or await self._read()  # `look` reads them every second, and when told
        seen = rows.revision, rows.active.space_id
        if seen == self._complete_at:
            return
        for row in (rows.active, rows.former):
            if row is None:
                continue
            async with self._sessions.read() as session:
                missing = await users.count_outside_space(session, row.space_id)
            if missing:
                await self._reembedding.complete(await self._embedder(row, rows.active))
        for serving in (self._current.serving, self._current.former):
            if serving is not None and serving.gallery.sizes:
                since = self._sized_at.get(serving.space_id, -1)
                if not await self._reembedding.add_sizes(
                    serving.embedder, serving.gallery.sizes, since, self._nobody_is_moved
                ):
                    return
                self._sized_at[serving.space_id] = rows.revision
        self._complete_at = seen

    def _nobody_is_moved(self) -> bool:
        """Whether no reload is running, which comes first."""
        job = None if self.seen is None else self.seen.job
        return job is None or job.state != State.RUNNING

    async def _read(self) -> Look:
        async with self._sessions.read() as session:
            active = await pointer.active_bundle(session)
            assert active is not None, "the pointer is set at the start"
            former = await pointer.former_bundle(session)
            job = next((view_job(row) for row in await jobs.latest(session, 1)), None)
            revision = await pointer.gallery_revision(session)
            processes = await self._sessions.engine.count_listeners(session)
        self.seen = Look(active, former, revision, job, processes)
        return self.seen

    def _serves_another(self, active: BundleRow) -> bool:
        return not _is(self._current.serving, active)

    async def _switch(self, ready: Serving, active: BundleRow) -> None:
        """Serves what another process has switched to."""
        if await self._join(ready, partial(self._current.switch, ready), active):
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

    async def _load(self, name: str, space_id: str) -> Serving:
        serving = await self._activation.load_serving(self._sessions, name, space_id)
        await asyncio.to_thread(check_self_test, serving.embedder)
        return serving

    async def _embedder(self, row: BundleRow, active: BundleRow) -> Embedder:
        for serving in (self._current.serving, self._current.former):
            if serving is not None and serving.space_id == row.space_id:
                return serving.embedder
        former = await self._load(row.name, row.space_id)
        await self._join(former, partial(setattr, self._current, "former", former), active)
        return former.embedder

    async def _look_when_heard(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self._heard.wait()
        self._heard.clear()  # what is heard from now on may not be in what is read
        await self.look()

    async def _listen(self) -> None:
        await self._sessions.listen(self._heard.set)
        await asyncio.Event().wait()  # there is nothing to hear


def _named(serving: Serving | None) -> tuple[str, str] | None:
    return None if serving is None else (serving.manifest.name, serving.space_id)


def _is(serving: Serving, row: BundleRow) -> bool:
    return _named(serving) == (row.name, row.space_id)


def _coming(rows: Look) -> tuple[str, str] | None:
    """Name and space of the bundle to which everybody is being moved."""
    job = rows.job
    if job is None or job.state != State.RUNNING or job.step not in _MOVING:
        return None
    return job.bundle, job.space_id


async def _again_and_again(work: Callable[[], Awaitable[None]], pause_s: float) -> None:
    told = None
    while True:
        await asyncio.sleep(pause_s)
        try:
            await work()
        except FarsightError as error:
            # What serves keeps serving; the next look may find the database or the bundle.
            if told != error.detail:
                _log.warning("following the rows failed: %s", error)
            told = error.detail
        except Exception:  # noqa: BLE001 - logged; the next look may go better
            _log.exception("following the rows failed")
        else:
            told = None
