"""Connections: how many, for how long, and who is sent away when there are too many.

uvicorn's protocol, with the limits that it lacks: a connection without a request may not stay,
however slowly it drips; headers have a maximum size; a client that reads no answer is dropped.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, cast

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from app.api.middleware import HELD
from app.api.problems import MEDIA_TYPE, problem_response
from app.observability import new_request_id, request_id
from app.turns import Turns

# From the first byte that may belong to it until a request's headers are there.
_HEADERS_S = 10.0
_HEADERS_BYTES = 64_000
# Requests that a client may send before it has the answer to the first.
_PIPELINED = 16
# How long a client may leave an answer unread: 64 kB of it, asyncio's high-water mark.
_UNREAD_S = 30.0
# What a client sends after its answer is discarded, piece by piece (256 kB at most); this often
# for all clients together.
_DISCARD_EVERY_S = 0.01
# Beyond the limit, for health checks.
_SPARE = 16
_HEALTH = (b"/livez", b"/readyz", b"/health")

RESERVED_FILES = 100
"""Files that a process needs open besides its connections: database, libraries, log, spares."""


class Connections:
    """Makes the server's connections and keeps their number down: uvicorn's `http`.

    Args:
        most: Beyond this many, an idle one is closed: the oldest without a key, of the address that
            has most. When all are busy, a few further ones may ask for health alone.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        # By address, in the order in which they became idle.
        self.idle: defaultdict[str, dict[Connection, None]] = defaultdict(dict)
        self.discards = Turns(1)

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "Connection":
        """A connection that has just been accepted."""
        return Connection(self, config, server_state, app_state, _loop)

    def count_busy(self, existing: set[Any]) -> int:
        """Connections that make_room would not close for others."""
        return len(existing) - sum(len(of_address) for of_address in self.idle.values())

    def make_room(self, newcomer: "Connection", existing: set[Any]) -> None:
        """Closes a connection when there are too many."""
        excess = len(existing) - self.most
        if excess <= 0:
            return
        groups = sorted(self.idle.values(), key=len, reverse=True)

        def idle() -> Iterator[Connection]:
            return (one for one in itertools.chain(*groups) if one is not newcomer)

        held = (one for one in existing if (getattr(one, "scope", None) or {}).get(HELD))
        victims = itertools.chain((one for one in idle() if not one.has_key()), held, idle())
        victim = next(victims, None)
        if victim is not None:
            victim.drop()
        elif excess > _SPARE:
            newcomer.drop()


class Connection(HttpToolsProtocol):
    """One connection; see Connections."""

    def __init__(self, every: Connections, *args: Any) -> None:  # noqa: ANN401 - as uvicorn's
        super().__init__(*args)
        self._every = every
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}
        self._is_in_headers = False
        self._headers_bytes = 0
        self._is_discarding = False
        self._next_discard: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """A client has connected."""
        super().connection_made(transport)
        self._become_idle()
        self._every.make_room(self, self.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """Either side has closed it."""
        self._become_busy()
        self._stop_timer(self.drop_unread)
        if self._next_discard is not None:
            self._next_discard.cancel()
        if self.scope is not None and HELD in self.scope:
            cast("Scope", self.scope)[HELD].leave()  # HELD is ours, not the server's
        super().connection_lost(exc)

    def has_key(self) -> bool:
        """Whether the last request came with a good key."""
        return self.scope is not None and "caller" in self.scope["state"]

    def drop(self) -> None:
        """Closes it now, whatever is on its way."""
        self._become_busy()
        self.connections.discard(self)
        self.transport.abort()

    def drop_unread(self) -> None:
        """Closes it because the client does not take its answer."""
        self.drop()

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request."""
        super().data_received(data)
        if self._is_discarding:
            self.flow.pause_reading()
            self._next_discard = self.loop.create_task(self._discard_in_turn())
        if self._is_in_headers:
            # Until a header ends the parser keeps it to itself.
            self._headers_bytes += len(data)
            if self._headers_bytes > _HEADERS_BYTES:
                self._refuse(431, "headers_too_large", "The headers of the request are too large")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._is_in_headers, self._headers_bytes = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or what a client sends in place of one after the body."""
        self._headers_bytes += len(name) + len(value)
        if self._headers_bytes > _HEADERS_BYTES:
            raise httptools.HttpParserError("headers too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A request begins."""
        self._is_in_headers = False
        self._become_busy()
        if len(self.pipeline) >= _PIPELINED:
            raise httptools.HttpParserError("too many requests before the first answer")
        if (
            self._every.count_busy(self.connections) > self._every.most
            and self.url.partition(b"?")[0] not in _HEALTH
        ):
            self.app = _refuse_for_now
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        super().on_message_complete()
        self._is_discarding = False

    def on_response_complete(self) -> None:
        """An answer has gone out; of a body that it did not need there may be more to come."""
        super().on_response_complete()
        if self.cycle.response_complete and self.transport is not None:
            self.cycle.body = bytearray()
            # If it were closed, clients that send everything first would lose their answer.
            self._is_discarding = self.cycle.more_body
            self._become_idle()

    def pause_writing(self) -> None:
        """The client does not read as fast as there is something for it."""
        super().pause_writing()
        self._start_timer(self.drop_unread, _UNREAD_S)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._stop_timer(self.drop_unread)

    def send_400_response(self, msg: str) -> None:
        """To what is not HTTP."""
        self._refuse(400, "bad_request", msg)

    async def _discard_in_turn(self) -> None:
        """Reads on, but slowly enough to leave time for others."""
        address = self._address()
        await self._every.discards.take(address)
        self.loop.call_later(_DISCARD_EVERY_S, self._every.discards.give_back, address)
        self.flow.resume_reading()

    def _refuse(self, status: int, code: str, title: str) -> None:
        request_id.set(new_request_id())
        answer = problem_response(status, code, title, "The connection is closed.")
        head = [
            STATUS_LINE[status],
            f"content-type: {MEDIA_TYPE}\r\n".encode("ascii"),
            b"content-length: %d\r\nconnection: close\r\n\r\n" % len(answer.body),
        ]
        self._is_in_headers = False
        self.transport.write(b"".join([*head, bytes(answer.body)]))
        self.transport.close()

    def _become_idle(self) -> None:
        self._forget_idle()
        self._every.idle[self._address()][self] = None
        self._start_timer(self.drop, _HEADERS_S)

    def _become_busy(self) -> None:
        self._forget_idle()
        self._stop_timer(self.drop)

    def _forget_idle(self) -> None:
        of_address = self._every.idle[self._address()]
        of_address.pop(self, None)
        if not of_address:
            del self._every.idle[self._address()]

    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _start_timer(self, then: Callable[[], None], seconds: float) -> None:
        self._stop_timer(then)
        self._timers[then] = self.loop.call_later(seconds, then)

    def _stop_timer(self, then: Callable[[], None]) -> None:
        timer = self._timers.pop(then, None)
        if timer is not None:
            timer.cancel()


async def _refuse_for_now(scope: Scope, receive: Receive, send: Send) -> None:
    request_id.set(new_request_id())
    answer = problem_response(
        503,
        "overloaded",
        "Too many requests at once",
        "All connections are in use.",
        headers={"Retry-After": "1", "Connection": "close"},
    )
    await answer(scope, receive, send)
