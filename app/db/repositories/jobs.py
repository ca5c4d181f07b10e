"""Rows of jobs."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.db.session import ReadSession, WriteSession
from app.db.tables import Job
from app.errors import JobNotFoundError, ReloadRunningError

RUNNING = "running"


async def get(session: ReadSession, job_id: UUID) -> Job:
    """A job by its id.

    Raises:
        JobNotFoundError: There is none.
    """
    job = await session.get(Job, job_id)
    if job is None:
        raise JobNotFoundError(f"No job has the id {job_id}.")
    return job


async def latest(session: ReadSession, limit: int) -> Sequence[Job]:
    """Jobs, newest first."""
    return (await session.scalars(select(Job).order_by(Job.created_at.desc()).limit(limit))).all()


async def running(session: ReadSession) -> Job | None:
    """The job that has not ended yet."""
    return await session.scalar(select(Job).where(Job.state == RUNNING))


async def refuse_second(session: ReadSession) -> None:
    """Makes sure that no job is running.

    Raises:
        ReloadRunningError: One is; the error names it.
    """
    if (job := await running(session)) is not None:
        raise ReloadRunningError(
            f"Wait until the reload of {job.bundle!r} has ended.", job_id=str(job.id)
        )


async def add(session: WriteSession, job: Job) -> None:
    """Adds a running job.

    Raises:
        ReloadRunningError: There is one already.
    """
    await refuse_second(session)
    session.add(job)
    try:
        await session.flush()
    except IntegrityError as error:  # another process, on a database that lets two write at once
        raise ReloadRunningError("Another process started one a moment ago.") from error


async def owned(session: WriteSession, job_id: UUID, owner: str) -> Job | None:
    """The job, if it is still running and this process is still the one that works on it."""
    job = await session.get(Job, job_id, populate_existing=True)
    return job if job and job.state == RUNNING and job.owner == owner else None


async def touch(session: WriteSession, job_id: UUID, owner: str, now: datetime) -> bool:
    """Notes that somebody works on a job; False if that is no longer this process."""
    touched = await session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.owner == owner, Job.state == RUNNING)
        .values(updated_at=now)
        .returning(Job.id)
    )
    return touched is not None
