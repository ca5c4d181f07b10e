"""Machines whose clocks differ, on one PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from app.db.repositories import jobs
from app.graph import Graph, open_graph
from app.services.job_diary import JobDiary, Step
from app.settings import Settings
from tests.services.job_rows import add_running_job

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


async def test_job_is_left_to_its_process_when_the_clock_of_this_machine_is_wrong(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await add_running_job(graph.sessions, "another process", attempts=1)
    monkeypatch.setattr("app.db.tables.datetime", _WrongClock)
    await graph.reload.take_over()
    async with graph.sessions.read() as session:
        row = await jobs.get(session, job.id)
    assert (row.owner, row.attempts) == ("another process", 1)
    assert not graph.reload.is_working


async def test_sign_of_life_is_by_the_clock_of_the_database_when_that_of_this_machine_is_wrong(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await add_running_job(graph.sessions, "mine", attempts=1)
    monkeypatch.setattr("app.db.tables.datetime", _WrongClock)
    await JobDiary(graph.sessions, job.id, "mine").step(Step.RE_EMBED)
    async with graph.sessions.read() as session:
        row = await jobs.get(session, job.id)
    assert row.step == Step.RE_EMBED
    assert abs(row.updated_at - datetime.now(UTC)) < _WRONG_BY / 2
