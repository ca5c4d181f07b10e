"""What is stored comes back the same from each kind of database."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import numpy as np
import pytest

from app.db.repositories import photos, raw, users
from app.db.session import Sessions, WriteSession
from app.db.tables import ApiKey, Photo

pytestmark = pytest.mark.both

_TRICKY = np.array(
    [0.1, -1 / 3, 1e-38, np.finfo(np.float32).tiny, np.nextafter(np.float32(1), np.float32(2))]
)
_VECTOR = np.resize(_TRICKY, 512).astype(np.float32)


async def _add(session: WriteSession) -> None:
    user = await users.add(session, "anna", "Anna Ä", {"note": "ß 'quoted' \x7f"}, ["staff", "new"])
    photo = Photo(
        id=uuid4(), user=user.id, crop=b"\x00\xff", face_px=1 / 3, quality={}, sha256="0" * 64
    )
    await photos.add(session, [photo], "space", [_VECTOR])
    await users.put_template(session, user, "space", _VECTOR, photo_count=1, revision=1)


async def test_vectors_come_back_bit_for_bit(sessions: Sessions) -> None:
    await sessions.write(_add)
    async with sessions.read() as session:
        user = await users.get(session, "anna")
        by_space = await photos.embeddings(session, user)
        ((name, template, groups),) = await users.templates(session, "space")
        (as_bytes,) = await raw.users(session, 0, 10)
    assert (name, groups) == ("anna", frozenset({"staff", "new"}))
    for vector in (*by_space["space"], template):
        assert vector.dtype == np.float32
        assert vector.tobytes() == _VECTOR.tobytes()
    assert as_bytes.templates == {"space": (_VECTOR.astype("<f4").tobytes(), 1)}
    assert list(as_bytes.embeddings.values()) == [_VECTOR.astype("<f4").tobytes()]
    assert list(as_bytes.crops.values()) == [b"\x00\xff"]


async def test_moments_keep_their_place_in_time_whatever_their_zone(sessions: Sessions) -> None:
    moment = datetime(2026, 11, 26, 1, 2, 3, 456789, tzinfo=timezone(timedelta(hours=5.5)))

    async def add(session: WriteSession) -> None:
        key = ApiKey(id="id", secret_sha256="", scopes=[], label="", expires_at=moment)
        session.add(key)

    await sessions.write(add)
    async with sessions.read() as session:
        key = await session.get(ApiKey, "id")
        assert key is not None
        assert key.expires_at == moment
        assert key.expires_at.tzinfo == UTC


async def test_users_are_listed_in_the_order_of_bytes(sessions: Sessions) -> None:
    names = ["b", "a", "B", "_", "-", "a.b", "aB", "ab", "1"]

    async def add(session: WriteSession) -> None:
        for name in names:
            await users.add(session, name, None, {})

    await sessions.write(add)
    async with sessions.read() as session:
        listed, after = [], None
        while page := await users.page(session, users.Wanted(), users.Order.USER_ID, after, 2):
            listed += [user.user_id for user, _ in page]
            after = listed[-1]
    assert listed == sorted(names)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (users.Wanted(search="ANN"), 1),
        (users.Wanted(search="anna Ä"), 1),
        (users.Wanted(search="ß 'Quoted'"), 1),
        (users.Wanted(search="%"), 0),
        (users.Wanted(groups=["new", "other"]), 1),
        (users.Wanted(groups=["sta"]), 0),
        (users.Wanted(groups=[]), 0),
    ],
)
async def test_those_wanted_are_found(sessions: Sessions, wanted: users.Wanted, found: int) -> None:
    await sessions.write(_add)
    async with sessions.read() as session:
        assert await users.count_matching(session, wanted) == found
