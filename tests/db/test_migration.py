"""The migrations against the tables in the code."""

import asyncio
import sqlite3
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from alembic import command
from app.db.migration import alembic_config, open_sessions
from app.db.repositories import users
from app.db.tables import Table
from app.settings import DatabaseSettings


def _settings(tmp_path: Path) -> DatabaseSettings:
    return DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/deep/folder/test.db")


def _tables(tmp_path: Path) -> set[str]:
    connection = sqlite3.connect(tmp_path / "deep/folder/test.db")
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    return {name for (name,) in names}


async def test_migrated_database_has_the_tables_of_the_code_when_all_migrations_ran(
    tmp_path: Path,
) -> None:
    differences: list[object] = []

    def compare(connection: Connection) -> None:
        differences.extend(compare_metadata(MigrationContext.configure(connection), Table.metadata))

    async with open_sessions(_settings(tmp_path)) as sessions:
        await sessions.migrate(compare)
    assert differences == []
    assert len(Table.metadata.tables) == 10
    assert _tables(tmp_path) == {*Table.metadata.tables, "alembic_version"}


async def test_no_table_is_left_when_all_migrations_are_taken_back(tmp_path: Path) -> None:
    async with open_sessions(_settings(tmp_path)) as sessions:
        await sessions.migrate(lambda found: command.downgrade(alembic_config(found), "base"))
        assert _tables(tmp_path) == {"alembic_version"}
        await sessions.migrate(lambda found: command.upgrade(alembic_config(found), "head"))
    assert _tables(tmp_path) == {*Table.metadata.tables, "alembic_version"}


async def test_every_opener_succeeds_when_several_open_a_new_database_at_once(
    tmp_path: Path,
) -> None:
    async def open_and_read() -> int:
        async with open_sessions(_settings(tmp_path)) as sessions, sessions.read() as session:
            return await users.count(session)

    assert await asyncio.gather(*(open_and_read() for _ in range(4))) == [0] * 4
