"""`db`: from a file to another database, by the command line."""

import asyncio
import os
import sqlite3
from functools import partial
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from alembic import command
from app.__main__ import cli
from app.db.migration import alembic_config, open_sessions
from app.db.repositories import users
from app.errors import SettingsError
from app.settings import DatabaseSettings
from tests.databases import execute

pytestmark = pytest.mark.both


def _run(target: DatabaseSettings, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["db", *arguments], env={"FARSIGHT_DATABASE__URL": target.url}, catch_exceptions=True
    )


def _with_anna(settings: DatabaseSettings, revision: str = "head") -> None:
    """Registers somebody; the tables are then taken back to an earlier version."""

    async def fill() -> None:
        async with open_sessions(settings) as sessions:
            await sessions.write(partial(users.add, user_id="anna", display_name=None, details={}))
            if revision != "head":
                await sessions.migrate(
                    lambda found: command.downgrade(alembic_config(found), revision)
                )

    asyncio.run(fill())


def test_users_are_in_the_new_database_when_a_file_is_copied(
    unmigrated: DatabaseSettings, tmp_path: Path
) -> None:
    _with_anna(DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/old.db"))
    for _ in range(2):  # the second time, everything is there already
        done = _run(unmigrated, "copy", "--from", str(tmp_path / "old.db"))
        assert (done.exit_code, done.stdout) == (0, "Copied 1 rows; all are the same.\n")
        assert execute(unmigrated, "SELECT user_id FROM users") == [("anna",)]


def test_copy_is_refused_and_nothing_made_when_there_is_no_such_file(
    unmigrated: DatabaseSettings, tmp_path: Path
) -> None:
    done = _run(unmigrated, "copy", "--from", str(tmp_path / "none.db"))
    assert isinstance(done.exception, SettingsError)
    assert list(tmp_path.iterdir()) == []


def test_backup_is_for_its_owner_alone_and_can_be_restored(
    unmigrated: DatabaseSettings, tmp_path: Path
) -> None:
    _with_anna(unmigrated)
    before = os.umask(0o022)
    done = _run(unmigrated, "backup", str(tmp_path / "backup.db"))
    os.umask(before)
    assert (done.exit_code, done.stdout) == (0, "Copied 1 rows; all are the same.\n")
    assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("backup*")] == ["backup.db"]
    restored = DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/restored.db")
    assert _run(restored, "copy", "--from", str(tmp_path / "backup.db")).exit_code == 0
    assert execute(restored, "SELECT user_id FROM users") == [("anna",)]


def test_backup_is_refused_when_its_file_exists_or_nothing_is_stored(
    unmigrated: DatabaseSettings, tmp_path: Path
) -> None:
    there = tmp_path / "backup.db"
    there.write_text("of yesterday", encoding="utf-8")
    before = os.umask(0o022)
    for target in (there, tmp_path / "new.db"):
        assert isinstance(_run(unmigrated, "backup", str(target)).exception, SettingsError)
    os.umask(before)
    assert there.read_text(encoding="utf-8") == "of yesterday"
    assert not (tmp_path / "new.db").exists()


def test_tables_are_those_of_this_version_when_the_database_is_upgraded(
    unmigrated: DatabaseSettings,
) -> None:
    _with_anna(unmigrated, "0004")
    with pytest.raises((sqlite3.Error, psycopg.Error)):
        execute(unmigrated, "SELECT groups FROM users")
    assert _run(unmigrated, "upgrade").exit_code == 0
    assert execute(unmigrated, "SELECT user_id, groups FROM users") == [("anna", "[]")]
