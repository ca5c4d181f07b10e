"""The migrations against the tables in the code."""

import asyncio
import sqlite3
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from alembic import command
from app.db.migration import alembic_config, open_sessions
from app.db.repositories import keys, pointer, users
from app.db.session import WriteSession
from app.db.tables import Table
from app.errors import SettingsError
from app.settings import DatabaseSettings
from app.vision.dimensions import EMBEDDING_SIZE


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
        assert len(Table.metadata.tables) == 12
        assert _tables(tmp_path) == {*Table.metadata.tables, "alembic_version"}


async def test_no_table_is_left_when_all_migrations_are_taken_back(tmp_path: Path) -> None:
    async with open_sessions(_settings(tmp_path)) as sessions:
        await sessions.migrate(lambda found: command.downgrade(alembic_config(found), "base"))
        assert _tables(tmp_path) == {"alembic_version"}
        await sessions.migrate(lambda found: command.upgrade(alembic_config(found), "head"))
        assert _tables(tmp_path) == {*Table.metadata.tables, "alembic_version"}


async def test_people_are_kept_when_migrations_are_taken_back_and_run_again(tmp_path: Path) -> None:
    """A table of users that is made anew would take with it all that refers to them."""
    vector = np.eye(1, EMBEDDING_SIZE, dtype=np.float32)[0]

    async def register(session: WriteSession) -> None:
        anna = await users.add(session, "anna", None, {})
        await users.put_template(session, anna, "space", vector, photo_count=3, revision=1)

    async with open_sessions(_settings(tmp_path)) as sessions:
        await sessions.write(register)
        await sessions.migrate(lambda found: command.downgrade(alembic_config(found), "0003"))
    async with open_sessions(_settings(tmp_path)) as sessions, sessions.read() as session:
        assert [user_id for user_id, *_ in await users.templates(session, "space")] == ["anna"]


async def test_people_and_pointer_are_kept_when_a_database_of_before_reload_is_migrated(
    tmp_path: Path,
) -> None:
    async with open_sessions(_settings(tmp_path)) as sessions:
        await sessions.migrate(lambda found: command.downgrade(alembic_config(found), "0001"))
        old = sqlite3.connect(tmp_path / "deep/folder/test.db")
        now, vector = "2026-11-23 00:00:00", bytes(2048)
        old.execute("INSERT INTO users VALUES (1, 'anna', NULL, '{}', ?, ?)", (now, now))
        old.execute("INSERT INTO templates VALUES (1, 'space', ?, 3)", (vector,))
        old.execute("INSERT INTO bundles VALUES ('first', 'space', ?)", (now,))
        old.execute("INSERT INTO pointer VALUES (1, 'first', 7)")
        old.commit()
        old.close()
    async with open_sessions(_settings(tmp_path)) as sessions, sessions.read() as session:
        assert [user_id for user_id, *_ in await users.templates(session, "space")] == ["anna"]
        active = await pointer.active_bundle(session)
        assert active is not None
        assert (active.name, await pointer.former_bundle(session)) == ("first", None)
        assert await pointer.gallery_revision(session) == 7


async def test_keys_are_kept_when_a_database_of_before_expiry_is_migrated(tmp_path: Path) -> None:
    async with open_sessions(_settings(tmp_path)) as sessions:
        await sessions.migrate(lambda found: command.downgrade(alembic_config(found), "0003"))
        old = sqlite3.connect(tmp_path / "deep/folder/test.db")
        row = ("id", "0" * 64, '["admin"]', "door", "2026-11-23 00:00:00", None)
        old.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?)", row)
        old.commit()
        old.close()
    async with open_sessions(_settings(tmp_path)) as sessions, sessions.read() as session:
        (key,) = await keys.every(session)
        assert (key.id, key.scopes, key.label) == ("id", ["admin"], "door")
        assert (key.expires_at, key.last_used_at, key.has_ended()) == (None, None, False)


async def test_every_opener_succeeds_when_several_open_a_new_database_at_once(
    tmp_path: Path,
) -> None:
    async def open_and_read() -> int:
        async with open_sessions(_settings(tmp_path)) as sessions, sessions.read() as session:
            return await users.count(session)

    assert await asyncio.gather(*(open_and_read() for _ in range(4))) == [0] * 4


async def test_nothing_stored_is_lost_when_others_open_and_leave_a_new_database_meanwhile(
    tmp_path: Path,
) -> None:
    async def look() -> None:
        async with open_sessions(_settings(tmp_path)):
            pass

    async def store() -> None:
        async with open_sessions(_settings(tmp_path)) as sessions:
            await sessions.write(add)

    for round_ in range(10):
        add = partial(users.add, user_id=f"user-{round_}", display_name=None, details={})
        await asyncio.gather(look(), look(), store(), look())
        async with open_sessions(_settings(tmp_path)) as sessions, sessions.read() as session:
            assert await users.count(session) == 1
        for file in (tmp_path / "deep/folder").iterdir():
            file.unlink()


async def test_start_is_refused_when_a_newer_version_has_migrated_the_database(
    tmp_path: Path,
) -> None:
    async with open_sessions(_settings(tmp_path)) as sessions:
        add = partial(users.add, user_id="anna", display_name=None, details={})
        await sessions.write(add)
    newer = sqlite3.connect(tmp_path / "deep/folder/test.db")
    newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.commit()
    newer.close()
    with pytest.raises(SettingsError, match="newer Farsight"):
        async with open_sessions(_settings(tmp_path)):
            pass
