"""An empty database, of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.db.migration import open_sessions
from app.db.session import Sessions
from app.settings import DatabaseSettings
from tests.databases import PostgresServer


@pytest.fixture
def unmigrated(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    """No table is in it."""
    if engine == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path}/deep/folder/test.db"
        return DatabaseSettings(url=url)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def database(unmigrated: DatabaseSettings) -> DatabaseSettings:
    """For impatient sessions."""
    return unmigrated.model_copy(update={"pool_size": 2, "timeout_s": 0.3})


@pytest.fixture
async def sessions(database: DatabaseSettings) -> AsyncIterator[Sessions]:
    async with open_sessions(database) as opened:
        yield opened
