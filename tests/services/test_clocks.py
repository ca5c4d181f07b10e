"""Machines whose clocks differ, on one PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import uuid4

import pytest

from app.db.repositories import jobs
from app.db.session import WriteSession
from app.db.tables import Job
from app.graph import Graph, open_graph
from app.services.job_diary import JobDiary, State, Step
from app.settings import Settings

pytestmark = pytest.mark.parametrize("engine", ["postgres"], indirect=True, scope="session")

_WRONG_BY = timedelta(hours=1)


class _WrongClock(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_WrongClock":
        return super().now(tz) + _WRONG_BY


@pytest.fixture
async def graph(settings: Settings) -> AsyncIterator[Graph]:
    async with open_graph(settings) as opened:
        yield opened


async def _add_job(graph: Graph, owner: str) -> Job:
    job = Job(
        id=uuid4(),
        bundle="turned",
        space_id="0" * 16,
        force=False,
        actor="test",
        state=State.RUNNING,
        step=Step.GATE,
        owner=owner,
        attempts=1,
    )

    async def add(session: WriteSession) -> None:
        await jobs.add(session, job)

    await graph.sessions.write(add)
    return job


async def test_job_is_left_to_its_process_when_the_clock_of_this_machine_is_wrong(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await _add_job(graph, "another process")
    monkeypatch.setattr("app.db.tables.datetime", _WrongClock)
    await graph.reload.take_over()
    async with graph.sessions.read() as session:
        row = await jobs.get(session, job.id)
    assert (row.owner, row.attempts) == ("another process", 1)
    assert not graph.reload.is_working


async def test_sign_of_life_is_by_the_clock_of_the_database_when_that_of_this_machine_is_wrong(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await _add_job(graph, "mine")
    monkeypatch.setattr("app.db.tables.datetime", _WrongClock)
    await JobDiary(graph.sessions, job.id, "mine").step(Step.RE_EMBED)
    async with graph.sessions.read() as session:
        row = await jobs.get(session, job.id)
    assert row.step == Step.RE_EMBED
    assert abs(row.updated_at - datetime.now(UTC)) < _WRONG_BY / 2
