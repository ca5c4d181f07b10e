"""How the service ends when it is asked to: in order, in time, and at once if it is asked twice."""

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

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Of the time there is: requests may use so much of it, closing has the rest.
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
        self._server: uvicorn.Server | None = None
        self._asked = False
        self._closed = False

    def listen(self) -> None:
        """From now on signals end the process this way."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def server(self, config: uvicorn.Config) -> uvicorn.Server:
        """A server that ends when this process is asked to end."""
        # uvicorn says int, and hands it to asyncio, which takes fractions.
        config.timeout_graceful_shutdown = self._grace_s * _SHARE_OF_REQUESTS  # type: ignore[assignment]
        self._server = _Server(config)
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
        """Not everything has ended in time: a photo is decoded, or a lock of the database held."""
        if self._closed:
            _log.warning("ended while threads were still at work; nothing is lost")
            os._exit(0)
        _log.error(
            "ended before the database was closed; what was answered is in its write-ahead log"
        )
        os._exit(1)


class _Server(uvicorn.Server):
    """uvicorn's, which leaves signals alone and tells what it cuts off."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Does nothing; uvicorn would repeat SIGTERM in the end, before the database is closed."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no more requests and waits for those there are, but not for ever."""
        await super().shutdown(sockets)
        if left := list(self.server_state.tasks):
            _log.warning("%d requests were cut off: they had not ended in time", len(left))
            await asyncio.wait(left, timeout=_CANCELLED_WITHIN_S)
