"""PostgreSQL's own backup: what `pg_restore` puts back is what there was."""

import subprocess
from pathlib import Path

import numpy as np
from sqlalchemy import select

from app.db.migration import open_sessions
from app.db.repositories import pointer, users
from app.db.session import Sessions, WriteSession
from app.db.tables import Template, User
from tests.postgres_server import PROGRAMS, PostgresServer, plain_url

_SPACE = "space"


async def _fill(session: WriteSession) -> None:
    await pointer.activate(session, "bundle", _SPACE)
    user = await users.add(session, "anna", "Anna", {"door": 3}, ["staff"])
    vector = np.full(512, 512**-0.5, np.float32)
    await users.put_template(session, user, _SPACE, vector, 1, 1)


async def _content(sessions: Sessions) -> list[tuple[object, ...]]:
    async with sessions.read() as session:
        found = await session.execute(
            select(User.user_id, User.details, User.groups, Template.vector).join(Template)
        )
        return [(*row[:-1], row[-1].tobytes()) for row in found]


def _run(program: str, *arguments: str) -> None:
    subprocess.run([PROGRAMS / program, *arguments], check=True, capture_output=True)


async def test_everybody_is_there_when_a_dump_is_restored(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    source, target = postgres.new_database(), postgres.new_database()
    dump = str(tmp_path / "backup.dump")
    async with open_sessions(source) as sessions:
        await sessions.write(_fill)
        await sessions.index_templates(_SPACE)
        before = await _content(sessions)
        _run("pg_dump", "--format=custom", f"--file={dump}", plain_url(source))
    _run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={plain_url(target)}", dump)
    async with open_sessions(target) as sessions:
        assert await _content(sessions) == before
        assert len(before) == 1
        assert await sessions.engine.troubles() == []
