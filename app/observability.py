"""What the service tells about itself: log lines, each with the id of its request.

Nothing here, and no log line anywhere, names a user or holds biometric data.
"""

import logging
import math
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The id of the request that is being answered, "-" outside of requests."""

_REPEAT_AFTER_S = 60
_MOST_TEXTS = 100
_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"


def new_request_id() -> str:
    """16 hex digits, random."""
    return secrets.token_hex(8)


def configure_logging(level: str) -> None:
    """Sends every log line to stderr, once for the process.

    Args:
        level: Least severe level shown. Libraries stay at INFO or above: their DEBUG lines hold
            the parameters of SQL, which are names and embeddings.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(_add_request_id)
    handler.addFilter(OncePerMinute())
    logging.basicConfig(level="INFO" if level == "DEBUG" else level, handlers=[handler], force=True)
    logging.getLogger("app").setLevel(level)


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True


class OncePerMinute:
    """Keeps a warning that repeats to one line a minute, which tells how many there were.

    Nobody may fill the disk with what they send. Failures of requests, which are looked up by
    their id, are all kept.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def __call__(self, record: logging.LogRecord) -> bool:
        """Whether this line is to be written; a filter of logging."""
        is_failure = record.exc_info is not None and record.name.startswith("app.")
        if record.levelno < logging.WARNING or is_failure:
            return True
        text, now_s = record.getMessage(), time.monotonic()
        line = (record.name, text)
        told_s, left_out = self._told.pop(line, (-math.inf, 0))
        if now_s - told_s < _REPEAT_AFTER_S:
            self._told[line] = (told_s, left_out + 1)
            return False
        if len(self._told) >= _MOST_TEXTS:
            del self._told[next(iter(self._told))]
        self._told[line] = (now_s, 0)
        if left_out:
            record.msg, record.args = f"{text} ({left_out:,} more since this was last told)", ()
        return True


class Stopwatch:
    """Wall-clock time per stage of one request.

    Attributes:
        timings_ms: Stage to milliseconds; a stage that ran several times is summed.
    """

    def __init__(self) -> None:
        self.timings_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what runs inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent_ms = (time.perf_counter() - start) * 1000
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + spent_ms

    def add(self, timings_ms: dict[str, float]) -> None:
        """Adds what another stopwatch has measured."""
        for name, spent_ms in timings_ms.items():
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + spent_ms
