"""Migrates a database to the tables of this version."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from alembic import command
from app.db.crop_keys import CropKeys
from app.db.engine import Engine
from app.db.repositories import crops
from app.db.session import Sessions, patiently
from app.db.sqlite.engine import SqliteEngine
from app.db.tables import BundleRow, Pointer, Table
from app.errors import SettingsError
from app.setting_groups import DatabaseSettings
from app.shipped import MIGRATIONS

_NEWER = (
    "The database was last used by a newer Farsight, or by another program. Install that version, "
    "or put back the backup from before (docs/backup.md)."
)
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
        raise SettingsError(_NEWER) from error


def require_this_version(connection: Connection) -> None:
    """Makes sure that no migration is needed, and runs none.

    Raises:
        SettingsError: The tables are of another version, or not ours.
    """
    known = ScriptDirectory.from_config(alembic_config(connection))
    found = MigrationContext.configure(connection).get_current_heads()
    if not found:
        raise SettingsError("The database to copy from is not one of Farsight's.")
    if not {revision.revision for revision in known.walk_revisions()}.issuperset(found):
        raise SettingsError(_NEWER)
    if set(found) != set(known.get_heads()):
        raise SettingsError(
            "The database to copy from is of an earlier version of Farsight, and copying does not "
            "change it. Bring it up to this version with `farsight db upgrade`, while "
            "FARSIGHT_DATABASE__URL names it."
        )


def create_engine(settings: DatabaseSettings) -> Engine:
    """The engine that the URL names; nothing is opened yet.

    Raises:
        SettingsError: It is PostgreSQL, and its driver is not installed.
    """
    if settings.url.startswith("sqlite"):
        return SqliteEngine(settings)
    try:
        from app.db.postgres.engine import PostgresEngine  # noqa: PLC0415 - needs its driver
    except ImportError as error:
        raise SettingsError("PostgreSQL needs: pip install 'farsight[postgres]'.") from error
    return PostgresEngine(settings)


@asynccontextmanager
async def open_sessions(
    settings: DatabaseSettings, crop_keys: CropKeys | None = None, *, upgrades: bool = True
) -> AsyncIterator[Sessions]:
    """The database, created or migrated where needed; closed in the end.

    A database that was created here, and in which nothing is stored, is removed again where it
    is a file.

    Args:
        settings: Which one.
        crop_keys: For stored crops; None for those who do not look at any.
        upgrades: False refuses a database that would have to be migrated.

    Raises:
        SettingsError: See upgrade and require_this_version.
        CropKeyError: Stored crops are encrypted with a key that is not among those given.
        DatabaseDamagedError: See Engine.prepare, as for StorageError.
        DatabaseBusyError: Another process writes for too long, or the database does not answer.
    """
    engine = create_engine(settings)
    sessions = Sessions(engine, settings.pool_size, settings.timeout_s, crop_keys or CropKeys())
    try:
        await patiently(engine.prepare, settings.timeout_s)  # a server may just be starting
        # SQLite does not wait for a process that is just closing its last connection.
        if upgrades:
            await patiently(lambda: sessions.migrate(upgrade), settings.timeout_s)
        else:
            await patiently(lambda: sessions.inspect(require_this_version), settings.timeout_s)
        if crop_keys is not None:
            async with sessions.read() as session:
                await crops.require_keys(session)
        yield sessions
    finally:
        await sessions.close()
        await engine.close(_WORTH_KEEPING)
