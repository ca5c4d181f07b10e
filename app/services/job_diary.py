"""The row of a running job: its steps and its progress, written by the process that works on it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from uuid import UUID

from app.db.repositories import jobs
from app.db.session import Sessions, WriteSession, patiently
from app.db.tables import Job, JsonObject
from app.errors import JobLostError
from app.services.reembedding import PATIENCE_S
from app.storage_errors import DatabaseBusyError, StorageError

_PULSE_S = 2.0
_ABANDONED_AFTER = timedelta(seconds=10)


class Step(StrEnum):
    """What a reload does, one after the other."""

    VERIFY = "verify"
    LOAD = "load"
    WARM_UP = "warm_up"
    SELF_TEST = "self_test"
    GATE = "gate"
    RE_EMBED = "re_embed"
    SWITCH = "switch"


class State(StrEnum):
    """The state of a job."""

    RUNNING = jobs.RUNNING
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as callers see it.

    Attributes:
        id: Its id.
        bundle: The bundle to serve.
        space_id: Of the space that the bundle defines.
        force: Whether the gate's verdict is ignored.
        state: Whether it is running, and how it ended.
        step: The current step, or the one at which it ended.
        done: Photos embedded so far.
        total: Photos to be embedded; 0 before that is known.
        rate_per_s: Photos embedded per second; None before that is known.
        time_left_s: At that rate.
        error: `code` and `detail` of what made it fail.
        report: The gate's figures.
        attempts: How many processes have worked on it, in turn.
        created_at: When it was requested.
        updated_at: When it was last heard of.
        finished_at: When it ended.
    """

    id: UUID
    bundle: str
    space_id: str
    force: bool
    state: State
    step: Step
    done: int
    total: int
    rate_per_s: float | None
    time_left_s: float | None
    error: JsonObject | None
    report: JsonObject | None
    attempts: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


def is_abandoned(row: Job, now: datetime) -> bool:
    """Whether the last write is so old that nobody can be working on the job.

    A sign of life in the future counts as none: the clock has been moved back, and it could be long
    until it gets there again.

    Args:
        row: Of a running job.
        now: By the database's clock, as what is in the row: those of machines differ.
    """
    return abs(now - row.updated_at) >= _ABANDONED_AFTER


def view_job(row: Job) -> JobView:
    """A job's row as callers see it."""
    left_s = None
    if row.rate_per_s and row.state == State.RUNNING:
        left_s = (row.total - row.done) / row.rate_per_s
    return JobView(
        id=row.id,
        bundle=row.bundle,
        space_id=row.space_id,
        force=row.force,
        state=State(row.state),
        step=Step(row.step),
        done=row.done,
        total=row.total,
        rate_per_s=row.rate_per_s,
        time_left_s=left_s,
        error=row.error,
        report=row.report,
        attempts=row.attempts,
        created_at=row.created_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
    )


class Jobs:
    """What is known of jobs, whoever works on them.

    Args:
        sessions: Where they are kept.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def get(self, job_id: UUID) -> JobView:
        """How a job stands.

        Raises:
            JobNotFoundError: There is none of this id.
        """
        async with self._sessions.read() as session:
            return view_job(await jobs.get(session, job_id))

    async def latest(self, limit: int) -> list[JobView]:
        """Jobs, newest first."""
        async with self._sessions.read() as session:
            return [view_job(row) for row in await jobs.latest(session, limit)]


class JobDiary:
    """Writes about one job, as long as this process works on it.

    Args:
        sessions: Where the row is.
        job_id: The job.
        owner: This process.
    """

    def __init__(self, sessions: Sessions, job_id: UUID, owner: str) -> None:
        self._sessions = sessions
        self._job_id = job_id
        self._owner = owner
        self._step_began = 0.0
        self._done_in_step = 0

    async def step(self, step: Step, total: int = 0) -> None:
        """Begins the next step.

        Raises:
            JobLostError: Another process has taken the job over.
        """

        async def store(session: WriteSession) -> None:
            row = await self.row(session)
            row.step = step.value
            if total:
                row.done, row.total = 0, total

        await patiently(partial(self._sessions.write, store), PATIENCE_S)
        self._step_began, self._done_in_step = time.monotonic(), 0

    async def advance(self, session: WriteSession, photos: int) -> None:
        """Counts photos embedded in the same transaction.

        Raises:
            JobLostError: Another process has taken the job over.
        """
        self._done_in_step += photos
        row = await self.row(session)
        row.done += photos
        row.total = max(row.total, row.done)
        row.rate_per_s = self._done_in_step / (time.monotonic() - self._step_began)

    async def row(self, session: WriteSession) -> Job:
        """The job's row, to be changed.

        Raises:
            JobLostError: Another process has taken the job over.
        """
        row = await jobs.owned(session, self._job_id, self._owner)
        if row is None:
            raise JobLostError("Another process works on this job now.")
        row.updated_at = await self._sessions.engine.now(session)
        return row

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """While inside, others see that somebody works on the job."""
        pulse = asyncio.create_task(self._pulse())
        try:
            yield
        finally:
            pulse.cancel()
            # It was stopped by the line before.
            with suppress(asyncio.CancelledError):
                await pulse

    async def _pulse(self) -> None:
        async def touch(session: WriteSession) -> None:
            now = await self._sessions.engine.now(session)
            await jobs.touch(session, self._job_id, self._owner, now)

        while True:
            await asyncio.sleep(_PULSE_S)
            # A database that does not answer will be noticed by the work itself.
            with suppress(DatabaseBusyError, StorageError):
                await self._sessions.write(touch)
