"""Requests without pause, from separate processes that are as light as possible.

HTTP/1.1 is written and read by hand: the client shares the machine with the service, and what it
takes would be missing there. Times are `time.monotonic`, which all processes of a Linux machine
share.
"""

import asyncio
import itertools
import json
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import httpx

T = TypeVar("T")

Endpoint = tuple[str, int]
"""Host and port."""

_STREAM_BYTES = 2**20
OK = 200
_BUSY = 503


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP's.
        retry_after_s: As the service says; 0 when it says nothing.
        body: As it came.
    """

    status: int
    retry_after_s: float
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object."""
        content: dict[str, Any] = json.loads(self.body)
        return content


@dataclass(frozen=True, slots=True)
class Heard:
    """One request, with all its attempts.

    Attributes:
        began_s: When it was sent first.
        ended_s: When the whole answer was there.
        status: Of the last attempt.
        refused: How often the answer before that was 503.
    """

    began_s: float
    ended_s: float
    status: int
    refused: int


@dataclass(frozen=True, slots=True)
class Load:
    """All that was heard, and the seconds of CPU that it took to ask."""

    heard: list[Heard]
    cpu_s: float


def request_bytes(url: str, key: str, path: str, photo: bytes | None = None) -> bytes:
    """A request as it goes over the wire: POST with a photo, GET without."""
    files = None if photo is None else {"photos": ("photo.jpg", photo)}
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, trust_env=False) as http:
        request = http.build_request("GET" if photo is None else "POST", url + path, files=files)
        content = request.read()
    lines = [f"{request.method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + content


def endpoint_of(url: str) -> Endpoint:
    """Host and port of an address."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


class Connection:
    """One connection, kept alive; `connected` opens it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, request: bytes) -> Answer:
        """Sends a request and waits for the whole answer."""
        self._writer.write(request)
        await self._writer.drain()
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(lines[0].split()[1]), float(headers.get("retry-after", 0)), body)


@asynccontextmanager
async def connected(endpoint: Endpoint) -> AsyncIterator[Connection]:
    """Opens a connection; hangs up at the end."""
    reader, writer = await asyncio.open_connection(*endpoint, limit=_STREAM_BYTES)
    with closing(writer):
        yield Connection(reader, writer)


def ask_in_turn(
    endpoint: Endpoint, requests: Sequence[bytes], connections: int, seconds: float
) -> Load:
    """Each connection sends its next request as soon as it has its answer; 503 is tried again.

    Args:
        endpoint: Of the service.
        requests: Sent in this order, again and again.
        connections: How many.
        seconds: No request begins later.
    """
    return asyncio.run(_ask_in_turn(endpoint, itertools.cycle(requests), connections, seconds))


def ask_at_once(endpoint: Endpoint, requests: Sequence[bytes]) -> Load:
    """Every request on its own connection, all at the same time, each once."""
    return asyncio.run(_ask_at_once(endpoint, requests))


def ask_regularly(
    endpoint: Endpoint, requests: Sequence[bytes], per_s: float, until: Callable[[], bool]
) -> list[list[Heard]]:
    """Sends each request a number of times a second, whether or not earlier ones are answered.

    Args:
        endpoint: Of the service.
        requests: All are sent at the same time, each on a connection of its own.
        per_s: How often.
        until: Whether to stop.

    Returns:
        By request.
    """
    return asyncio.run(_ask_regularly(endpoint, requests, per_s, until))


class Beside(Generic[T]):
    """A function that runs in a process of its own; see `running_beside`."""

    def __init__(self, call: Callable[[], T]) -> None:
        context = multiprocessing.get_context("spawn")
        self._results, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_send_result, args=(sender, call))
        self._process.start()
        sender.close()

    def result(self) -> T:
        """Waits for it."""
        result: T = self._results.recv()
        self._process.join()
        return result

    def is_done(self) -> bool:
        """Whether the result is ready."""
        return self._results.poll()

    def kill(self) -> None:
        """Ends it; does nothing if it has ended."""
        self._process.kill()
        self._process.join()
        self._results.close()


@contextmanager
def running_beside(call: Callable[[], T]) -> Iterator[Beside[T]]:
    """Runs a function beside the caller; kills it when the caller fails."""
    beside = Beside(call)
    try:
        yield beside
    finally:
        beside.kill()


def _send_result(sender: Pipe, call: Callable[[], object]) -> None:
    sender.send(call())


async def _send_until_answered(connection: Connection, request: bytes) -> Heard:
    began, refused = time.monotonic(), 0
    while True:
        answer = await connection.send(request)
        if answer.status != _BUSY:
            return Heard(began, time.monotonic(), answer.status, refused)
        refused += 1
        await asyncio.sleep(answer.retry_after_s)


async def _ask_in_turn(
    endpoint: Endpoint, requests: Iterator[bytes], connections: int, seconds: float
) -> Load:
    heard: list[Heard] = []
    spent_s, ends = time.process_time(), time.monotonic() + seconds

    async def ask() -> None:
        async with connected(endpoint) as connection:
            while time.monotonic() < ends:
                heard.append(await _send_until_answered(connection, next(requests)))

    await asyncio.gather(*(ask() for _ in range(connections)))
    return Load(heard, time.process_time() - spent_s)


async def _ask_at_once(endpoint: Endpoint, requests: Sequence[bytes]) -> Load:
    spent_s = time.process_time()
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(endpoint)) for _ in requests]
        sent = zip(connections, requests, strict=True)
        heard = await asyncio.gather(*(_send_until_answered(*pair) for pair in sent))
    return Load(list(heard), time.process_time() - spent_s)


async def _ask_regularly(
    endpoint: Endpoint, requests: Sequence[bytes], per_s: float, until: Callable[[], bool]
) -> list[list[Heard]]:
    heard: list[list[Heard]] = [[] for _ in requests]
    began = time.monotonic()

    async def ask(request: bytes, into: list[Heard]) -> None:
        asked = time.monotonic()
        async with connected(endpoint) as connection:
            answer = await connection.send(request)
        into.append(Heard(asked, time.monotonic(), answer.status, 0))

    async with asyncio.TaskGroup() as tasks:
        for number in itertools.takewhile(lambda _: not until(), itertools.count()):
            await asyncio.sleep(began + number / per_s - time.monotonic())
            for request, into in zip(requests, heard, strict=True):
                tasks.create_task(ask(request, into))
    return heard
