"""PostgreSQL: many processes on many machines, advisory locks, errors known by their codes."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.pq import Format
from psycopg.rows import AsyncRowFactory
from sqlalchemy import Connection, bindparam, event, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from app.db.engine import RETRY_AFTER_S, Alone, Engine, Exclusion
from app.db.tables import (
    AnnouncedSubject,
    Embedding,
    KeptFace,
    Photo,
    SizedTemplate,
    StoredAnswer,
    Table,
    Template,
    User,
)
from app.db.types import EMBEDDING_SIZE
from app.errors import FarsightError, SettingsError
from app.setting_groups import DatabaseSettings
from app.storage_errors import DatabaseBusyError, DatabaseDamagedError, StorageError

_NO_ANSWER = (
    "PostgreSQL does not answer, or refuses the user or database that FARSIGHT_DATABASE__URL names."
)
_BUSY = "The database is locked by another process."
_FULL = "PostgreSQL's disk is full or failing; nothing was written. Make room."
_READ_ONLY = "PostgreSQL takes no writes: it is a standby, or read-only."
_DAMAGED = "PostgreSQL found damaged data. Stop the service and restore a backup (docs/backup.md)."
_NO_PGVECTOR = "PostgreSQL has no extension `vector`: install pgvector on its machine."
_OLD_PGVECTOR = (
    "FARSIGHT_SEARCH=pgvector needs pgvector 0.7 or later. Install it on PostgreSQL's machine, and "
    "run ALTER EXTENSION vector UPDATE in the database."
)
_NOT_ALLOWED = (
    "This user of PostgreSQL may not create tables, or read and write them: it has to own the "
    "database. An administrator may have to run CREATE EXTENSION vector in it."
)
# Codes of https://www.postgresql.org/docs/current/errcodes-appendix.html, or their beginnings.
_MEANINGS: tuple[tuple[tuple[str, ...], type[FarsightError], str], ...] = (
    (("55P03", "57014", "40001", "40P01"), DatabaseBusyError, _BUSY),
    (("XX001", "XX002"), DatabaseDamagedError, _DAMAGED),
    (("53100", "58"), StorageError, _FULL),
    (("42501",), SettingsError, _NOT_ALLOWED),
)
_GONE = ("08", "57P", "53300", "25P03")
_READ_ONLY_TRANSACTION = "25006"
# Whose rows tell of people. What was deleted in them has to leave the disk.
_OF_PEOPLE = tuple(
    table.__tablename__
    for table in (
        User,
        AnnouncedSubject,
        Photo,
        Embedding,
        Template,
        SizedTemplate,
        StoredAnswer,
        KeptFace,
    )
)
# A server that vanished must not keep requests, and a service must not keep others from writing.
_GONE_AFTER_MS = 10_000
_SESSION_ENDS_AFTER_S = 60
_CHANNEL = "farsight"
_LISTENING = "listening"
_dead_rows = text(
    "SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_all_tables WHERE relid IN ("
    "  SELECT unnest(ARRAY[c.oid, c.reltoastrelid]) FROM pg_class c"
    "  WHERE c.oid = ANY (SELECT to_regclass(quote_ident(name)) FROM unnest(:tables ::text[]) name)"
    ")"
).bindparams(bindparam("tables", value=list(_OF_PEOPLE)))
# One for each space: what is looked for is in one, and another's templates would be in the way.
_INDEX_PREFIX = "ix_templates_nearest_"
_LOOK_EVERY_S = 0.5
_can_round = text("SELECT to_regtype('halfvec') IS NOT NULL")
_is_valid = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
_search_indexes = text(
    "SELECT relname::text FROM pg_class JOIN pg_index ON pg_class.oid = indexrelid"
    " WHERE starts_with(relname::text, :prefix)"
    " AND relnamespace = current_schema()::regnamespace"
).bindparams(bindparam("prefix", value=_INDEX_PREFIX))
# How many templates the index looks at for a search, and what it does if they are not in the groups
# asked for (docs/decisions/0034-search-in-pgvector.md). Servers without pgvector 0.8 know only the
# first.
_SEARCH = {"hnsw.ef_search": "400", "hnsw.iterative_scan": "strict_order"}
# A lock is of one database, and its number comes in two halves.
_listeners = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
    " AND (classid::bigint << 32 | objid::bigint) = :number ::bigint"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_invalid_indexes = text(
    "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace"
)


class _BinaryCursor(psycopg.AsyncCursor[Any]):
    """Takes results in binary: as text, each of a vector's numbers would have to be parsed."""

    def __init__(
        self, connection: psycopg.AsyncConnection[Any], *, row_factory: AsyncRowFactory[Any]
    ) -> None:
        super().__init__(connection, row_factory=row_factory)
        self.format = Format.BINARY


class PostgresEngine(Engine):
    """A database on a server.

    Args:
        settings: Where it is, and how long to wait.
    """

    is_remote = True

    def __init__(self, settings: DatabaseSettings) -> None:
        self._name = uuid4().hex
        self.readers = _create(settings, settings.pool_size, writes=False)
        self.writer = _create(settings, 1, writes=True)
        self._maintenance = create_async_engine(
            settings.url,
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
            connect_args=_connect_args(settings),
        )

    async def prepare(self) -> None:
        """See Engine, as for the other methods.

        Raises:
            SettingsError: PostgreSQL lacks pgvector.
        """
        available = text(
            "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')"
        )
        async with self._connected() as connection:
            if not await connection.scalar(available):
                raise SettingsError(_NO_PGVECTOR)

    async def close(self, worth_keeping: Sequence[str]) -> None:  # noqa: ARG002, D102 - a server's databases stay
        await self.readers.dispose()
        await self.writer.dispose()
        await self._maintenance.dispose()

    def told(self, error: DBAPIError, *, writes: bool) -> FarsightError | None:  # noqa: D102
        code: str | None = getattr(error.orig, "sqlstate", None)
        if code is None:
            lost = error.connection_invalidated or isinstance(error, OperationalError)
            return _lost() if lost else None
        if code.startswith(_GONE):
            return _lost()
        if code == _READ_ONLY_TRANSACTION:  # a reader that was asked to write is our mistake
            return StorageError(_READ_ONLY) if writes else None
        for beginnings, kind, detail in _MEANINGS:
            if code.startswith(beginnings):
                retry = {"retry_after_s": RETRY_AFTER_S} if kind is DatabaseBusyError else {}
                return kind(detail, **retry)
        return None

    def require_sound(self) -> None:
        """Nothing to look at: the server is the one that writes."""

    async def look(self, *, thorough: bool) -> None:  # noqa: ARG002, D102 - checking pages is the server's
        async with self.readers.connect() as connection:
            if await connection.scalar(select(func.pg_is_in_recovery())):
                raise StorageError(_READ_ONLY)

    def version(self) -> int | None:
        """Not known without asking the server, which costs as much as reading."""
        return None

    async def announce(self, session: AsyncSession) -> None:  # noqa: D102
        await session.execute(select(func.pg_notify(_CHANNEL, self._name)))

    async def listen(self, heard: Callable[[], None]) -> None:  # noqa: D102
        async with self._connected() as connection:
            # Shared by all who listen: so they can be counted, and those who die are not.
            await connection.execute(select(func.pg_advisory_lock_shared(lock_key(_LISTENING))))
            await connection.exec_driver_sql(f"LISTEN {_CHANNEL}")
            heard()  # whatever was said before
            driver = (await connection.get_raw_connection()).driver_connection
            assert isinstance(driver, psycopg.AsyncConnection)
            try:
                async for said in driver.notifies():
                    if said.payload != self._name:
                        heard()
            except psycopg.Error as error:
                raise _lost() from error

    async def count_listeners(self, session: AsyncSession) -> int:  # noqa: D102
        number = lock_key(_LISTENING)
        return max(1, await session.scalar(_listeners, {"number": number}) or 0)

    async def now(self, session: AsyncSession) -> datetime:  # noqa: D102
        # Not when the transaction began: it may have waited for its lock since.
        now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
        return now.astimezone(UTC)

    async def wipe(self, alone: Alone) -> bool:  # noqa: ARG002 - vacuuming keeps no writer waiting
        """Removes dead rows from tables, and what points to them from indexes.

        Their bytes may stay in the free space of pages and in the server's write-ahead log, until
        it writes over them (docs/decisions/0030-two-engines.md).
        """
        async with self._connected() as connection:
            # Released with the connection.
            if not await connection.scalar(
                select(func.pg_try_advisory_lock(lock_key(Exclusion.ERASING)))
            ):
                return False
            tables = ", ".join(_OF_PEOPLE)
            await connection.exec_driver_sql(f"VACUUM (INDEX_CLEANUP ON) {tables}")
            return not await connection.scalar(_dead_rows)

    async def keep_reserve(self) -> bool:
        """The disk is the server's."""
        return True

    async def release_reserve(self) -> None:
        """There is none."""

    async def require_room(self) -> None:
        """Only a write can tell."""

    async def continue_ids(self, session: AsyncSession) -> None:  # noqa: D102
        for table in Table.metadata.sorted_tables:
            column = table.autoincrement_column
            if column is not None:
                last = func.max(column)
                sequence = func.pg_get_serial_sequence(table.name, column.name)
                await session.execute(
                    select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None)))
                )

    async def index_templates(self, space_id: str) -> None:  # noqa: D102
        name = f"{_INDEX_PREFIX}{space_id}"
        if not name.isidentifier():
            raise ValueError("A space's id is made of letters and digits.")
        async with self._connected() as connection:
            if not await connection.scalar(_can_round):
                raise SettingsError(_OLD_PGVECTOR)
            # It waits for transactions that began before, however long they take.
            await connection.exec_driver_sql("SET lock_timeout = 0")
            # Who waited within a statement would be one of those: so each try is a statement.
            taken = select(func.pg_try_advisory_lock(lock_key(Exclusion.INDEXING)))
            while not await connection.scalar(taken):  # noqa: ASYNC110 - another process has it
                await asyncio.sleep(_LOOK_EVERY_S)
            is_valid = await connection.scalar(_is_valid, {"name": name})
            if is_valid:
                return
            if is_valid is False:  # whoever began to make it did not come to the end
                await connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
            await connection.exec_driver_sql(
                f"CREATE INDEX CONCURRENTLY {name} ON {Template.__tablename__} USING hnsw"
                f" ((vector::halfvec({EMBEDDING_SIZE})) halfvec_cosine_ops)"
                f" WHERE space_id = '{space_id}'"
            )

    async def drop_indexes(self, except_of: Collection[str]) -> None:  # noqa: D102
        kept = {f"{_INDEX_PREFIX}{space_id}" for space_id in except_of}
        async with self._connected() as connection:
            for name in (await connection.scalars(_search_indexes)).all():
                if name not in kept:
                    await connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")

    async def exists(self) -> bool:  # noqa: D102
        async with self._connected() as connection:
            found = await connection.scalar(
                text("SELECT to_regclass('alembic_version') IS NOT NULL")
            )
            return bool(found)

    async def troubles(self) -> list[str]:
        """Unfinished indexes. Foreign keys hold by themselves; pages are for `pg_amcheck`."""
        async with self._connected() as connection:
            found = await connection.scalars(_invalid_indexes)
            return [f"The index {name} is not valid." for name in found]

    async def repair(self) -> None:
        """Rebuilds unfinished indexes."""
        async with self._connected() as connection:
            for name in (await connection.scalars(_invalid_indexes)).all():
                await connection.exec_driver_sql(f"REINDEX INDEX {name}")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        """A connection outside of the pools and of transactions.

        Raises:
            DatabaseBusyError: The server does not answer.
        """
        try:
            async with self._maintenance.connect() as connection:
                yield connection
        except DBAPIError as error:
            told = self.told(error, writes=True)
            if told is None:
                raise
            raise told from error


def lock_key(name: str) -> int:
    """The number of an advisory lock; whoever holds that of an exclusion keeps the others out."""
    digest = sha256(f"farsight:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _lost() -> DatabaseBusyError:
    error = DatabaseBusyError(_NO_ANSWER, retry_after_s=RETRY_AFTER_S)
    error.is_lost = True
    return error


def _create(settings: DatabaseSettings, pool_size: int, *, writes: bool) -> AsyncEngine:
    if writes:
        # Each statement sees what was committed before it: all there is, once the lock is held.
        options = _SEARCH | {
            "default_transaction_isolation": "read committed",
            "idle_in_transaction_session_timeout": f"{_SESSION_ENDS_AFTER_S}s",
        }
    else:
        options = _SEARCH | {
            "default_transaction_isolation": "repeatable read",
            "default_transaction_read_only": "on",
        }
    engine = create_async_engine(
        settings.url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=settings.timeout_s,
        pool_pre_ping=True,  # the server may have been restarted
        hide_parameters=True,  # ids, names and embeddings must not reach errors and logs
        connect_args=_connect_args(settings, **options),
    )

    def begin(connection: Connection) -> None:
        # Before anything is read, so that nothing read can change before it is written.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock_key(Exclusion.WRITING)})")

    if writes:
        event.listen(engine.sync_engine, "begin", begin)
    return engine


def _connect_args(settings: DatabaseSettings, **options: str) -> dict[str, object]:
    # What migrations wait for as well: others queue behind them meanwhile.
    options["lock_timeout"] = f"{math.ceil(settings.timeout_s * 1000)}ms"
    options["tcp_keepalives_idle"] = options["tcp_keepalives_interval"] = "10"
    options["tcp_keepalives_count"] = "3"
    given = " ".join(
        f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in options.items()
    )
    password = settings.password()
    return {
        **({} if password is None else {"password": password}),
        "options": given,
        "connect_timeout": max(2, math.ceil(settings.timeout_s)),
        "keepalives_idle": 10,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": _GONE_AFTER_MS,
        "application_name": "farsight",
        "cursor_factory": _BinaryCursor,
    }
