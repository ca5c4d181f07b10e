"""Rows of jobs that another process began."""

from uuid import uuid4

from app.db.repositories import jobs
from app.db.session import Sessions, WriteSession
from app.db.tables import Job
from app.services.job_diary import State, Step


async def add_running_job(sessions: Sessions, owner: str = "another process", **row: object) -> Job:
    """Stores a reload that runs, at its gate.

    Args:
        sessions: Where.
        owner: The process that says it works on it.
        row: What else is in the row, or in place of the above.
    """
    fields: dict[str, object] = {
        "id": uuid4(),
        "bundle": "turned",
        "space_id": "0" * 16,
        "force": False,
        "actor": "test",
        "state": State.RUNNING,
        "step": Step.GATE,
        "owner": owner,
    }
    job = Job(**(fields | row))

    async def add(session: WriteSession) -> None:
        await jobs.add(session, job)

    await sessions.write(add)
    return job
