"""A database whose file is damaged, gone, replaced or read-only, at the start and while in use."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from app.db.migration import open_sessions
from app.db.repositories import users
from app.db.session import Sessions
from app.db.sqlite.engine import SqliteEngine
from app.errors import FarsightError
from app.setting_groups import DatabaseSettings
from app.storage_errors import DatabaseDamagedError, StorageError
from tests.rights import without_the_right_to_write

_PAGE_BYTES = 4096


def _settings(database: Path) -> DatabaseSettings:
    return DatabaseSettings(url=f"sqlite+aiosqlite:///{database}", timeout_s=0.3)


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[Sessions]:
    async with open_sessions(_settings(tmp_path / "test.db")) as opened:
        await _fill(opened)
        yield opened


async def _fill(sessions: Sessions) -> None:
    for number in range(3):
        details = {"notes": "x" * 3 * _PAGE_BYTES}
        await sessions.write(
            partial(users.add, user_id=f"user-{number}", display_name=None, details=details)
        )
    assert await sessions.wipe()


def _path(sessions: Sessions) -> Path:
    assert isinstance(sessions.engine, SqliteEngine)
    return sessions.engine.file.path


def _emptied(database: Path) -> None:
    database.write_bytes(b"")


def _gone_but_for_its_log(database: Path) -> None:
    database.unlink()
    database.with_name(f"{database.name}-wal").write_bytes(b"what was written last")


def _overwritten(database: Path) -> None:
    with database.open("r+b") as file:
        file.write(b"\x00" * _PAGE_BYTES)


def _damaged_in_the_middle(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(_PAGE_BYTES)
        file.write(b"\xa5" * (database.stat().st_size - 2 * _PAGE_BYTES))


def _cut_off(database: Path) -> None:
    with database.open("r+b") as file:
        file.truncate(3 * _PAGE_BYTES + 1)


def _replaced(database: Path) -> None:
    copy = database.with_name("copy")
    shutil.copy(database, copy)
    copy.replace(database)


def _contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


Harm = Callable[[Path], None]


@pytest.mark.parametrize(
    "harm", [_emptied, _gone_but_for_its_log, _overwritten, _damaged_in_the_middle, _cut_off]
)
async def test_start_is_refused_and_nothing_is_touched_when_the_database_is_damaged(
    tmp_path: Path, harm: Harm
) -> None:
    database = tmp_path / "test.db"
    async with open_sessions(_settings(database)) as sessions:
        await _fill(sessions)
    harm(database)
    before = _contents(tmp_path)
    with pytest.raises(DatabaseDamagedError, match=r"docs/backup\.md"):
        async with open_sessions(_settings(database)):
            pass
    assert _contents(tmp_path) == before


@pytest.mark.parametrize("harm", [_overwritten, _replaced, Path.unlink])
async def test_nothing_more_is_written_when_the_file_is_harmed_while_it_is_used(
    sessions: Sessions, harm: Harm
) -> None:
    harm(_path(sessions))
    add = partial(users.add, user_id="late", display_name=None, details={})
    for _ in range(2):
        with pytest.raises(DatabaseDamagedError, match=r"docs/backup\.md"):
            await sessions.write(add)
    with pytest.raises(DatabaseDamagedError):
        await sessions.look(thorough=False)


async def test_damage_in_the_middle_is_found_by_looking_through_while_it_is_used(
    sessions: Sessions,
) -> None:
    await sessions.look(thorough=True)
    _damaged_in_the_middle(_path(sessions))
    with pytest.raises(DatabaseDamagedError):
        await sessions.look(thorough=True)
    with pytest.raises(DatabaseDamagedError):
        await sessions.write(partial(users.add, user_id="late", display_name=None, details={}))


async def test_start_is_refused_and_trouble_told_when_the_folder_is_read_only() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "test.db"
        async with open_sessions(_settings(database)) as sessions:
            with (
                without_the_right_to_write(folder),
                pytest.raises(StorageError, match="read-only"),
            ):
                await sessions.look(thorough=False)
        with without_the_right_to_write(folder):
            for wanted in (database, folder / "new.db", folder / "deep" / "new.db"):
                with pytest.raises(FarsightError) as refused:
                    async with open_sessions(_settings(wanted)):
                        pass
                assert isinstance(refused.value, StorageError)
                assert name not in refused.value.detail


def _rights(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


@pytest.fixture
def generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("generous_umask")
async def test_owner_alone_may_read_the_database_when_it_is_new(tmp_path: Path) -> None:
    database = tmp_path / "folder" / "test.db"
    async with open_sessions(_settings(database)) as sessions:
        assert database.parent.stat().st_mode & 0o777 == 0o700
        await sessions.write(partial(users.add, user_id="ada", display_name=None, details={}))
        assert await sessions.keep_reserve()
        rights = _rights(database.parent)
        assert {"test.db", "test.db-wal", "test.db-shm", "test.db-reserve"} == set(rights)
        assert set(rights.values()) == {0o600}


async def test_rights_of_others_end_when_a_database_of_before_is_opened(tmp_path: Path) -> None:
    settings = _settings(tmp_path / "test.db")
    async with open_sessions(settings) as sessions:
        await _fill(sessions)
    (tmp_path / "test.db-reserve").touch()
    (tmp_path / "note").touch()
    for name in _names(tmp_path):
        (tmp_path / name).chmod(0o644)
    async with open_sessions(settings):
        rights = _rights(tmp_path)
        assert rights.pop("note") == 0o644
        assert len(rights) == 4
        assert set(rights.values()) == {0o600}


async def test_start_is_refused_when_the_path_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder"):
        async with open_sessions(_settings(tmp_path)):
            pass


async def test_database_is_taken_away_when_it_was_made_and_nothing_was_stored(
    tmp_path: Path,
) -> None:
    settings = _settings(tmp_path / "deep" / "folder" / "test.db")
    async with open_sessions(settings):
        assert (tmp_path / "deep" / "folder" / "test.db").exists()
    assert _names(tmp_path) == []
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "note").touch()
    async with open_sessions(settings):
        pass
    assert _names(tmp_path / "deep") == ["note"]


async def test_database_stays_when_somebody_else_has_it_open_or_had_made_it(
    tmp_path: Path,
) -> None:
    settings = _settings(tmp_path / "test.db")
    maker = open_sessions(settings)
    await maker.__aenter__()
    async with open_sessions(settings) as sessions:
        await maker.__aexit__(None, None, None)
        await _fill(sessions)
    async with open_sessions(settings) as sessions, sessions.read() as session:
        assert await users.count(session) == 3
        async with open_sessions(settings):
            pass
        await sessions.look(thorough=True)


async def test_nothing_stored_is_lost_when_others_open_and_leave_a_new_database_meanwhile(
    tmp_path: Path,
) -> None:
    place = tmp_path / "deep" / "folder" / "test.db"
    settings = _settings(place).model_copy(update={"timeout_s": 5.0})

    async def look() -> None:
        async with open_sessions(settings):
            pass

    async def store() -> None:
        async with open_sessions(settings) as sessions:
            await sessions.write(add)

    for round_ in range(10):
        add = partial(users.add, user_id=f"user-{round_}", display_name=None, details={})
        await asyncio.gather(look(), look(), store(), look())
        async with (
            open_sessions(settings) as sessions,
            sessions.read() as session,
        ):
            assert await users.count(session) == 1
        for file in place.parent.iterdir():
            file.unlink()


async def test_database_stays_when_something_was_stored_before_a_failure(tmp_path: Path) -> None:
    settings = _settings(tmp_path / "test.db")

    async def fail() -> None:
        async with open_sessions(settings) as sessions:
            await _fill(sessions)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with open_sessions(settings) as sessions, sessions.read() as session:
        assert await users.count(session) == 3


async def test_log_stays_when_another_process_opens_and_closes_the_database(
    sessions: Sessions,
) -> None:
    """SQLite's locks belong to the process: looking at the file must not give them up."""
    await sessions.look(thorough=True)
    await sessions.write(partial(users.add, user_id="late", display_name=None, details={}))
    log = _path(sessions).with_name("test.db-wal")
    before = os.stat(log).st_ino  # noqa: PTH116 - asks at once
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version')"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"{other}.connection.close()", str(_path(sessions))
    )
    assert await process.wait() == 0
    assert os.stat(log).st_ino == before  # noqa: PTH116 - likewise
