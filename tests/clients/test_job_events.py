"""A job's events are told until it has ended, whatever becomes of the connection."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from farsight_client import ApiError, AsyncClient, Client, Job, async_client, client
from farsight_client.connecting import PATIENCE_S
from tests.answering import EVENTS, Asked, Reply, answering, events, problem

RUNNING: dict[str, object] = {
    "id": "17",
    "bundle": "ours",
    "space": "0123456789abcdef",
    "force": False,
    "state": "running",
    "step": "gate",
    "done": 0,
    "total": 0,
    "rate_per_s": None,
    "time_left_s": None,
    "error": None,
    "report": {"note": "a line\u2028in a text"},
    "attempts": 1,
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "finished_at": None,
}
HALF = RUNNING | {"step": "re_embed", "done": 5, "total": 10}
DONE = HALF | {"state": "succeeded", "step": "switch", "done": 10}
STEPS = ["gate", "re_embed", "switch"]


@dataclass
class Streams:
    """Each request gets the next of `replies`; the last one stays."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        self.paths.append(asked.path)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[Streams]:
    monkeypatch.setattr(client, "PAUSE_S", 0.01)
    monkeypatch.setattr(async_client, "PAUSE_S", 0.01)
    state = Streams()
    with answering(state.answer) as state.url:
        yield state


def _watch(streams: Streams, patience_s: float = PATIENCE_S) -> list[Job]:
    with Client(streams.url, "key", patience_s=patience_s) as farsight:
        return list(farsight.job_events("17"))


async def _watch_async(streams: Streams, patience_s: float = PATIENCE_S) -> list[Job]:
    async with AsyncClient(streams.url, "key", patience_s=patience_s) as farsight:
        return [job async for job in farsight.job_events("17")]


def test_each_change_is_told_until_the_job_ends(streams: Streams) -> None:
    streams.replies = [events(RUNNING, HALF, DONE)]
    seen = _watch(streams)
    assert [job.step for job in seen] == STEPS
    assert seen[0].report == RUNNING["report"]
    assert seen[-1].state == "succeeded"
    assert streams.paths == ["/v1/admin/jobs/17/events"]


@pytest.mark.parametrize(
    "interruption",
    [
        events(RUNNING, HALF, breaks_off=True),
        events(RUNNING, HALF),
        Reply(502, b"<html>", "text/html"),
        problem(503, "not_ready", "It starts."),
    ],
    ids=["broken off", "ended", "proxy", "starting"],
)
async def test_nothing_is_missed_or_told_twice_when_the_service_is_away(
    interruption: Reply, streams: Streams
) -> None:
    streams.replies = [events(RUNNING), interruption, events(HALF), events(HALF, DONE)]
    assert [job.step for job in _watch(streams)] == STEPS
    assert len(streams.paths) == 4
    streams.replies = [events(RUNNING), interruption, events(HALF), events(HALF, DONE)]
    assert [job.step for job in await _watch_async(streams)] == STEPS


async def test_watching_ends_when_the_service_stays_away(streams: Streams) -> None:
    streams.replies = [events(RUNNING), problem(503, "not_ready", "It starts.", Retry_After="9")]
    with pytest.raises(ApiError) as error:
        _watch(streams, patience_s=0.05)
    assert error.value.code == "not_ready"
    with pytest.raises(ApiError) as error:
        await _watch_async(streams, patience_s=0.05)
    assert error.value.code == "not_ready"
    assert len(streams.paths) >= 5


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (problem(404, "job_not_found", "No such job."), "job_not_found"),
        (events({"state": "dancing"}), "not_farsight"),
        (Reply(200, b"data: <html>\n", EVENTS), "not_farsight"),
        (Reply(200, b"<html>", "text/html"), "not_farsight"),
    ],
)
def test_watching_ends_at_once_when_it_is_refused(
    reply: Reply, code: str, streams: Streams
) -> None:
    streams.replies = [events(RUNNING), reply]
    with pytest.raises(ApiError) as error:
        _watch(streams)
    assert error.value.code == code
    assert len(streams.paths) == 2


def test_connection_is_free_again_when_watching_is_broken_off(streams: Streams) -> None:
    streams.replies = [events(RUNNING, HALF, DONE)]
    with Client(streams.url, "key") as farsight:
        watching = farsight.job_events("17")
        assert next(watching).step == "gate"
        assert isinstance(watching, Iterator)
        del watching
        assert [job.step for job in farsight.job_events("17")] == STEPS
