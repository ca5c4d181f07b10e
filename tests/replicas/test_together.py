"""What one of two services does, and what the other one knows of it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.png import encode_png
from app.vision.scaling import Pixels
from benchmarks.duplicates import register_twice
from tests.databases import execute
from tests.reload.caller import Caller, wait_until
from tests.reload.conftest import Serve, copied
from tests.replicas.fleet import Fleet

_PER_MINUTE = 100_000


@pytest.fixture(scope="module")
def pair(
    enrolled: tuple[Settings, str],
    make_database: Callable[[Path], DatabaseSettings],
    serve: Serve,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    """Two services that all tests of this file share."""
    settings = copied(enrolled[0], make_database(tmp_path_factory.mktemp("pair")))
    with ExitStack() as stack:
        yield Fleet(
            settings,
            enrolled[1],
            serve,
            stack,
            FARSIGHT_REGISTRATION__MIN_PHOTOS="1",
            FARSIGHT_LIMITS__REQUESTS_PER_MINUTE=str(_PER_MINUTE),
        )


def _wait_until_known(caller: Caller, user_id: str | None, photo: bytes) -> None:
    wait_until(
        lambda: bool(caller.identify(photo)["faces"][0]["user_id"] == user_id),
        f"{user_id} is known",
    )


def test_request_is_carried_out_once_when_both_get_it_at_once(
    pair: Fleet, arrivals: dict[str, list[bytes]]
) -> None:
    (user_id, photos), *_ = arrivals.items()
    key = {"Idempotency-Key": uuid4().hex}
    both = threading.Barrier(2)

    def register(caller: Caller) -> httpx.Response:
        files = [("photos", (f"{place}.jpg", photo)) for place, photo in enumerate(photos[:3])]
        return caller.http.post("/v1/users", data={"user_id": user_id}, files=files, headers=key)

    def register_at_once(caller: Caller) -> httpx.Response:
        both.wait()
        return register(caller)

    here, there = pair.callers
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(register_at_once, (here, there))
    assert (first.status_code, second.status_code) == (201, 201), (first.text, second.text)
    assert first.json() == second.json()
    registered = f"SELECT count(*) FROM users WHERE user_id = '{user_id}'"
    assert execute(pair.settings.database, registered) == [(1,)]
    for caller in (here, there):
        _wait_until_known(caller, user_id, photos[5])
    assert here.http.delete(f"/v1/users/{user_id}").status_code in {202, 204}
    _wait_until_known(there, None, photos[5])
    assert register(there).json()["code"] == "person_erased"


def test_one_person_is_registered_once_when_both_get_them_under_two_ids(
    pair: Fleet, newcomers: dict[str, list[Pixels]]
) -> None:
    photos = [encode_png(of_person[0]) for of_person in newcomers.values()]
    found = register_twice([replica.process.url for replica in pair.replicas], pair.key, photos)
    assert found == {"201 + duplicate_person": len(photos)}


def test_rate_of_a_key_is_shared_when_there_are_two(pair: Fleet) -> None:
    for caller in pair.callers:

        def remaining(caller: Caller = caller) -> int:
            told = caller.http.get("/v1/admin/jobs").headers["RateLimit"]
            return int(told.split(";r=")[1].split(";")[0])

        wait_until(lambda: remaining() <= _PER_MINUTE / 2, "it knows of the other one")
        assert remaining() > _PER_MINUTE / 4


def test_change_is_heard_of_when_the_connection_that_listens_was_ended(
    pair: Fleet, arrivals: dict[str, list[bytes]]
) -> None:
    """And each service is counted again."""
    database = pair.settings.database
    listening = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"
    before = {pid for (pid,) in execute(database, f"SELECT pid {listening}")}
    assert len(before) == 2
    execute(database, f"SELECT pg_terminate_backend(pid) {listening}")

    def both_listen_again() -> bool:
        now = {pid for (pid,) in execute(database, f"SELECT pid {listening}")}
        return len(now) == 2 and now.isdisjoint(before)

    wait_until(both_listen_again, "both listen again")
    here, there = pair.callers
    _, (user_id, photos) = arrivals.items()
    assert there.register(user_id, photos[:3]).status_code == 201
    _wait_until_known(here, user_id, photos[5])
