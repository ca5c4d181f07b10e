"""How the service stops on request: in order, in time, and at once on a second request."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# The share of the time that requests may use; closing has the rest.
_SHARE_OF_REQUESTS = 0.5
_CANCELLED_WITHIN_S = 1.0
_log = logging.getLogger(__name__)


class Stopping:
    """What SIGTERM and SIGINT do.

    Args:
        grace_s: Seconds from the first signal to the end of the process, at most.
    """

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._server: _Server | None = None
        self._asked = False
        self._closed = False

    def listen(self) -> None:
        """Makes signals end the process this way."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def server(self, app: ASGIApp, config: uvicorn.Config) -> uvicorn.Server:
        """A server that stops when this process is asked to.

        Args:
            app: What it serves.
            config: All else.
        """
        # uvicorn says int, and hands it to asyncio, which takes fractions.
        config.timeout_graceful_shutdown = self._grace_s * _SHARE_OF_REQUESTS  # type: ignore[assignment]  # see above
        self._server = _Server(config, app)
        self._server.should_exit = self._asked
        return self._server

    def closed(self) -> None:
        """All that must not be lost is safe: the database is closed."""
        self._closed = True

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._asked:
            _log.warning("asked to end a second time: ending at once")
            os._exit(128 + number)
        self._asked = True
        _log.info("asked to end by %s", signal.Signals(number).name)
        watchdog = threading.Timer(self._grace_s, self._give_up)
        watchdog.daemon = True
        watchdog.start()
        if self._server is not None:
            self._server.should_exit = True

    def _give_up(self) -> None:
        """Something has not ended in time: a photo being decoded, or a lock on the database."""
        if self._closed:
            _log.warning("ended while threads were still at work; nothing is lost")
            os._exit(0)
        _log.error(
            "ended before the database was closed; what was answered is in its write-ahead log"
        )
        os._exit(1)


class _Server(uvicorn.Server):
    """uvicorn's, but it leaves signals alone and reports how many requests it cuts off."""

    def __init__(self, config: uvicorn.Config, app: ASGIApp) -> None:
        super().__init__(config)
        self._cut_off = 0

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                if not self.should_exit:
                    raise
                self._cut_off += 1  # uvicorn would write a stack trace for each

        config.app = answer

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Does nothing; uvicorn would repeat SIGTERM in the end, before the database is closed."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no more requests and waits for the running ones, but not forever."""
        await super().shutdown(sockets)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_CANCELLED_WITHIN_S)
        if self._cut_off:
            _log.warning("%d requests were cut off: they had not ended in time", self._cut_off)
