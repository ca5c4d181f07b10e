"""The client by hand, against a server by hand."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.load import (
    Heard,
    Load,
    ask_at_once,
    ask_in_turn,
    ask_regularly,
    endpoint_of,
    request_bytes,
    running_beside,
)
from benchmarks.requests import percentiles_ms, rate


class Server(ThreadingHTTPServer):
    """Answers every second request with 503; remembers what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(200 if len(self.server.bodies) % 2 == 0 else 503)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_request_is_sent_again_when_the_service_is_busy(server: Server) -> None:
    request = request_bytes(server.url, "key", "/v1/identify", b"a photo")
    load = ask_at_once(endpoint_of(server.url), [request])
    assert [(heard.status, heard.refused) for heard in load.heard] == [(200, 1)]
    assert [b"a photo" in body for body in server.bodies] == [True, True]


def test_requests_follow_each_other_when_time_is_left(server: Server) -> None:
    request = request_bytes(server.url, "key", "/v1/identify", b"a photo")
    call = partial(ask_in_turn, endpoint_of(server.url), [request], 2, 0.2)
    with running_beside(call) as beside:
        load = beside.result()
    assert len(load.heard) > 2
    assert {heard.status for heard in load.heard} == {200}
    assert load.cpu_s > 0


def test_looks_end_when_they_are_told_to(server: Server) -> None:
    requests = [request_bytes(server.url, "key", path) for path in ("/livez", "/readyz")]
    answers = iter([False, False, False, True])
    heard = ask_regularly(endpoint_of(server.url), requests, 100, lambda: next(answers))
    assert [[one.status for one in of] for of in heard] == [[200] * 3, [200] * 3]


def test_failure_is_told_when_the_process_beside_dies() -> None:
    with running_beside(partial(endpoint_of, "nowhere")) as beside, pytest.raises(EOFError):
        beside.result()


def test_rate_counts_what_ends_after_warming_up() -> None:
    heard = [Heard(began_s=t, ended_s=t + 1, status=200, refused=0) for t in range(101)]
    assert rate(Load(heard, 0.0)) == pytest.approx(1.0)


def test_percentiles_are_of_the_whole_wait() -> None:
    heard = [Heard(0.0, ms / 1000, 200, 0) for ms in range(1, 101)]
    assert percentiles_ms(heard) == pytest.approx((50.5, 99.01))


def test_answer_is_not_awaited_for_ever_when_the_server_hangs_up() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        endpoint = server.sockets[0].getsockname()[:2]
        async with server:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await asyncio.to_thread(ask_at_once, endpoint, [b"GET / HTTP/1.1\r\n\r\n"])

    asyncio.run(ask())
