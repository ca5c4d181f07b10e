"""What PostgreSQL does in its own way, on a real server."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text

from app.db.engine import Exclusion
from app.db.migration import open_sessions
from app.db.postgres.engine import lock_key
from app.db.repositories import pointer, users
from app.db.session import Sessions, WriteSession
from app.db.tables import JsonObject
from app.errors import SettingsError
from app.services.erasures import Erasures
from app.setting_groups import DatabaseSettings
from app.storage_errors import DatabaseBusyError, StorageError
from tests.postgres_server import PostgresServer, execute, plain_url
from tests.program import PATIENCE_S


@pytest.fixture
def database(postgres: PostgresServer) -> DatabaseSettings:
    return postgres.new_database().model_copy(update={"pool_size": 2, "timeout_s": 0.3})


@pytest.fixture
async def sessions(database: DatabaseSettings) -> AsyncIterator[Sessions]:
    async with open_sessions(database) as opened:
        yield opened


_add = partial(users.add, display_name=None, details={})


async def _erase(session: WriteSession) -> None:
    user = await users.get(session, "anna")
    await users.erase(session, {"anna": user.id})


async def _names(sessions: Sessions) -> list[str]:
    async with sessions.read() as session:
        found = await users.page(session, users.Wanted(), users.Order.USER_ID, None, 100)
        return [user.user_id for user, _ in found]


@contextmanager
def _another(database: DatabaseSettings) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(plain_url(database))) as connection:
        yield connection


def _end_connections(database: DatabaseSettings) -> None:
    """As a server does that is being restarted."""
    execute(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


async def test_start_is_refused_with_a_sentence_when_no_server_answers(
    database: DatabaseSettings,
) -> None:
    nowhere = database.url.partition("?")[0] + "?host=/nowhere"
    with pytest.raises(DatabaseBusyError, match="does not answer"):
        async with open_sessions(database.model_copy(update={"url": nowhere})):
            pass


async def test_reading_and_writing_go_on_when_the_server_has_ended_every_connection(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    await sessions.write(partial(_add, user_id="anna"))
    assert await _names(sessions) == ["anna"]
    _end_connections(database)
    assert await _names(sessions) == ["anna"]
    await sessions.write(partial(_add, user_id="bert"))
    assert await _names(sessions) == ["anna", "bert"]


async def test_nothing_is_written_and_the_caller_told_when_the_server_goes_in_between(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    async def work(session: WriteSession) -> None:
        await _add(session, user_id="anna")
        await asyncio.to_thread(_end_connections, database)
        await _add(session, user_id="bert")

    with pytest.raises(DatabaseBusyError, match="does not answer"):
        await sessions.write(work)
    assert sessions.trouble is None
    await sessions.write(partial(_add, user_id="carl"))
    assert await _names(sessions) == ["carl"]


async def test_others_can_write_when_the_process_that_writes_dies(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    with _another(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(Exclusion.WRITING)])
        with pytest.raises(DatabaseBusyError, match="another process"):
            await sessions.write(partial(_add, user_id="anna"))
        _end_connections(database)
    await sessions.write(partial(_add, user_id="anna"))
    assert await _names(sessions) == ["anna"]


async def test_migration_gives_up_when_a_table_is_in_use_for_too_long(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    def alter(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE users ADD COLUMN late INTEGER"))

    with _another(database) as other:
        other.execute("SELECT count(*) FROM users")  # and stays in its transaction
        with pytest.raises(DatabaseBusyError, match="another process"):
            await sessions.migrate(alter)
    await sessions.write(partial(_add, user_id="anna"))


async def test_erasing_is_pending_as_long_as_somebody_sees_an_older_state(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    await sessions.write(partial(_add, user_id="anna"))
    erasures = Erasures(sessions)
    with _another(database) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert reader.execute("SELECT count(*) FROM users").fetchone() == (1,)
        assert not await erasures.run(_erase)
        assert (await erasures.of_user("anna")).pending
        await sessions.write(partial(_add, user_id="bert"))  # nobody waits for it
        assert reader.execute("SELECT user_id FROM users").fetchall() == [("anna",)]
    assert await erasures.finish()
    assert not (await erasures.of_user("anna")).pending


async def test_no_page_is_left_when_erasing_is_done(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    details: JsonObject = {"notes": [token_hex(1000) for _ in range(20)]}  # stored out of line
    await sessions.write(partial(users.add, user_id="anna", display_name="A", details=details))
    sizes = (
        "SELECT pg_relation_size('users'), pg_relation_size(reltoastrelid)"
        " FROM pg_class WHERE oid = 'users'::regclass"
    )
    ((inline, outside),) = execute(database, sizes)
    assert (inline > 0, outside > 20_000) == (True, True)
    assert await Erasures(sessions).run(_erase)
    assert execute(database, sizes) == [(0, 0)]


async def test_erasing_is_pending_when_another_process_is_at_it(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    with _another(database) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [lock_key(Exclusion.ERASING)])
        other.commit()
        assert not await sessions.wipe()
    assert await sessions.wipe()


async def test_trouble_is_told_and_forgotten_when_the_server_takes_no_writes(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    async def work(session: WriteSession) -> None:
        await session.execute(text("SET TRANSACTION READ ONLY"))
        await _add(session, user_id="anna")

    with pytest.raises(StorageError, match="no writes"):
        await sessions.write(work)
    assert isinstance(sessions.trouble, StorageError)
    await sessions.look(thorough=True)
    await sessions.try_again(pointer.rewrite)
    assert sessions.trouble is None


async def test_invalid_index_is_found_and_rebuilt(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    assert await sessions.engine.exists()
    assert await sessions.engine.troubles() == []
    execute(
        database,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'pk_embeddings'::regclass",
    )
    assert await sessions.engine.troubles() == ["The index pk_embeddings is not valid."]
    await sessions.engine.repair()
    assert await sessions.engine.troubles() == []


async def test_start_is_refused_with_a_sentence_when_pgvector_may_not_be_made(
    postgres: PostgresServer,
) -> None:
    database = postgres.new_database()
    execute(database, "CREATE ROLE guest LOGIN")
    try:
        url = database.url.replace("postgres:@", "guest:@").replace("postgres@", "guest@")
        assert "guest" in url
        with pytest.raises(SettingsError, match="may not create"):
            async with open_sessions(database.model_copy(update={"url": url})):
                pass
    finally:
        execute(database, "DROP ROLE guest")


async def test_database_opens_with_the_password_in_a_file_when_the_server_asks_for_one(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    role, password, file = f"guarded_{token_hex(4)}", "p w@:/%", tmp_path / "password"
    _ask_for_a_password(database, role, password, file)
    url = make_url(database.url).set(username=role).render_as_string(hide_password=False)
    guarded = database.model_copy(update={"url": url, "password_file": file})
    async with open_sessions(guarded) as sessions:
        assert await _names(sessions) == []
    execute(database, f"ALTER ROLE {role} PASSWORD 'another'")
    with pytest.raises(DatabaseBusyError, match="refuses the user"):
        async with open_sessions(guarded):
            pass


def _ask_for_a_password(database: DatabaseSettings, role: str, password: str, file: Path) -> None:
    """Has the server ask a new user for a password, which is written into the file."""
    file.write_text(f"{password}\n")
    execute(database, f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{password}'")
    rules = Path(execute(database, "SHOW hba_file")[0][0])
    rules.write_text(f"local all {role} scram-sha-256\n{rules.read_text()}")
    execute(database, "SELECT pg_reload_conf()")
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:  # it reads its rules in its own time
        try:
            psycopg.connect(plain_url(database), user=role, password="wrong").close()
        except psycopg.OperationalError:
            return
    raise AssertionError("the server asks for no password")
