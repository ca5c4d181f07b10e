"""Connections that are half open, slow, many, or given up: through a socket, as they come."""

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import bodies, connection, middleware
from app.api.bodies import Bodies
from app.api.connection import Connections
from app.api.middleware import RequestContext
from app.main import create_app
from app.recognition.recognizer import Finding, Recognizer
from app.services.keys import Scope as KeyScope
from app.setting_groups import LimitSettings
from app.settings import Settings
from tests.reload.caller import wait_until

if TYPE_CHECKING:
    from tests.api.conftest import CreateKey

PATIENCE_S = 60
MOST = 8
FORM = "multipart/form-data; boundary=b"


@dataclass(frozen=True)
class Address:
    """Where a service listens, and two keys for it."""

    port: int
    keys: tuple[str, str]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def send_upload(self, announced: int, sent: bytes = b"", key: int = 0) -> socket.socket:
        """The beginning of an identification."""
        client = self.connect()
        lines = [
            "POST /v1/identify HTTP/1.1",
            "Host: test",
            f"Authorization: Bearer {self.keys[key]}",
            f"Content-Type: {FORM}",
            f"Content-Length: {announced}",
        ]
        client.sendall("\r\n".join([*lines, "", ""]).encode() + sent)
        return client

    def identify(self, key: int = 0) -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{self.port}/v1/identify",
            headers={"Authorization": f"Bearer {self.keys[key]}"},
            files={"photos": b"x"},
            timeout=PATIENCE_S,
            trust_env=False,
        )

    def is_live(self) -> bool:
        with closing(self.connect()) as client:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: test\r\n\r\n")
            return client.recv(1000).startswith(b"HTTP/1.1 200 ")


@contextmanager
def _listening(app: ASGIApp) -> Iterator[uvicorn.Server]:
    connections = Connections(MOST)
    config = uvicorn.Config(
        app,
        port=0,
        log_config=None,
        timeout_graceful_shutdown=10,  # when a test has failed
        http=connections,  # type: ignore[arg-type]  # called as a class would be
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.05)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join()


def _port(server: uvicorn.Server) -> int:
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


def _connect(server: uvicorn.Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", _port(server)), timeout=PATIENCE_S)


@contextmanager
def _service(settings: Settings, create_key: "CreateKey") -> Iterator[Address]:
    limits = LimitSettings(max_body_bytes=1_000_000, max_bodies_bytes=2_000_000, max_requests=2)
    settings = settings.model_copy(update={"limits": limits})
    keys = (create_key(settings, *KeyScope), create_key(settings, KeyScope.IDENTIFY))
    with _listening(create_app(settings)) as server:
        yield Address(_port(server), keys)


@pytest.fixture(scope="module")
def address(
    make_settings: Callable[[Path], Settings],
    create_key: "CreateKey",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Address]:
    with _service(make_settings(tmp_path_factory.mktemp("service")), create_key) as address:
        yield address


def _read_all(client: socket.socket) -> bytes:
    """Until the other side closes."""
    read = b""
    try:
        while piece := client.recv(100_000):
            read += piece
    except ConnectionResetError:
        pass
    return read


def test_upload_ends_in_408_when_its_rest_does_not_come(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_FIRST_S", 0.2)
    with closing(address.send_upload(announced=1000, sent=b"--b\r\n")) as client:
        answer = _read_all(client)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_too_slow"' in answer


def test_upload_is_refused_for_now_when_others_fill_the_memory(address: Address) -> None:
    with (
        closing(address.send_upload(announced=900_000)) as first,
        closing(address.send_upload(announced=900_000)) as second,
    ):
        refused, _, _ = select.select([first, second], [], [], PATIENCE_S)
        answer = refused[0].recv(10_000)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b'"code":"overloaded"' in answer
        assert b"retry-after: 1" in answer
        assert address.identify(key=1).status_code == 422  # there is room for others
    while address.identify().status_code == 503:  # the first one's room is free again
        pass


def test_upload_is_read_no_further_when_its_pieces_add_up_to_too_much(address: Address) -> None:
    def pieces() -> Iterator[bytes]:
        yield from [bytes(100_000)] * 20

    answer = httpx.post(
        f"http://127.0.0.1:{address.port}/v1/identify",
        headers={"Authorization": f"Bearer {address.keys[0]}", "Content-Type": FORM},
        content=pieces(),
        timeout=PATIENCE_S,
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["code"]) in {
        (413, "body_too_large"),
        (400, "bad_request"),  # no form begins like this
    }


async def _refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers before the body is there."""
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body"})


def test_rest_of_a_body_does_not_stream_in_when_it_has_been_refused() -> None:
    with _listening(_refuse) as server, closing(_connect(server)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")
        client.settimeout(1)
        with pytest.raises(TimeoutError):
            client.sendall(bytes(500_000_000))  # loopback takes gigabytes a second


def test_next_request_is_answered_when_all_of_a_refused_body_has_come() -> None:
    with _listening(_refuse) as server, closing(_connect(server)) as client:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
        for _ in range(2):
            client.sendall(head + bytes(3_000_000))
            assert client.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_other_answers_are_not_held_when_a_key_is_refused_again_and_again(
    settings: Settings, create_key: "CreateKey", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "_HELD_S", float(PATIENCE_S))
    with _service(settings, create_key) as address, ExitStack() as opened:
        clients = [
            opened.enter_context(closing(address.send_upload(announced=2_000_000)))
            for _ in range(6)
        ]

        def refused() -> int:
            return len(select.select(clients, [], [], 0)[0])

        wait_until(lambda: refused() >= 4, "the first ones are refused")
        for _ in range(3):
            answer = httpx.get(
                f"http://127.0.0.1:{address.port}/v1/users",
                headers={"Authorization": f"Bearer {address.keys[0]}"},
                timeout=PATIENCE_S,
                trust_env=False,
            )
            assert answer.status_code == 200
        assert refused() == 4


def test_held_answer_is_forgotten_when_its_caller_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "_HELD_S", 10.0 * PATIENCE_S)
    with _listening(RequestContext(_refuse)) as server:
        answered = [_connect(server) for _ in range(4)]
        waiting = [_connect(server) for _ in range(3)]
        for client in answered:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 413 ")
        for client in waiting:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: len(server.server_state.tasks) == 3, "three are held")
        for client in answered + waiting:
            client.close()
        wait_until(lambda: not server.server_state.tasks, "nothing is left of them")


def test_health_is_told_when_half_sent_headers_take_every_connection(address: Address) -> None:
    clients = [address.connect() for _ in range(5 * MOST)]
    for client in clients:
        client.sendall(b"GET /livez HTTP/1.1\r\nX: ")
    assert address.is_live()
    assert address.identify().status_code == 422
    for client in clients:
        client.close()


def test_caller_with_a_key_is_answered_when_others_open_connections_without_end(
    address: Address,
) -> None:
    ended = threading.Event()

    def open_connections() -> None:
        opened: deque[socket.socket] = deque()
        while not ended.is_set():
            opened.append(address.connect())
            opened[-1].sendall(b"GET /livez HTTP/1.1\r\nX: ")
            if len(opened) > 3 * MOST:
                opened.popleft().close()
        for client in opened:
            client.close()

    attackers = [threading.Thread(target=open_connections) for _ in range(4)]
    for attacker in attackers:
        attacker.start()
    try:
        with httpx.Client(trust_env=False, timeout=PATIENCE_S) as client:
            headers = {"Authorization": f"Bearer {address.keys[0]}"}
            url = f"http://127.0.0.1:{address.port}/v1/users"
            answers = [client.get(url, headers=headers).status_code for _ in range(50)]
    finally:
        ended.set()
        for attacker in attackers:
            attacker.join()
    assert set(answers) == {200}


def test_connection_is_closed_when_its_headers_do_not_end_in_time(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_HEADERS_S", 0.2)
    for begun in (b"", b"GET / HTTP/1.1\r\nX: ", b"\r\n"):
        with closing(address.connect()) as client:
            client.sendall(begun)
            assert _read_all(client) == b""
    with closing(address.connect()) as client:  # what follows an answer is no reason to stay
        client.sendall(b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbody")
        assert _read_all(client).startswith(b"HTTP/1.1 405 ")


def test_headers_are_refused_when_they_do_not_end(address: Address) -> None:
    with closing(address.connect()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: " + bytes(b"a" * 300_000))
        answer = _read_all(client)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in answer
    with closing(address.connect()) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 5000)
        assert _read_all(client).count(b"HTTP/1.1 ") <= 20


def test_connection_is_closed_when_the_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer_without_end(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not ended.is_set():
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})

    monkeypatch.setattr(connection, "_UNREAD_S", 0.2)
    ended = threading.Event()
    with _listening(answer_without_end) as server, closing(_connect(server)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while not server.server_state.connections:
            pass
        while server.server_state.connections:  # until it has been given up
            pass
        ended.set()


def test_body_is_not_handed_on_when_its_caller_has_hung_up_already() -> None:
    limits = LimitSettings()
    blocked, gate, seen = threading.Event(), threading.Event(), list[str]()

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            blocked.set()
            assert gate.wait(PATIENCE_S)  # the event loop stands still
        else:
            headers = Headers(scope=scope)
            with Bodies(limits).admit("key", headers, receive, large_types=()) as body:
                try:
                    seen.append(str(await body.receive()))
                except HTTPException as error:
                    seen.append(type(error.__cause__).__name__)
        await _refuse(scope, receive, send)

    with _listening(read) as server:
        with closing(_connect(server)) as first:
            first.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert blocked.wait(PATIENCE_S)
            with closing(_connect(server)) as second:
                second.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
            gate.set()
            assert first.recv(1000)
        wait_until(lambda: bool(seen), "the second request is answered")
    assert seen == ["CallerGoneError"]


@contextmanager
def _busy_readers(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """Photos take until the end; the semaphore counts those that have begun."""
    begun, gate = threading.Semaphore(0), threading.Event()

    def wait(*_arguments: object, **_options: object) -> Finding:
        begun.release()
        assert gate.wait(PATIENCE_S)
        return Finding([], 0, 1, 1, 0, 1.0, {})

    with monkeypatch.context() as patched:
        patched.setattr(Recognizer, "find", wait)
        yield begun
        gate.set()


def test_places_are_free_again_when_callers_have_gone(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It begins like a JPEG: readers of other formats are fewer.
    body = (
        b'--b\r\nContent-Disposition: form-data; name="photos"; filename="a"\r\n\r\n'
        b"\xff\xd8\xff\r\n--b--\r\n"
    )

    def waits_for_a_reader() -> bool:
        with closing(address.send_upload(len(body), body)) as client:
            client.settimeout(0.3)
            try:
                return not client.recv(12)
            except TimeoutError:
                return True

    with _busy_readers(monkeypatch) as begun:
        clients = [address.send_upload(len(body), body) for _ in range(2)]
        assert begun.acquire(timeout=PATIENCE_S)
        while waits_for_a_reader():  # until both have been admitted
            pass
        assert not waits_for_a_reader()  # 503: no more than two
        for client in clients:
            client.close()
        # Nobody has read their photos yet, and nobody waits for them any more.
        assert any(waits_for_a_reader() for _ in range(100))
