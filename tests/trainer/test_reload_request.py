"""`--reload` against a small server that speaks as the service does."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from trainer import reload_request
from trainer.errors import NotReloadedError
from trainer.reload_request import ReloadRequest

KEY = "fs_key"
JOB = {
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
}
DONE = {"state": "succeeded", "step": "switch", "done": 300, "total": 300}


@dataclass
class Service:
    """Answers the POST with `start`, and each GET with the next of `looks`; the last one stays.

    Each is a status and the members that differ from JOB, or a whole body as bytes.
    """

    url: str = ""
    start: tuple[int, dict[str, object] | bytes] = (202, {})
    looks: list[tuple[int, dict[str, object] | bytes]] = field(default_factory=list)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("FARSIGHT_API_KEY", KEY)
    monkeypatch.setattr(reload_request, "_POLL_S", 0.01)
    state = Service(looks=[(200, DONE)])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(*state.start)

        def do_GET(self) -> None:
            self._answer(*(state.looks.pop(0) if len(state.looks) > 1 else state.looks[0]))

        def _answer(self, status: int, content: dict[str, object] | bytes) -> None:
            length = int(self.headers.get("Content-Length", 0))
            state.asked.append((self.command, self.path, self.rfile.read(length)))
            state.keys.add(self.headers.get("Authorization"))
            if isinstance(content, dict):
                content = json.dumps(JOB | content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


def test_job_is_watched_until_it_has_succeeded(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.looks = [
        (200, {"step": "re_embed", "done": 120, "total": 300, "time_left_s": 9.4}),
        (200, DONE),
    ]
    ReloadRequest(service.url + "/").send("ours")
    look = ("GET", "/v1/admin/jobs/0f7e", b"")
    assert service.asked[1:] == [look, look]
    method, path, body = service.asked[0]
    assert (method, path) == ("POST", "/v1/admin/reload")
    assert json.loads(body) == {"bundle": "ours", "force": False}
    assert service.keys == {f"Bearer {KEY}"}
    said = capsys.readouterr().err
    assert "300/300" in said
    assert KEY not in said


def test_address_may_have_a_path(service: Service) -> None:
    ReloadRequest(f"{service.url}/farsight").send("ours")
    assert [path for _, path, _ in service.asked] == [
        "/farsight/v1/admin/reload",
        "/farsight/v1/admin/jobs/0f7e",
    ]


def test_service_that_is_away_for_a_while_is_waited_for(service: Service) -> None:
    service.looks = [(503, b'{"detail": "The database is busy."}'), (502, b""), (200, DONE)]
    ReloadRequest(service.url).send("ours")
    assert len(service.asked) == 4


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (409, b'{"code": "reload_running", "detail": "Job 17 is running."}', "Job 17 is running."),
        (401, b'{"detail": "No such key."}', "No such key."),
        (307, b"", "answers 307"),
        (500, b"<html>", "answers 500"),
        (202, b"{}", "is not Farsight's"),
        (202, b"<html>", "is not Farsight's"),
    ],
)
def test_refusal_is_told_with_the_services_reason(
    status: int, body: bytes, reason: str, service: Service
) -> None:
    service.start = (status, body)
    with pytest.raises(NotReloadedError, match=reason):
        ReloadRequest(service.url).send("ours")
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        (
            (200, {"state": "failed", "step": "gate", "error": {"code": "x", "detail": "Worse."}}),
            "failed at step gate: Worse.",
        ),
        ((200, {"state": "failed"}), "does not say why"),
        ((404, b'{"detail": "No such job."}'), "any more: No such job."),
        ((200, {"state": "dancing"}), "is not Farsight's"),
    ],
)
def test_failure_is_told_with_the_jobs_reason(
    look: tuple[int, dict[str, object] | bytes], reason: str, service: Service
) -> None:
    service.looks = [(200, {}), look]
    with pytest.raises(NotReloadedError, match=reason):
        ReloadRequest(service.url).send("ours")


def test_watching_ends_when_the_service_stays_away(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload_request, "_PATIENCE_S", 0.05)
    service.looks = [(503, b'{"detail": "Busy."}')]
    with pytest.raises(NotReloadedError, match=r"Busy\. The job may still go on"):
        ReloadRequest(service.url).send("ours")


def test_nobody_listening_is_told() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARSIGHT_API_KEY", KEY)
        request = ReloadRequest("http://127.0.0.1:9")
    with pytest.raises(NotReloadedError, match="does not answer"):
        request.send("ours")


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://", "http://h:x"])
def test_address_is_refused_before_any_work(url: str, service: Service) -> None:
    with pytest.raises(NotReloadedError, match="no address"):
        ReloadRequest(url)


def test_key_must_be_there_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (None, ""):
        if key is None:
            monkeypatch.delenv("FARSIGHT_API_KEY", raising=False)
        else:
            monkeypatch.setenv("FARSIGHT_API_KEY", key)
        with pytest.raises(NotReloadedError, match="FARSIGHT_API_KEY"):
            ReloadRequest("http://127.0.0.1:9")
