"""Traces: what is sent to a collector, what never is, and that a collector holds up nothing."""

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from app.settings import Settings
from tests.service_process import serving

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

People = dict[str, list[bytes]]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
STAGES = {"decode", "detect", "align", "embed", "networks", "search"}


@dataclass
class Collector:
    """A collector of traces on this machine, and what it was sent."""

    url: str
    bodies: list[bytes] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def trace(self, trace_id: str) -> list[Span]:
        return [span for span in self.spans if span.trace_id.hex() == trace_id]


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def traced(
    make_settings: Callable[[Path], Settings],
    tmp_path_factory: pytest.TempPathFactory,
    run_service: "RunService",
    people: People,
) -> Iterator[Collector]:
    """What was sent of a service that has ended."""
    with collecting() as collector:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv(ENDPOINT, collector.url)
            # FastAPI's own, which would tell addresses.
            patched.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
            with run_service(make_settings(tmp_path_factory.mktemp("traced"))) as service:
                _work(service, people)
        yield collector


def _work(service: "Service", people: People) -> None:
    assert service.register("anna-secret", people["anna"][:3]).status_code == 201
    service.client.headers["traceparent"] = TRACEPARENT
    assert service.identify(people["anna"][5]).status_code == 200
    del service.client.headers["traceparent"]
    assert service.client.get("/v1/users/anna-secret").status_code == 200
    assert service.client.get("/v1/users?secret=secret").status_code == 422
    assert service.client.get("/v1/users/bert-secret").status_code == 404
    assert service.client.get("/readyz").status_code == 200
    bundle = service.client.get("/version").json()["bundle"]
    job = service.client.post("/v1/admin/reload", json={"bundle": bundle}).json()["id"]
    service.client.get(f"/v1/admin/jobs/{job}/events")  # until it ends


def test_a_request_is_one_trace_of_its_stages_when_there_is_a_collector(traced: Collector) -> None:
    spans = traced.trace(TRACE)
    by_id = {span.span_id: span for span in spans}
    (root,) = [span for span in spans if span.kind == Span.SPAN_KIND_SERVER]
    assert root.parent_span_id.hex() == PARENT
    assert root.name == "POST /v1/identify"
    assert {of.key: of.value.string_value or of.value.int_value for of in root.attributes} == {
        "http.request.method": "POST",
        "http.route": "/v1/identify",
        "http.response.status_code": 200,
    }
    assert {span.name for span in spans} >= STAGES
    for span in spans:
        if span is not root:
            parent = by_id[span.parent_span_id]
            assert parent.start_time_unix_nano <= span.end_time_unix_nano
            assert span.start_time_unix_nano <= span.end_time_unix_nano
    (networks,) = [span for span in spans if span.name == "networks"]
    assert {of.key for of in networks.attributes} == {"farsight.crops", "farsight.route"}
    assert by_id[networks.parent_span_id].name == "embed"


def test_registrations_are_traces_of_networks_and_database_when_traced(traced: Collector) -> None:
    (root,) = [span for span in traced.spans if span.name == "POST /v1/users"]
    names = {span.name for span in traced.trace(root.trace_id.hex())}
    assert names >= {"decode", "detect", "align", "networks", "database read", "database write"}


def test_a_trace_ends_with_its_request_when_that_has_started_a_job(traced: Collector) -> None:
    (root,) = [span for span in traced.spans if span.name == "POST /v1/admin/reload"]
    spans = traced.trace(root.trace_id.hex())
    assert {span.name for span in spans} >= {"database write"}
    assert all(span.start_time_unix_nano <= root.end_time_unix_nano for span in spans)


def test_nothing_names_anybody_when_traces_are_sent(traced: Collector) -> None:
    assert len(traced.spans) > 20
    assert not any(b"secret" in body for body in traced.bodies)
    keys = {of.key for span in traced.spans for of in span.attributes}
    assert keys <= {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "error.type",
        "farsight.crops",
        "farsight.route",
    }
    assert not any(span.events or span.status.message for span in traced.spans)


def test_health_is_not_traced_when_there_is_a_collector(traced: Collector) -> None:
    names = {span.name for span in traced.spans if span.kind == Span.SPAN_KIND_SERVER}
    assert names >= {"POST /v1/users", "POST /v1/identify", "GET /v1/users/{user_id}"}
    assert "GET /readyz" not in names


def test_the_id_of_a_request_is_that_of_its_trace_when_traced(
    settings: Settings, run_service: "RunService", monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        with run_service(settings) as service:
            ids = [service.client.get("/v1/users").headers["x-request-id"] for _ in range(2)]
            chosen = service.client.get("/v1/users", headers={"X-Request-ID": "mine"})
        assert chosen.headers["x-request-id"] == "mine"
        assert all(collector.trace(request_id) for request_id in ids)


@pytest.mark.parametrize(
    "variables",
    [{}, {ENDPOINT: ""}, {ENDPOINT: "here", "OTEL_SDK_DISABLED": "true"}],
    ids=["unset", "empty", "disabled"],
)
def test_nothing_is_looked_up_or_sent_when_no_collector_is_named(
    settings: Settings,
    run_service: "RunService",
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
) -> None:
    asked: list[object] = []

    def connect(_socket: socket.socket, address: object) -> None:
        asked.append(address)
        raise OSError

    def look_up(host: object, *_: object, **__: object) -> None:
        asked.append(host)
        raise OSError

    with collecting() as collector:
        for name, value in {"FASTAPI_OTEL_AUTO_CONFIGURE": "true", **variables}.items():
            monkeypatch.setenv(name, collector.url if value == "here" else value)
        if not settings.database.url.startswith("postgresql"):
            monkeypatch.setattr(socket.socket, "connect", connect)
            monkeypatch.setattr(socket.socket, "connect_ex", connect)
            monkeypatch.setattr(socket, "getaddrinfo", look_up)
        with run_service(settings) as service:
            assert service.identify(people["anna"][0]).status_code == 200
            threads = [thread.name for thread in threading.enumerate()]
        assert asked == []
        assert collector.bodies == []
        assert not any(name.startswith("Otel") for name in threads)


@pytest.mark.parametrize("trouble", ["hangs", "away"])
def test_requests_and_the_end_are_not_held_up_when_the_collector_is_in_trouble(
    settings: Settings, tmp_path: Path, people: People, trouble: str
) -> None:
    """The service is a process, which must end within its grace, and with code 0."""
    with socket.create_server(("127.0.0.1", 0)) as listening:  # accepts, and never answers
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        if trouble == "away":
            listening.close()
        grace_s = 20.0
        variables = {
            ENDPOINT: url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "600",
            "OTEL_BSP_SCHEDULE_DELAY": "10",
            "FARSIGHT_SHUTDOWN_GRACE_S": str(grace_s),
            "FARSIGHT_LIMITS__DEADLINE_S": "60",
        }
        with serving(settings, tmp_path, **variables) as service:
            for _ in range(30):
                answer = httpx.post(f"{service.url}/v1/identify", timeout=30)
                assert answer.status_code == 401
            began_s = time.monotonic()
        # Far from the exporter's timeout and the library's 30 s.
        assert time.monotonic() - began_s < grace_s
        assert "ended before" not in service.log.read_text()


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "is not http/protobuf"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "max_queue_size must be"),
    ],
)
def test_the_service_serves_and_says_so_when_traces_cannot_be_sent(
    settings: Settings,
    run_service: "RunService",
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    value: str,
    told: str,
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv(variable, value)
    with caplog.at_level(logging.WARNING), run_service(settings) as service:
        assert service.client.get("/v1/users").status_code == 200
    assert "no traces are sent" in caplog.text
    assert told in caplog.text


def test_the_service_serves_and_says_so_when_the_extra_is_missing(
    settings: Settings,
    run_service: "RunService",
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with caplog.at_level(logging.WARNING), run_service(settings) as service:
        assert service.client.get("/v1/users").status_code == 200
    assert "pip install 'farsight[otel]'" in caplog.text
