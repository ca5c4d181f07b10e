"""The migrations against the tables in the code."""

import asyncio
from functools import partial
from uuid import uuid4

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from alembic import command
from app.db.migration import alembic_config, open_sessions
from app.db.repositories import keys, photos, pointer, users
from app.db.session import Sessions, WriteSession
from app.db.tables import Photo, Table
from app.errors import SettingsError
from app.setting_groups import DatabaseSettings
from app.vision.dimensions import EMBEDDING_SIZE
from tests.databases import execute

pytestmark = pytest.mark.both

_NOW = "'2026-11-23 00:00:00+00:00'"


async def _tables(sessions: Sessions) -> set[str]:
    found: set[str] = set()
    await sessions.migrate(lambda connection: found.update(inspect(connection).get_table_names()))
    return found


def _zeros(engine: str) -> str:
    return "zeroblob(2048)" if engine == "sqlite" else f"'[{','.join('0' * 512)}]'"


async def test_migrated_database_has_the_tables_of_the_code_when_all_migrations_ran(
    unmigrated: DatabaseSettings,
) -> None:
    differences: list[object] = []

    def compare(connection: Connection) -> None:
        differences.extend(compare_metadata(MigrationContext.configure(connection), Table.metadata))

    async with open_sessions(unmigrated) as sessions:
        plain = create_async_engine(unmigrated.url)
        async with plain.connect() as connection:
            await connection.run_sync(compare)
        await plain.dispose()
        assert differences == []
        assert len(Table.metadata.tables) == 14
        assert await _tables(sessions) == {*Table.metadata.tables, "alembic_version"}


async def test_no_table_is_left_when_all_migrations_are_taken_back(
    unmigrated: DatabaseSettings,
) -> None:
    async with open_sessions(unmigrated) as sessions:
        await sessions.migrate(lambda found: command.downgrade(alembic_config(found), "base"))
        assert await _tables(sessions) == {"alembic_version"}
        await sessions.migrate(lambda found: command.upgrade(alembic_config(found), "head"))
        assert await _tables(sessions) == {*Table.metadata.tables, "alembic_version"}


async def test_people_are_kept_when_migrations_are_taken_back_and_run_again(
    unmigrated: DatabaseSettings,
) -> None:
    """A table that is made anew would take with it all that refers to its rows."""
    vector = np.eye(1, EMBEDDING_SIZE, dtype=np.float32)[0]

    async def register(session: WriteSession) -> None:
        anna = await users.add(session, "anna", None, {})
        await users.put_template(session, anna, "space", vector, photo_count=1, revision=1)
        photo = Photo(
            id=uuid4(), user=anna.id, crop=None, face_px=100.0, quality={}, sha256="0" * 64
        )
        await photos.add(session, [photo], "space", [vector])

    async with open_sessions(unmigrated) as sessions:
        await sessions.write(register)
        await sessions.migrate(lambda found: command.downgrade(alembic_config(found), "0003"))
    async with open_sessions(unmigrated) as sessions, sessions.read() as session:
        assert [user_id for user_id, *_ in await users.templates(session, "space")] == ["anna"]
        anna = await users.get(session, "anna")
        assert [len(of) for of in (await photos.embeddings(session, anna)).values()] == [1]


async def test_people_and_pointer_are_kept_when_a_database_of_before_reload_is_migrated(
    unmigrated: DatabaseSettings, engine: str
) -> None:
    async with open_sessions(unmigrated) as sessions:
        await sessions.migrate(lambda found: command.downgrade(alembic_config(found), "0001"))
        for statement in (
            "INSERT INTO users (id, user_id, metadata, created_at, updated_at) "
            f"VALUES (1, 'anna', '{{}}', {_NOW}, {_NOW})",
            f"INSERT INTO templates VALUES (1, 'space', {_zeros(engine)}, 3)",
            f"INSERT INTO bundles VALUES ('first', 'space', {_NOW})",
            "INSERT INTO pointer VALUES (1, 'first', 7)",
        ):
            execute(unmigrated, statement)
    async with open_sessions(unmigrated) as sessions, sessions.read() as session:
        assert [user_id for user_id, *_ in await users.templates(session, "space")] == ["anna"]
        active = await pointer.active_bundle(session)
        assert active is not None
        assert (active.name, await pointer.former_bundle(session)) == ("first", None)
        assert await pointer.gallery_revision(session) == 7


async def test_keys_are_kept_when_a_database_of_before_expiry_is_migrated(
    unmigrated: DatabaseSettings,
) -> None:
    async with open_sessions(unmigrated) as sessions:
        await sessions.migrate(lambda found: command.downgrade(alembic_config(found), "0003"))
        values = f"'id', '{'0' * 64}', '[\"admin\"]', 'door', {_NOW}"
        columns = "id, secret_sha256, scopes, label, created_at"
        execute(unmigrated, f"INSERT INTO api_keys ({columns}) VALUES ({values})")
    async with open_sessions(unmigrated) as sessions, sessions.read() as session:
        (key,) = await keys.every(session)
        assert (key.id, key.scopes, key.label) == ("id", ["admin"], "door")
        assert (key.expires_at, key.last_used_at, key.has_ended()) == (None, None, False)


async def test_every_opener_succeeds_when_several_open_a_new_database_at_once(
    unmigrated: DatabaseSettings,
) -> None:
    async def open_and_read() -> int:
        async with open_sessions(unmigrated) as sessions, sessions.read() as session:
            return await users.count(session)

    assert await asyncio.gather(*(open_and_read() for _ in range(4))) == [0] * 4


async def test_start_is_refused_when_a_newer_version_has_migrated_the_database(
    unmigrated: DatabaseSettings,
) -> None:
    async with open_sessions(unmigrated) as sessions:
        add = partial(users.add, user_id="anna", display_name=None, details={})
        await sessions.write(add)
    execute(unmigrated, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="newer Farsight"):
        async with open_sessions(unmigrated):
            pass
