"""Migrates a database to the tables of this version."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, make_url

from alembic import command
from app.db.file import DatabaseFile
from app.db.session import Sessions, patiently
from app.db.tables import BundleRow, Pointer, Table
from app.errors import SettingsError
from app.settings import DatabaseSettings
from app.shipped import MIGRATIONS

# A start writes into the others by itself.
_WORTH_KEEPING = sorted(
    set(Table.metadata.tables) - {BundleRow.__tablename__, Pointer.__tablename__}
)


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration, built here so that no .ini file has to be found."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Runs the migrations that the database has not seen yet.

    Raises:
        SettingsError: A newer version of Farsight has migrated it.
    """
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise SettingsError(
            "The database was last used by a newer Farsight, or by another program. Install "
            "that version, or put back the backup from before (docs/backup.md)."
        ) from error


def database_path(settings: DatabaseSettings) -> Path:
    """Where the database's file is."""
    database = make_url(settings.url).database
    assert database is not None
    return Path(database)


@asynccontextmanager
async def open_sessions(settings: DatabaseSettings) -> AsyncIterator[Sessions]:
    """The database, created or migrated where needed; closed in the end.

    A database that was created here, and in which nothing is stored, is removed again.

    Raises:
        DatabaseDamagedError: See DatabaseFile.prepare, as for StorageError.
        DatabaseBusyError: Another process writes for too long.
    """
    file = DatabaseFile(database_path(settings))
    sessions = Sessions(file, settings.url, settings.pool_size, settings.timeout_s)
    try:
        await asyncio.to_thread(file.prepare)
        # SQLite does not wait for a process that is just closing its last connection.
        await patiently(lambda: sessions.migrate(upgrade), settings.timeout_s)
        yield sessions
    finally:
        await sessions.close()
        await asyncio.to_thread(file.remove_if_unused, _WORTH_KEEPING)
        file.close()
