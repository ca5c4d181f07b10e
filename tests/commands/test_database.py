"""`db`: from a file to another database, by the command line."""

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
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
from app.services.keys import Scope
from app.setting_groups import DatabaseSettings
from app.settings import Settings
from tests.api.conftest import RunService, running
from tests.databases import execute

pytestmark = pytest.mark.both


@pytest.fixture
def run_service() -> RunService:
    return running


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


@pytest.mark.parametrize("revision", ["0004", "9999", None])
def test_copy_is_refused_and_its_source_left_when_that_is_of_another_version(
    unmigrated: DatabaseSettings, tmp_path: Path, revision: str | None
) -> None:
    old = DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/old.db")
    if revision is None:
        with closing(sqlite3.connect(tmp_path / "old.db")) as other:
            other.execute("PRAGMA journal_mode = WAL")
            other.execute("CREATE TABLE of_another_program (id)")
    elif revision == "9999":
        _with_anna(old)
        execute(old, "UPDATE alembic_version SET version_num = '9999'")
    else:
        _with_anna(old, revision)
    kept = (tmp_path / "old.db").read_bytes()
    done = _run(unmigrated, "copy", "--from", str(tmp_path / "old.db"))
    assert isinstance(done.exception, SettingsError)
    assert ("farsight db upgrade" in str(done.exception)) == (revision == "0004")
    assert (tmp_path / "old.db").read_bytes() == kept
    if revision == "0004":
        assert _run(old, "upgrade").exit_code == 0
        assert _run(unmigrated, "copy", "--from", str(tmp_path / "old.db")).exit_code == 0
        assert execute(unmigrated, "SELECT user_id FROM users") == [("anna",)]


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
    kept = (tmp_path / "backup.db").read_bytes()
    for _ in range(2):  # the second time, everything is there already
        done = _run(restored, "restore", str(tmp_path / "backup.db"), "--json")
        assert json.loads(done.stdout) == {"rows": 1}
        assert execute(restored, "SELECT user_id FROM users") == [("anna",)]
    assert (tmp_path / "backup.db").read_bytes() == kept


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


def test_service_answers_the_same_when_a_backup_is_restored_into_an_empty_one(
    make_settings: Callable[[Path], Settings],
    run_service: RunService,
    sample_people: dict[str, list[bytes]],
    tmp_path: Path,
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    settings, other = make_settings(tmp_path / "a"), make_settings(tmp_path / "b")
    photo = sample_people["anna"][5]
    with run_service(settings) as service:
        for user_id in ("anna", "bert"):
            service.register(user_id, sample_people[user_id][:3], groups=["staff"])
        key = service.key(Scope.IDENTIFY)
        before = service.identify(photo, top_k="2").json()
        assert before["faces"][0]["user_id"] == "anna"
        # While the service runs; what follows is not in it.
        assert _run(settings.database, "backup", str(tmp_path / "backup.db")).exit_code == 0
        service.register("carl", sample_people["carl"][:3])

    with run_service(other):  # a first start, which makes a key and points to a bundle
        pass
    done = _run(other.database, "restore", str(tmp_path / "backup.db"))
    assert done.exit_code == 0, done.output
    with run_service(other) as service:
        after = service.identify(photo, top_k="2").json()
        assert after["faces"] == before["faces"]
        assert after["space"] == before["space"]
        asked = service.client.get("/v1/users", headers=key)
        assert asked.status_code == 403  # the key is known, and has another scope
        service.register("carl", sample_people["carl"][:3])
    # Whoever has been registered since is not overwritten.
    rows = execute(other.database, "SELECT user_id FROM users ORDER BY id")
    ended = _run(other.database, "restore", str(tmp_path / "backup.db"))
    assert isinstance(ended.exception, SettingsError)
    assert execute(other.database, "SELECT user_id FROM users ORDER BY id") == rows
    assert len(rows) == 3


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0cut off"])
def test_restore_is_refused_and_nothing_changed_when_the_file_is_no_backup(
    unmigrated: DatabaseSettings, tmp_path: Path, content: bytes
) -> None:
    _with_anna(unmigrated)
    (tmp_path / "other.db").write_bytes(content)
    assert isinstance(
        _run(unmigrated, "restore", str(tmp_path / "other.db")).exception, SettingsError
    )
    assert execute(unmigrated, "SELECT user_id FROM users") == [("anna",)]


def test_backup_keeps_its_tables_when_it_is_of_an_earlier_version(
    unmigrated: DatabaseSettings, tmp_path: Path
) -> None:
    old = DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/old.db")
    _with_anna(old, "0004")
    kept = (tmp_path / "old.db").read_bytes()
    assert _run(unmigrated, "restore", str(tmp_path / "old.db")).exit_code == 0
    assert execute(unmigrated, "SELECT user_id, groups FROM users") == [("anna", "[]")]
    assert (tmp_path / "old.db").read_bytes() == kept


def test_tables_are_those_of_this_version_when_the_database_is_upgraded(
    unmigrated: DatabaseSettings,
) -> None:
    _with_anna(unmigrated, "0004")
    with pytest.raises((sqlite3.Error, psycopg.Error)):
        execute(unmigrated, "SELECT groups FROM users")
    assert _run(unmigrated, "upgrade").exit_code == 0
    assert execute(unmigrated, "SELECT user_id, groups FROM users") == [("anna", "[]")]
