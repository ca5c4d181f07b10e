"""The databases that tests run on: files, and one real PostgreSQL server per run.

Tests marked `both` run on both, those marked `file` on SQLite, all others on what `--database`
says.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from app.setting_groups import DatabaseSettings

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

_ENGINES = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def postgres() -> Iterator["PostgresServer"]:
    """The server of this run; starts when the first test asks for it."""
    from tests.postgres_server import PostgresServer  # noqa: PLC0415 - not for SQLite alone

    # Not in pytest's folder: run as root, the server is another user, and the next run of pytest
    # shuts that folder to it.
    with TemporaryDirectory(prefix="farsight-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder) / "data")
        yield server
        server.close()


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgres`."""
    return str(getattr(request, "param", request.config.getoption("--database")))


@pytest.fixture
def unmigrated(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    """A new database; no table is in it."""
    if engine == "sqlite":
        return DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/deep/folder/test.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--database`: what tests run on that are marked neither `both` nor `file`."""
    parser.addoption("--database", choices=_ENGINES, default="sqlite")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs tests marked `both` on both, and those marked `file` on a file."""
    if "engine" not in metafunc.fixturenames:
        return
    if metafunc.definition.get_closest_marker("file"):
        metafunc.parametrize("engine", ["sqlite"], indirect=True, scope="session")
    elif metafunc.definition.get_closest_marker("both"):
        metafunc.parametrize("engine", _ENGINES, indirect=True, scope="session")


class HeldError(Exception):
    """Somebody else writes."""


def execute(settings: DatabaseSettings, statement: str) -> list[tuple[Any, ...]]:
    """Runs a statement as another program does, past the service, and commits it."""
    if is_file(settings):
        with closing(sqlite3.connect(_path(settings), timeout=60)) as connection, connection:
            return connection.execute(statement).fetchall()
    from tests import postgres_server  # noqa: PLC0415 - as above

    return postgres_server.execute(settings, statement)


@contextmanager
def writing(settings: DatabaseSettings, *, wait: bool = True) -> Iterator[None]:
    """Another process writes, all the time.

    Raises:
        HeldError: Somebody else writes at this moment, and `wait` is False.
    """
    if is_file(settings):
        patience_s = 60 if wait else 0
        file = sqlite3.connect(_path(settings), timeout=patience_s, isolation_level=None)
        with closing(file) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise HeldError from error
            yield
        return
    from tests import postgres_server  # noqa: PLC0415 - as above

    with postgres_server.writing(settings, wait=wait):
        yield


def is_file(settings: DatabaseSettings) -> bool:
    """Whether it is SQLite's."""
    return settings.url.startswith("sqlite")


def _path(settings: DatabaseSettings) -> Path:
    return Path(settings.url.partition("///")[2])
