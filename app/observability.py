"""What the service reports about itself: log lines, each with the id of its request.

Nothing here, and no log line anywhere, names a user or holds biometric data. The text of an
exception may hold whatever a caller has sent, so log lines have its type and where it was raised
instead, and of its text only what `without_input` knows to be our own or the system's.
"""

import json
import logging
import math
import os
import secrets
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Protocol

from app.errors import FarsightError

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The id of the request that is being answered, "-" outside of requests."""


class Span(Protocol):
    """A part of a request's trace, such as one of its stages; from any thread.

    It says what was done and when, and nothing about whose face it was: spans leave the machine.
    """

    def begin(self, name: str) -> "Span":
        """A part of this one that begins now."""

    def end(self, error: BaseException | None = None) -> None:
        """It ends now; of an error only the type is told."""

    def add(self, name: str, spent_s: float, facts: Mapping[str, str | int]) -> None:
        """A part that has ended just now."""


current_span: ContextVar[Span | None] = ContextVar("current_span", default=None)
"""The part of its trace that a request is in; None where nothing is traced."""

_log = logging.getLogger(__name__)
_REPEAT_AFTER_S = 60
_MOST_TEXTS = 100
_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"


def new_request_id() -> str:
    """16 random hex digits."""
    return secrets.token_hex(8)


def configure_logging(level: str, form: Literal["text", "json"] = "text") -> None:
    """Sends every log line to stderr, once for the process; what ends a thread is one too.

    Args:
        level: Least severe level shown. Libraries stay at INFO or above: their DEBUG lines hold
            the parameters of SQL, which are names and embeddings.
        form: What a line looks like: for people, or an object.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if form == "json" else _Formatter(_FORMAT))
    handler.addFilter(_prepare)
    handler.addFilter(OncePerMinute())
    logging.basicConfig(level="INFO" if level == "DEBUG" else level, handlers=[handler], force=True)
    logging.getLogger("app").setLevel(level)
    # Python would print these by itself, with their texts.
    sys.excepthook = lambda *error: _log.critical("the process ends", exc_info=error)
    threading.excepthook = lambda died: _log.critical("a thread died", exc_info=died.exc_value)
    sys.unraisablehook = lambda lost: _log.error(
        "an exception was ignored", exc_info=lost.exc_value
    )


def without_input(error: BaseException) -> str:
    """An exception's type, and the part of its text that cannot come from a caller."""
    told = type(error).__qualname__
    if isinstance(error, FarsightError):
        return f"{told}: {error.detail if error.names_nobody else error.title}"
    if isinstance(error, OSError) and error.errno:
        return f"{told}: {os.strerror(error.errno)}"
    if isinstance(error, sqlite3.Error) and hasattr(error, "sqlite_errorname"):
        return f"{told}: {error.sqlite_errorname}"
    code = getattr(error, "sqlstate", None)  # PostgreSQL's
    if isinstance(code, str):
        return f"{told}: {code}"
    return told


class _Formatter(logging.Formatter):
    """Writes an exception and those that led to it, without their texts."""

    def formatException(  # noqa: N802 - logging's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        return "\n".join(_lines(ei[1])) if ei[1] is not None else ""


class _JsonFormatter(_Formatter):
    """Writes a line as an object; `time` is UTC, `error` is there where something has failed."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": request_id.get(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _lines(error: BaseException) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _lines(before)
        yield "which led to:"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
    yield without_input(error)
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _lines(each)


def _prepare(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    if record.name == "asyncio":
        # Its messages hold the arguments and texts of whatever has failed.
        failure = record.exc_info[1] if record.exc_info else "no exception"
        record.msg, record.args = "a task or callback has failed: %s", (failure,)
    if isinstance(record.args, tuple):
        record.args = tuple(
            without_input(value) if isinstance(value, BaseException) else value
            for value in record.args
        )
    return True


class OncePerMinute:
    """Keeps a warning that repeats to one line a minute, which says how many there were.

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


@contextmanager
def traced(name: str) -> Iterator[None]:
    """Makes what runs inside a part of the request's trace, if it has one."""
    outer = current_span.get()
    if outer is None:
        yield
        return
    inner = outer.begin(name)
    token = current_span.set(inner)
    failure = None
    try:
        yield
    except BaseException as error:
        failure = error
        raise
    finally:
        current_span.reset(token)
        inner.end(failure)


class Stopwatch:
    """Wall-clock time per stage of one request; each is a part of its trace.

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
            with traced(name):
                yield
        finally:
            spent_ms = (time.perf_counter() - start) * 1000
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + spent_ms

    def add(self, timings_ms: dict[str, float]) -> None:
        """Adds what another stopwatch has measured."""
        for name, spent_ms in timings_ms.items():
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + spent_ms
