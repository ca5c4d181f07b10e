"""Connections, and the two kinds of session: one reads, the other writes.

A function that takes a `ReadSession` can not write (the database refuses); one that takes a
`WriteSession` does. Whoever writes hands a function to `Sessions.write`, which owns the
transaction: what the function did is committed, or nothing of it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import ConnectionPoolEntry

from app.errors import DatabaseBusyError, StorageError
from app.turns import Turns, requester

T = TypeVar("T")

_RETRY_AFTER_S = 1
# SQLite's words for SQLITE_FULL and SQLITE_IOERR.
_STORAGE_FAILURES = ("disk is full", "disk I/O error")
_log = logging.getLogger(__name__)


class ReadSession(AsyncSession):
    """A consistent view of the rows, for reading."""


class WriteSession(ReadSession):
    """One transaction that writes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as AsyncSession's
        super().__init__(*args, **kwargs)
        self.after_commit: list[Callable[[], None]] = []
        """What follows from the rows, done in the order of the commits and never without one."""
        self.erases = False
        """Set where something is deleted that must not survive in the write-ahead log either."""


class Sessions:
    """The database's connections.

    Args:
        url: SQLAlchemy's form, an asynchronous driver.
        pool_size: Connections for reading. One more is for writing.
        timeout_s: Seconds to wait for a connection or a lock.
    """

    def __init__(self, url: str, pool_size: int, timeout_s: float) -> None:
        database = make_url(url).database
        assert database is not None
        Path(database).parent.mkdir(parents=True, exist_ok=True)
        self._readers = _create_engine(url, pool_size, timeout_s, writes=False)
        self._writer = _create_engine(url, 1, timeout_s, writes=True)
        self._read = async_sessionmaker(self._readers, class_=ReadSession, expire_on_commit=False)
        self._write = async_sessionmaker(self._writer, class_=WriteSession, expire_on_commit=False)
        self._timeout_s = timeout_s
        self._reading, self._writing = Turns(pool_size), Turns(1)
        self._running: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A session for a few queries; nothing slow belongs inside.

        Raises:
            DatabaseBusyError: No connection became free in time.
        """
        with _busy_errors():
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
        """
        task = asyncio.create_task(self._transact(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _transact(self, work: Callable[[WriteSession], Awaitable[T]]) -> T:
        with _busy_errors():
            async with self._turn(self._writing):
                async with self._write() as session, session.begin():
                    result = await work(session)
                for follow in session.after_commit:
                    follow()
                if session.erases:
                    await self._empty_log()
        return result

    @asynccontextmanager
    async def _turn(self, turns: Turns) -> AsyncIterator[None]:
        """A connection's place, as whoever waits takes turns; TimeoutError when it takes long."""
        party = requester.get().party
        async with asyncio.timeout(self._timeout_s):
            await turns.take(party)
        try:
            yield
        finally:
            turns.give_back(party)

    async def _empty_log(self) -> None:
        """Moves the write-ahead log into the database, where deleted rows are zeros already."""
        async with self._writer.connect() as connection:
            pool_entry = await connection.get_raw_connection()
            driver = pool_entry.driver_connection
            assert isinstance(driver, aiosqlite.Connection)
            # Not through SQLAlchemy: that would begin a transaction, which forbids it.
            await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    async def migrate(self, upgrade: Callable[[Connection], None]) -> None:
        """Runs a migration in one transaction that keeps other processes out."""
        with _busy_errors():
            async with self._writer.begin() as connection:
                await connection.run_sync(upgrade)

    async def close(self) -> None:
        """Lets running transactions end, then closes every connection."""
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._readers.dispose()
        await self._writer.dispose()


async def patiently(work: Callable[[], Awaitable[T]], patience_s: float) -> T:
    """Tries again for a while when the database is busy; for work that nobody waits for.

    Raises:
        DatabaseBusyError: It was busy all the time.
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
        hide_parameters=True,  # they are ids, names and embeddings; errors and logs would hold them
    )
    pragmas = [
        "journal_mode=WAL",
        "synchronous=FULL",  # what was answered with 201 survives a power cut
        "foreign_keys=ON",
        "secure_delete=ON",  # deleted crops and embeddings are overwritten with zeros
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


@contextmanager
def _busy_errors() -> Iterator[None]:
    try:
        yield
    except (TimeoutError, PoolTimeoutError) as error:
        raise DatabaseBusyError(
            "No database connection became free in time.", retry_after_s=_RETRY_AFTER_S
        ) from error
    except OperationalError as error:
        if any(words in str(error.orig) for words in _STORAGE_FAILURES):
            raise StorageError(
                "The disk is full or failing; nothing was written. Make room."
            ) from error
        if "locked" not in str(error.orig):
            raise
        raise DatabaseBusyError(
            "The database is locked by another process.", retry_after_s=_RETRY_AFTER_S
        ) from error
