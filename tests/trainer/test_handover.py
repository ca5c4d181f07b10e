"""`publish --reload` against a small server that speaks as the service does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.answering import Asked, Reply, answering, events, problem
from trainer.errors import NotReloadedError
from trainer.handover import client_for, hand_over

KEY = "fs_key"
JOB: dict[str, object] = {
    "id": "0f7e",
    "bundle": "ours",
    "space": "0123456789abcdef",
    "force": False,
    "state": "running",
    "step": "verify",
    "done": 0,
    "total": 0,
    "rate_per_s": None,
    "time_left_s": None,
    "error": None,
    "report": None,
    "attempts": 1,
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "finished_at": None,
}
EMBEDDING = JOB | {"step": "re_embed", "done": 120, "total": 300, "time_left_s": 9.4}
DONE = JOB | {"state": "succeeded", "step": "switch", "done": 300, "total": 300}


@dataclass
class Service:
    """Answers the POST with `start`, then the event stream with `watch`."""

    url: str = ""
    start: Reply = field(default_factory=lambda: Reply(202, JOB))
    watch: Reply = field(default_factory=lambda: events(JOB, DONE))
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self.start if asked.method == "POST" else self.watch


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("FARSIGHT_API_KEY", KEY)
    state = Service()
    with answering(state.answer) as state.url:
        yield state


def test_job_is_watched_until_it_has_succeeded(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.watch = events(JOB, EMBEDDING, DONE)
    with client_for(service.url) as client:
        hand_over(client, "ours")
    start, watch = service.asked
    assert (start.method, start.path) == ("POST", "/v1/admin/reload")
    assert json.loads(start.body) == {"bundle": "ours", "force": False}
    assert (watch.method, watch.path) == ("GET", "/v1/admin/jobs/0f7e/events")
    assert {asked.headers["Authorization"] for asked in service.asked} == {f"Bearer {KEY}"}
    said = capsys.readouterr().err
    assert "300/300" in said
    assert KEY not in said


def test_refusal_is_told_with_the_services_reason(service: Service) -> None:
    service.start = problem(409, "reload_running", "Job 17 is running.")
    with client_for(service.url) as client, pytest.raises(NotReloadedError, match="Job 17 is"):
        hand_over(client, "ours")
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("watch", "reason"),
    [
        (
            events(
                JOB | {"state": "failed", "step": "gate", "error": {"code": "x", "detail": "Bad."}}
            ),
            "failed at step gate: Bad.",
        ),
        (events(JOB | {"state": "failed"}), "does not say why"),
        (problem(404, "job_not_found", "No such job."), r"No such job\. It may still succeed"),
    ],
)
def test_failure_is_told_with_the_jobs_reason(watch: Reply, reason: str, service: Service) -> None:
    service.watch = watch
    with client_for(service.url) as client, pytest.raises(NotReloadedError, match=reason):
        hand_over(client, "ours")


@pytest.mark.usefixtures("service")
def test_nobody_listening_is_told() -> None:
    with (
        client_for("http://127.0.0.1:9") as client,
        pytest.raises(NotReloadedError, match="did not answer"),
    ):
        hand_over(client, "ours")


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://", "http://h:x"])
def test_address_is_refused_before_any_work(url: str) -> None:
    with pytest.raises(NotReloadedError, match="not an address"):
        client_for(url)


@pytest.mark.parametrize("key", [None, ""])
def test_key_must_be_there_before_any_work(
    key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if key is None:
        monkeypatch.delenv("FARSIGHT_API_KEY", raising=False)
    else:
        monkeypatch.setenv("FARSIGHT_API_KEY", key)
    with pytest.raises(NotReloadedError, match="FARSIGHT_API_KEY"):
        client_for("http://127.0.0.1:9")
