"""Everything of one database in another: nothing is lost, also when it is interrupted."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import select

from app.db import copying
from app.db.copying import copy_everything
from app.db.migration import open_sessions
from app.db.repositories import events, kept_faces, photos, pointer, users
from app.db.session import Sessions, WriteSession
from app.db.tables import (
    ApiKey,
    AuditEvent,
    KeptFace,
    Photo,
    SizedTemplate,
    StoredAnswer,
    Table,
    utc_now,
)
from app.errors import SettingsError
from app.setting_groups import DatabaseSettings

pytestmark = pytest.mark.both

_PEOPLE = 7
_ROWS = 1 + 1 + 1 + 1 + 2 + _PEOPLE * 5


async def _fill(session: WriteSession) -> None:
    generator = np.random.default_rng(0)
    await pointer.activate(session, "first", "space")
    session.add(ApiKey(id="key", secret_sha256="0" * 64, scopes=["admin"], label="", groups=None))
    await session.flush()
    for number in range(_PEOPLE):
        user = await users.add(session, f"user-{number}", "Ä", {"note": "ß"}, ["staff"])
        vector = generator.normal(size=512).astype(np.float32)
        photo = Photo(
            id=uuid4(),
            user=user.id,
            crop=generator.bytes(1000) if number else None,
            face_px=24.5,
            quality={"blur": 0.1},
            sha256=f"{number:064}",
        )
        await photos.add(session, [photo], "space", [vector])
        await users.put_template(session, user, "space", vector, photo_count=1, revision=number)
        session.add(SizedTemplate(user=user.id, space_id="space", face_px=12, vector=vector))
    faces = [
        KeptFace(
            face_id=uuid4(),
            kept_at=utc_now(),
            key_id="key",
            groups=groups,
            user=user.id if groups else None,
            similarity=0.5,
            threshold=0.4,
            face_px=20.0,
            route="dsr",
            quality={"blur": 0.1},
            space_id="space",
            vector=vector,
            crop=generator.bytes(1000),
        )
        for groups in (None, ["staff"])
    ]
    await kept_faces.add(session, faces)
    session.add(
        StoredAnswer(
            api_key="key", idempotency_key="once", user=user.id, request_sha256="", answer={"a": 1}
        )
    )


def _plain(value: object) -> object:
    return value.tobytes() if isinstance(value, np.ndarray) else value


async def _contents(sessions: Sessions) -> dict[str, list[list[object]]]:
    found = {}
    async with sessions.read() as session:
        for table in Table.metadata.sorted_tables:
            rows = await session.execute(select(table))
            found[table.name] = sorted(([_plain(of) for of in row] for row in rows), key=str)
    return found


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[Sessions]:
    settings = DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/source.db")
    async with open_sessions(settings) as opened:
        await opened.write(_fill)
        yield opened


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the progress bar is told, three rows at a time."""
    monkeypatch.setattr(copying, "_ROWS_AT_ONCE", 3)
    return []


async def test_everything_is_there_and_new_rows_follow_when_it_is_copied(
    source: Sessions, sessions: Sessions, told: list[tuple[int, int]]
) -> None:
    assert await copy_everything(source, sessions, lambda *at: told.append(at)) == _ROWS
    assert await _contents(sessions) == await _contents(source)
    assert told[-1] == (_ROWS, _ROWS)
    assert told == sorted(told)

    async def go_on(session: WriteSession) -> None:
        user = await users.add(session, "late", None, {})
        assert user.id > _PEOPLE
        await events.record(session, "test", "tested", "late", {})
        assert await session.get(AuditEvent, 1) is not None

    await sessions.write(go_on)


async def test_copy_goes_on_when_it_was_interrupted(
    source: Sessions, sessions: Sessions, told: list[tuple[int, int]]
) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done > _ROWS // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await copy_everything(source, sessions, interrupt)
    assert await _contents(sessions) != await _contents(source)
    assert await copy_everything(source, sessions, lambda *at: told.append(at)) == _ROWS
    assert await _contents(sessions) == await _contents(source)


@pytest.mark.parametrize("user_id", ["user-3", "somebody-else"])
async def test_copy_is_refused_when_the_target_holds_something_else(
    source: Sessions, sessions: Sessions, told: list[tuple[int, int]], user_id: str
) -> None:
    async def add(session: WriteSession) -> None:
        user = await users.add(session, user_id, None, {})
        assert user.id == 1

    await sessions.write(add)
    with pytest.raises(SettingsError, match="other rows"):
        await copy_everything(source, sessions, lambda *at: told.append(at))
