"""What was erased is in no file, as soon as nobody reads an older state; read byte by byte."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from app.db.repositories import erasures, events, pointer, users
from app.db.session import Sessions, WriteSession
from app.db.tables import JsonObject
from app.services.erasures import Erasures
from app.storage_errors import StorageError

_SECRET = "a-name-that-stands-nowhere-else"
_NOTES: JsonObject = {"notes": [f"{_SECRET}-{number}" for number in range(4000)]}
_SMALLEST_BYTES = 33_000  # SQLite's file of shared memory has as many


async def _add(session: WriteSession) -> None:
    await users.add(session, "anna", _SECRET, _NOTES)


async def _erase(session: WriteSession) -> None:
    user = await users.get(session, "anna")
    await users.erase(session, {"anna": user.id})


def _places(database: Path) -> list[str]:
    """The database's files that have the secret in them."""
    files = database.parent.glob(f"{database.name}*")
    return [file.name for file in files if _SECRET.encode() in file.read_bytes()]


@contextmanager
def _somebody_reads(database: Path) -> Iterator[None]:
    """A backup, a shell: another process's view of the rows as they are now."""
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM users").fetchall()
        yield


async def test_nothing_is_left_on_the_disk_when_erasing_is_done(
    sessions: Sessions, database: Path
) -> None:
    await sessions.write(_add)
    assert _places(database)
    assert await Erasures(sessions).run(_erase)
    assert _places(database) == []
    assert not (await Erasures(sessions).of_user("anna")).pending


async def test_erasing_is_pending_as_long_as_somebody_reads_and_can_be_finished_later(
    sessions: Sessions, database: Path
) -> None:
    await sessions.write(_add)
    with _somebody_reads(database):
        assert not await Erasures(sessions).run(_erase)
        assert _places(database)
        view = await Erasures(sessions).of_user("anna")
        assert (view.pending, view.erased_at is not None) == (True, True)
        # Nobody waits for it: others write meanwhile.
        await sessions.write(partial(users.add, user_id="bert", display_name=None, details={}))
    after_restart = Erasures(sessions)
    assert await after_restart.finish()
    assert not (await after_restart.of_user("anna")).pending
    assert _places(database) == []


async def test_erasing_is_pending_when_another_process_writes(
    sessions: Sessions, database: Path
) -> None:
    await sessions.write(_add)
    erasing = Erasures(sessions)
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        await sessions.write(_erase)
        writer.execute("BEGIN IMMEDIATE")
        assert not await erasing.finish()
        writer.execute("ROLLBACK")
    assert await erasing.finish()
    assert _places(database) == []


@contextmanager
def _full_disk(largest_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_people_can_be_erased_when_the_disk_is_full(
    sessions: Sessions, database: Path
) -> None:
    await sessions.write(_add)
    assert await sessions.keep_reserve()
    reserve = database.with_name(f"{database.name}-reserve")
    assert reserve.stat().st_size > 1_000_000
    log_bytes = database.with_name(f"{database.name}-wal").stat().st_size
    assert log_bytes > _SMALLEST_BYTES
    with _full_disk(log_bytes):
        with pytest.raises(StorageError):
            await sessions.write(
                partial(users.add, user_id="bert", display_name=None, details=_NOTES)
            )
        assert isinstance(sessions.trouble, StorageError)
        assert await Erasures(sessions).run(_erase)
        assert not reserve.exists()
        assert _places(database) == []
        with pytest.raises(StorageError):
            await sessions.try_again(pointer.rewrite)
    await sessions.try_again(pointer.rewrite)
    assert sessions.trouble is None


async def test_old_name_leaves_the_disk_when_it_is_replaced(
    sessions: Sessions, database: Path
) -> None:
    await sessions.write(_add)

    async def change(session: WriteSession) -> None:
        user = await users.get(session, "anna")
        user.display_name, user.details = "Anna", {}
        await erasures.add(session, "anna")
        await events.record(session, "test", "user.changed", "anna", {})

    assert await Erasures(sessions).run(change)
    assert _places(database) == []
