"""An empty database, of each kind."""

from collections.abc import AsyncIterator

import pytest

from app.db.migration import open_sessions
from app.db.session import Sessions
from app.setting_groups import DatabaseSettings


@pytest.fixture
def database(unmigrated: DatabaseSettings) -> DatabaseSettings:
    """For impatient sessions."""
    return unmigrated.model_copy(update={"pool_size": 2, "timeout_s": 0.3})


@pytest.fixture
async def sessions(database: DatabaseSettings) -> AsyncIterator[Sessions]:
    async with open_sessions(database) as opened:
        yield opened
