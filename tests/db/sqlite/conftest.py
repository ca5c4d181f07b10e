"""A database in a file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.db.migration import open_sessions
from app.db.session import Sessions
from app.setting_groups import DatabaseSettings


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
async def sessions(database: Path) -> AsyncIterator[Sessions]:
    url = f"sqlite+aiosqlite:///{database}"
    async with open_sessions(DatabaseSettings(url=url, pool_size=2, timeout_s=0.3)) as opened:
        yield opened
