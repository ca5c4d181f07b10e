"""The threads that read photos: as many at once as there are cores."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from app.metrics import Metrics
from app.turns import Turns, requester

_SPARE = 1
T = TypeVar("T")


class Readers:
    """A pool of threads, each of which reads one photo at a time; callers take turns.

    Args:
        threads: Photos read at once. A caller's only photo may be read on top of that: large photos
            of others take seconds.
        metrics: Where waiting is counted.
    """

    def __init__(self, threads: int, metrics: Metrics | None = None) -> None:
        self._metrics = metrics or Metrics()
        self._pool = ThreadPoolExecutor(threads + _SPARE, thread_name_prefix="reader")
        self._turns = Turns(threads, _SPARE)
        self._began_s: dict[int, float] = {}

    async def run(self, read: Callable[[], T]) -> T:
        """Runs a function in one of the threads when it is the caller's turn.

        If the caller is cancelled before it begins, it never does.
        """
        party, asked_s = requester.get().party, time.monotonic()
        await self._turns.take(party)
        self._metrics.waited_for_reader(time.monotonic() - asked_s)
        loop = asyncio.get_running_loop()
        give_back = partial(self._turns.give_back, party)
        try:
            # With the request's id and trace, which a thread does not have by itself.
            work = self._pool.submit(copy_context().run, self._timed, read)
        except RuntimeError:  # the service ends
            give_back()
            raise

        def end(_work: Future[T]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(give_back)

        work.add_done_callback(end)  # not when the caller leaves: the thread goes on
        return await asyncio.wrap_future(work)

    @property
    def waiting(self) -> int:
        """Photos that wait for their turn."""
        return self._turns.waiting

    def trouble(self, limit_s: float) -> str | None:
        """Why photos may not be read; None if all is well. Takes no lock."""
        now_s = time.monotonic()
        if any(now_s - began_s > limit_s for began_s in list(self._began_s.values())):
            return f"A photo has been read for more than {limit_s:g} s."
        return None

    def close(self) -> None:
        """Ends the threads after their current photos."""
        self._turns.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _timed(self, read: Callable[[], T]) -> T:
        thread = threading.get_ident()
        self._began_s[thread] = time.monotonic()
        try:
            return read()
        finally:
            del self._began_s[thread]
