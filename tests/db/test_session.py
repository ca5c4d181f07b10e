"""Sessions when things go wrong, on real databases of each kind, built by the migrations."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from app.db.migration import open_sessions
from app.db.repositories import users
from app.db.session import Sessions, WriteSession
from app.errors import UserExistsError
from app.setting_groups import DatabaseSettings
from app.storage_errors import DatabaseBusyError
from app.turns import Requester, requester
from tests.databases import execute

pytestmark = pytest.mark.both


async def _user_ids(sessions: Sessions) -> list[str]:
    async with sessions.read() as session:
        return [
            user.user_id
            for user, _ in await users.page(session, users.Wanted(), users.Order.OLDEST, None, 100)
        ]


def _adds(
    user_id: str, followed: list[str]
) -> Callable[[WriteSession], Coroutine[None, None, str]]:
    async def work(session: WriteSession) -> str:
        await users.add(session, user_id, None, {})
        session.after_commit.append(lambda: followed.append(user_id))
        return user_id

    return work


async def test_rows_and_what_follows_are_there_when_a_write_succeeds(sessions: Sessions) -> None:
    followed: list[str] = []
    assert await sessions.write(_adds("anna", followed)) == "anna"
    assert await _user_ids(sessions) == followed == ["anna"]


async def test_nothing_is_left_when_a_write_raises(sessions: Sessions) -> None:
    followed: list[str] = []

    async def work(session: WriteSession) -> None:
        await _adds("anna", followed)(session)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await sessions.write(work)
    assert await _user_ids(sessions) == followed == []


async def test_nothing_follows_when_the_commit_fails(sessions: Sessions) -> None:
    followed: list[str] = []

    async def work(session: WriteSession) -> None:
        await _adds("anna", followed)(session)

        def disk_full(_connection: object) -> None:
            raise OSError("disk full")

        connection = await session.connection()
        event.listen(connection.sync_connection, "commit", disk_full)

    with pytest.raises(OSError, match="disk full"):
        await sessions.write(work)
    assert await _user_ids(sessions) == followed == []
    await sessions.write(_adds("bert", followed))
    assert await _user_ids(sessions) == followed == ["bert"]


async def test_a_write_runs_to_its_end_when_its_caller_is_cancelled(sessions: Sessions) -> None:
    followed: list[str] = []
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def work(session: WriteSession) -> None:
        await _adds("anna", followed)(session)
        inside.set()
        await go_on.wait()

    caller = asyncio.create_task(sessions.write(work))
    await inside.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert followed == []
    go_on.set()
    await sessions.write(_adds("bert", followed))  # waits its turn behind the first
    assert await _user_ids(sessions) == followed == ["anna", "bert"]


async def test_running_writes_end_when_the_sessions_close(database: DatabaseSettings) -> None:
    inside = asyncio.Event()

    async def work(session: WriteSession) -> None:
        inside.set()
        await asyncio.sleep(0.05)
        await users.add(session, "anna", None, {})

    async with open_sessions(database) as sessions:
        caller = asyncio.create_task(sessions.write(work))
        await inside.wait()
        caller.cancel()
    assert execute(database, "SELECT user_id FROM users") == [("anna",)]


async def test_one_of_two_gets_the_name_when_both_want_it(sessions: Sessions) -> None:
    followed: list[str] = []
    both = await asyncio.gather(
        *(sessions.write(_adds("anna", followed)) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == [UserExistsError.__name__, "str"]
    assert await _user_ids(sessions) == followed == ["anna"]


async def test_reading_is_refused_when_every_connection_is_taken(sessions: Sessions) -> None:
    async with sessions.read() as first, sessions.read() as second:
        await first.execute(text("SELECT 1"))
        await second.execute(text("SELECT 1"))
        assert sessions.turns["read"].held == 2
        with pytest.raises(DatabaseBusyError):
            async with sessions.read() as third:
                await third.execute(text("SELECT 1"))
    assert sessions.turns["read"].held == 0
    assert await _user_ids(sessions) == []


async def test_writing_is_refused_when_another_write_goes_on_too_long(sessions: Sessions) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def hold(session: WriteSession) -> None:
        inside.set()
        await go_on.wait()

    holder = asyncio.create_task(sessions.write(hold))
    await inside.wait()
    with pytest.raises(DatabaseBusyError):
        await sessions.write(_adds("anna", []))
    go_on.set()
    await holder
    await sessions.write(_adds("bert", []))
    assert await _user_ids(sessions) == ["bert"]


async def test_writing_is_refused_when_another_process_writes_for_too_long(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def hold(session: WriteSession) -> None:
        await _adds("anna", [])(session)
        inside.set()
        await go_on.wait()

    async with open_sessions(database) as other:
        holder = asyncio.create_task(other.write(hold))
        await inside.wait()
        with pytest.raises(DatabaseBusyError, match="another process"):
            await sessions.write(_adds("bert", []))
        assert await _user_ids(sessions) == []
        go_on.set()
        await holder
        await sessions.write(_adds("bert", []))
    assert await _user_ids(sessions) == ["anna", "bert"]


async def test_what_a_write_has_read_stays_so_when_another_process_wants_to_change_it(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    """As a registration looks for duplicates: one of two sees what the other has written."""
    followed: list[str] = []
    patient = database.model_copy(update={"timeout_s": 30})

    async def add_if_alone(session: WriteSession, user_id: str) -> None:
        if await users.count(session) == 0:
            await asyncio.sleep(0.05)
            await _adds(user_id, followed)(session)

    async with open_sessions(patient) as first, open_sessions(patient) as second:
        await asyncio.gather(
            *(
                opened.write(partial(add_if_alone, user_id=f"{name}-{number}"))
                for number in range(3)
                for name, opened in {"here": first, "there": second}.items()
            )
        )
    assert await _user_ids(sessions) == followed
    assert len(followed) == 1


async def test_one_state_is_seen_when_others_write_while_a_session_reads(
    sessions: Sessions,
) -> None:
    async with sessions.read() as session:
        assert await users.count(session) == 0
        await sessions.write(_adds("anna", []))
        assert await users.count(session) == 0
    assert await _user_ids(sessions) == ["anna"]


async def test_the_database_refuses_when_a_read_session_writes(sessions: Sessions) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"):
        async with sessions.read() as session:
            await session.execute(text("DELETE FROM users"))


async def test_callers_write_in_turn_when_one_wants_much(
    database: DatabaseSettings,
) -> None:
    followed: list[str] = []
    begun, gate = asyncio.Event(), asyncio.Event()

    async def wait(_session: WriteSession) -> None:
        begun.set()
        await gate.wait()

    async def queue(opened: Sessions, party: str, user_id: str) -> "asyncio.Task[str]":
        requester.set(Requester(party))
        task = asyncio.create_task(opened.write(_adds(user_id, followed)))
        await asyncio.sleep(0)
        return task

    patient = database.model_copy(update={"timeout_s": 60})
    async with open_sessions(patient) as opened:
        first = asyncio.create_task(opened.write(wait))
        await begun.wait()
        writes = [await queue(opened, "busy", f"busy-{number}") for number in range(3)]
        writes.append(await queue(opened, "calm", "calm"))
        await asyncio.sleep(0)  # until the last one stands in line
        gate.set()
        await asyncio.gather(first, *writes)
    assert followed == ["busy-0", "calm", "busy-1", "busy-2"]
