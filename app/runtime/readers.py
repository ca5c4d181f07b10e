"""The threads that read photos: as many at once as there are cores."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Readers:
    """A pool of threads, each of which reads one photo at a time.

    Args:
        threads: Photos read at once.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self._began_s: dict[int, float] = {}

    async def run(self, read: Callable[[], T]) -> T:
        """Runs something in one of the threads, after what waits for them already.

        What has not begun when its caller is cancelled never does.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._timed, read)

    def trouble(self, limit_s: float) -> str | None:
        """Why no photo can be trusted to be read; None when all is well. Waits for no lock."""
        now_s = time.monotonic()
        if any(now_s - began_s > limit_s for began_s in list(self._began_s.values())):
            return f"A photo has been read for more than {limit_s:g} s."
        return None

    def close(self) -> None:
        """Ends the threads after the photos that they are reading."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _timed(self, read: Callable[[], T]) -> T:
        thread = threading.get_ident()
        self._began_s[thread] = time.monotonic()
        try:
            return read()
        finally:
            del self._began_s[thread]
