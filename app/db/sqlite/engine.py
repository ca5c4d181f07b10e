"""SQLite: one file, one writer at a time in all processes, errors known by their texts."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.db.engine import RETRY_AFTER_S, Alone, Engine
from app.db.sqlite.file import HOW_TO_RESTORE, DatabaseFile
from app.db.tables import utc_now
from app.errors import FarsightError, SettingsError
from app.setting_groups import DatabaseSettings
from app.storage_errors import DatabaseBusyError, DatabaseDamagedError, StorageError

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


class SqliteEngine(Engine):
    """A database in a file.

    Args:
        settings: Where it is, and how long to wait.

    Attributes:
        file: It and its companions.
    """

    is_remote = False

    def __init__(self, settings: DatabaseSettings) -> None:
        self.file = DatabaseFile(database_path(settings))
        self.readers = _create(settings, settings.pool_size, writes=False)
        self.writer = _create(settings, 1, writes=True)

    async def prepare(self) -> None:
        """See Engine, as for the other methods."""
        await asyncio.to_thread(self.file.prepare)

    async def close(self, worth_keeping: Sequence[str]) -> None:  # noqa: D102
        self.file.stop_watching()
        await self.readers.dispose()
        await self.writer.dispose()
        await asyncio.to_thread(self.file.remove_if_unused, worth_keeping)
        self.file.close()

    def told(self, error: DBAPIError, *, writes: bool) -> FarsightError | None:  # noqa: D102
        said = str(error.orig)
        if "locked" in said:
            return DatabaseBusyError(
                "The database is locked by another process.", retry_after_s=RETRY_AFTER_S
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

    def require_sound(self) -> None:  # noqa: D102
        self.file.require_whole()

    async def look(self, *, thorough: bool) -> None:  # noqa: D102
        self.file.require_whole()
        self.file.require_writable()
        if thorough:
            await asyncio.to_thread(self.file.look_through)

    def version(self) -> int | None:  # noqa: D102
        return self.file.version()

    async def announce(self, session: AsyncSession) -> None:
        """Others look by themselves."""

    async def listen(self, heard: Callable[[], None]) -> None:
        """There is nothing to hear."""

    async def count_listeners(self, session: AsyncSession) -> int:  # noqa: ARG002, D102
        return 1

    async def now(self, session: AsyncSession) -> datetime:  # noqa: ARG002
        """All processes are on one machine."""
        return utc_now()

    async def wipe(self, alone: Alone) -> bool:
        """Moves the write-ahead log into the database, where deleted rows are zeros already."""
        # First what can be done beside others; what must be done alone then takes no time.
        await asyncio.to_thread(self.file.checkpoint, "PASSIVE")
        async with alone():
            return await asyncio.to_thread(self.file.checkpoint, "TRUNCATE")

    async def keep_reserve(self) -> bool:  # noqa: D102
        return await asyncio.to_thread(self.file.keep_reserve)

    async def release_reserve(self) -> None:  # noqa: D102
        await asyncio.to_thread(self.file.release_reserve)

    async def require_room(self) -> None:  # noqa: D102
        await asyncio.to_thread(self.file.require_room)

    async def continue_ids(self, session: AsyncSession) -> None:
        """They do so by themselves."""

    async def index_templates(self, space_id: str) -> None:  # noqa: ARG002, D102
        raise SettingsError("FARSIGHT_SEARCH=pgvector needs PostgreSQL, docs/operators.md.")

    async def drop_indexes(self, except_of: Collection[str]) -> None:
        """There are none."""

    async def exists(self) -> bool:  # noqa: D102
        return await asyncio.to_thread(self.file.path.exists)

    async def troubles(self) -> list[str]:  # noqa: D102
        return await asyncio.to_thread(self.file.troubles)

    async def repair(self) -> None:
        """Rebuilds indexes, and deletes rows that refer to nothing."""
        await asyncio.to_thread(self.file.repair)


def database_path(settings: DatabaseSettings) -> Path:
    """Where the database's file is."""
    database = make_url(settings.url).database
    assert database is not None
    return Path(database)


def _create(settings: DatabaseSettings, pool_size: int, *, writes: bool) -> AsyncEngine:
    engine = create_async_engine(
        settings.url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=settings.timeout_s,
        hide_parameters=True,  # ids, names and embeddings must not reach errors and logs
    )
    pragmas = [
        "journal_mode=WAL",
        "synchronous=FULL",  # what was answered with 201 survives a power cut
        "foreign_keys=ON",
        "secure_delete=ON",  # deleted crops and embeddings are overwritten with zeros
        "cache_size=-256",  # KiB for each connection; the kernel keeps the pages anyway
        "temp_store=MEMORY",  # and large statements leave none in temporary files
        f"busy_timeout={int(settings.timeout_s * 1000)}",
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
        # would fail at once when another process wrote in between. It is Exclusion.WRITING.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine.sync_engine, "connect", configure)
    event.listen(engine.sync_engine, "begin", begin)
    return engine
