"""Connections, and the two kinds of session: one reads, the other writes.

A function that takes a `ReadSession` cannot write (the database refuses); one that takes a
`WriteSession` does. To write, hand a function to `Sessions.write`, which owns the transaction:
either all that the function did is committed, or none of it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import ConnectionPoolEntry

from app.db.file import HOW_TO_RESTORE, DatabaseFile
from app.errors import DatabaseBusyError, DatabaseDamagedError, FarsightError, StorageError
from app.turns import Turns, requester

T = TypeVar("T")

_RETRY_AFTER_S = 1
# Per key: callers who send and hang up would fill memory, and all time out at once.
_MOST_WAITING = 100
_FULL = "The disk is full or failing; nothing was written. Make room."
_READ_ONLY = "The database or its folder is read-only or gone; nothing was written."
# SQLite's words for SQLITE_FULL, IOERR, READONLY, CANTOPEN.
_STORAGE_FAILURES = {
    "disk is full": _FULL,
    "disk I/O error": _FULL,
    "readonly database": _READ_ONLY,
    "unable to open database file": _READ_ONLY,
}
# SQLITE_CORRUPT, NOTADB.
_DAMAGE = ("malformed", "not a database")
_log = logging.getLogger(__name__)


class ReadSession(AsyncSession):
    """A consistent view of the rows, for reading."""


class WriteSession(ReadSession):
    """One transaction that writes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as AsyncSession's
        super().__init__(*args, **kwargs)
        self.after_commit: list[Callable[[], None]] = []
        """What follows from the rows, done in the order of the commits and never without one."""


class Sessions:
    """The database's connections.

    Args:
        file: The file behind them.
        url: SQLAlchemy's form, an asynchronous driver.
        pool_size: Connections for reading. One more is for writing.
        timeout_s: Seconds to wait for a connection or a lock.

    Attributes:
        file: As given.
        trouble: Why something could not be written; None while nothing is known to be wrong,
            and again when `try_again` succeeds.
        turns: For connections, to `read` and to `write`.
    """

    def __init__(self, file: DatabaseFile, url: str, pool_size: int, timeout_s: float) -> None:
        self.file = file
        self.trouble: FarsightError | None = None
        self._readers = _create_engine(url, pool_size, timeout_s, writes=False)
        self._writer = _create_engine(url, 1, timeout_s, writes=True)
        self._read = async_sessionmaker(self._readers, class_=ReadSession, expire_on_commit=False)
        self._write = async_sessionmaker(self._writer, class_=WriteSession, expire_on_commit=False)
        self._timeout_s = timeout_s
        self._reading = Turns(pool_size, most_waiting=_MOST_WAITING)
        self._writing = Turns(1, most_waiting=_MOST_WAITING)
        self.turns = {"read": self._reading, "write": self._writing}
        self._running: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A session for a few queries; nothing slow belongs inside.

        Raises:
            DatabaseBusyError: No connection became free in time.
            DatabaseDamagedError: What was read is not a database's.
        """
        with self._told_in_our_words():
            async with self._turn(self._reading), self._read() as session, session.begin():
                yield session

    async def write(self, work: Callable[[WriteSession], Coroutine[Any, Any, T]]) -> T:
        """Runs `work` in one transaction and commits it.

        Once begun it runs to its end even if the caller is cancelled: rows and what follows from
        them (`after_commit`) never come apart.

        Returns:
            What `work` returned.

        Raises:
            DatabaseBusyError: No lock in time; nothing was written.
            StorageError: The disk is full, read-only or failing; nothing was written.
            DatabaseDamagedError: The file could not keep it; nothing was written.
        """
        task = asyncio.create_task(self._transact(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _transact(self, work: Callable[[WriteSession], Awaitable[T]]) -> T:
        async with self._turn(self._writing):
            if isinstance(self.trouble, DatabaseDamagedError):
                raise DatabaseDamagedError(self.trouble.detail)
            with self._told_in_our_words(writes=True):
                self._look(self.file.require_whole)
                async with self._write() as session, session.begin():
                    result = await work(session)
            for follow in session.after_commit:
                follow()
        return result

    @asynccontextmanager
    async def _turn(self, turns: Turns) -> AsyncIterator[None]:
        """A connection's place, for which callers take turns."""
        party = requester.get().party
        try:
            async with asyncio.timeout(self._timeout_s):
                await turns.take(party)
        except TimeoutError as error:
            raise _busy() from error
        try:
            yield
        finally:
            turns.give_back(party)

    async def empty_log(self) -> bool:
        """Moves the write-ahead log into the database, where deleted rows are zeros already.

        Waits for no reader, and keeps no writer waiting for one.

        Returns:
            Whether nothing is left in the log. Otherwise somebody reads or writes.

        Raises:
            DatabaseBusyError: This process writes for too long.
            StorageError: The disk is full or failing.
        """
        # First what can be done beside others; what must be done alone then takes no time.
        await asyncio.to_thread(self.file.checkpoint, "PASSIVE")
        async with self._turn(self._writing):
            return await asyncio.to_thread(self.file.checkpoint, "TRUNCATE")

    async def look_at_file(self, *, thorough: bool) -> None:
        """Whether the file is whole and can be written.

        Args:
            thorough: Read every page; otherwise this takes microseconds.

        Raises:
            DatabaseDamagedError: See DatabaseFile.look_through; from now on nothing is written.
            StorageError: It is read-only.
        """
        self._look(self.file.require_whole)
        self.file.require_writable()
        if thorough:
            await asyncio.to_thread(self._look, self.file.look_through)

    async def try_again(self, work: Callable[[WriteSession], Coroutine[Any, Any, None]]) -> None:
        """Finds out whether the trouble is over.

        Args:
            work: Writes something.

        Raises:
            StorageError: It is not, as for DatabaseDamagedError.
            DatabaseBusyError: It cannot be known now.
        """
        await asyncio.to_thread(self.file.require_room)
        await self.write(work)
        self.trouble = None

    def _look(self, look: Callable[[], None]) -> None:
        try:
            look()
        except DatabaseDamagedError as error:
            self.trouble = error
            raise

    async def make_room(self) -> None:
        """Frees disk space that this database can do without, so that rows can be erased."""
        await asyncio.to_thread(self.file.release_reserve)
        with suppress(FarsightError):  # the erasure itself will fail
            await self.empty_log()

    async def migrate(self, upgrade: Callable[[Connection], None]) -> None:
        """Runs a migration in one transaction that keeps other processes out."""
        with self._told_in_our_words(writes=True):
            async with self._writer.begin() as connection:
                await connection.run_sync(upgrade)

    async def close(self) -> None:
        """Lets running transactions end, then closes every connection; the file stays open."""
        await asyncio.gather(*self._running, return_exceptions=True)
        self.file.stop_watching()
        await self._readers.dispose()
        await self._writer.dispose()

    @contextmanager
    def _told_in_our_words(self, *, writes: bool = False) -> Iterator[None]:
        """Turns the driver's errors into ours; trouble with the file is remembered."""
        try:
            yield
        except (TimeoutError, PoolTimeoutError) as error:
            raise _busy() from error
        except DBAPIError as error:
            told = _in_our_words(str(error.orig), writes=writes)
            if told is None:
                raise
            if not isinstance(told, DatabaseBusyError):
                self.trouble = told
            raise told from error


async def patiently(work: Callable[[], Awaitable[T]], patience_s: float) -> T:
    """Tries again for a while when the database is busy; for work that nobody waits for.

    Raises:
        DatabaseBusyError: It stayed busy.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return await work()
        except DatabaseBusyError as error:
            if time.monotonic() > deadline:
                raise
            _log.warning("trying again: %s", error)
            await asyncio.sleep(_RETRY_AFTER_S)


def _create_engine(url: str, pool_size: int, timeout_s: float, *, writes: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout_s,
        hide_parameters=True,  # ids, names and embeddings must not reach errors and logs
    )
    pragmas = [
        "journal_mode=WAL",
        "synchronous=FULL",  # what was answered with 201 survives a power cut
        "foreign_keys=ON",
        "secure_delete=ON",  # deleted crops and embeddings are overwritten with zeros
        "temp_store=MEMORY",  # and large statements leave none in temporary files
        f"busy_timeout={int(timeout_s * 1000)}",
    ]
    if not writes:
        pragmas.append("query_only=ON")

    def configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begin(connection: Connection) -> None:
        # IMMEDIATE takes the write lock at once: a transaction that first reads and then writes
        # would fail at once when another process wrote in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine.sync_engine, "connect", configure)
    event.listen(engine.sync_engine, "begin", begin)
    return engine


def _busy() -> DatabaseBusyError:
    return DatabaseBusyError(
        "No database connection became free in time.", retry_after_s=_RETRY_AFTER_S
    )


def _in_our_words(said: str, *, writes: bool) -> FarsightError | None:
    """The error that a message of SQLite stands for; None where the mistake is ours."""
    if "locked" in said:
        return DatabaseBusyError(
            "The database is locked by another process.", retry_after_s=_RETRY_AFTER_S
        )
    if any(words in said for words in _DAMAGE):
        return DatabaseDamagedError(
            f"SQLite found damaged pages, or no database at all. {HOW_TO_RESTORE}"
        )
    for words, detail in _STORAGE_FAILURES.items():
        # A reader was asked to write: a mistake of ours, not the disk's.
        if words in said and (writes or words != "readonly database"):
            return StorageError(detail)
    return None
