"""PostgreSQL is gone for a while: what goes on, what is refused, and what holds afterwards."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from app.settings import Settings
from app.vision.scaling import Pixels
from farsight_client import Client
from tests.postgres_server import PostgresServer
from tests.reload.caller import Caller, assert_same, wait_until
from tests.reload.conftest import Serve

_AGE = "Farsight-Gallery-Age-S"
_LOST_S = 3  # when a service knows that the database is lost
_IMPATIENT_S = 5


@pytest.fixture
def callers(world: Settings, serve: Serve) -> Iterator[tuple[Caller, Caller]]:
    """Of a service that goes on for long, and of one that does not."""
    with ExitStack() as stack:
        patient, impatient = (
            stack.enter_context(serve(world, FARSIGHT_IDENTIFICATION__MAX_AGE_S=str(most_s)))[1]
            for most_s in (600, _IMPATIENT_S)
        )
        yield patient, impatient


def _age_s(caller: Caller) -> float:
    return float(caller.http.get("/readyz").headers[_AGE])


def _assert_come_again(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1


def test_identification_goes_on_from_memory_for_a_while_when_postgresql_is_restarted(
    postgres: PostgresServer,
    callers: tuple[Caller, Caller],
    probes: dict[str, Pixels],
    arrivals: dict[str, list[bytes]],
) -> None:
    patient, impatient = callers
    photos = arrivals["anna"][:3]
    before = patient.answers(probes)
    assert_same(impatient.answers(probes), before)
    other = patient.http.post("/v1/admin/keys", json={"scopes": ["identify"]}).json()["key"]
    with httpx.Client(
        base_url=patient.http.base_url, headers={"Authorization": f"Bearer {other}"}
    ) as http:
        assert http.get("/version").status_code == 200  # this key has been seen
        with postgres.stopped():
            while _age_s(patient) <= _LOST_S:
                assert_same(patient.answers(probes), before)
            assert patient.http.get("/readyz").status_code == 200
            assert http.get("/version").status_code == 200
            _assert_come_again(patient.http.get("/v1/users"))
            _assert_come_again(patient.register("anna", photos))
            _assert_come_again(patient.http.delete(f"/v1/users/{next(iter(probes))}"))
            unknown = {"Authorization": f"Bearer fs_{'0' * 12}_{'0' * 64}"}
            _assert_come_again(patient.http.get("/v1/users", headers=unknown))

            wait_until(
                lambda: impatient.http.get("/readyz").status_code == 503, "the other one gives up"
            )
            assert impatient.http.get("/readyz").json()["code"] == "not_ready"
            _assert_come_again(impatient.http.post("/v1/identify", files={"photos": photos[0]}))
            assert float(patient.identify(photos[0])["faces"][0]["similarity"]) < 1
        with Client(str(impatient.http.base_url), _key_of(impatient)) as client:
            client.register("anna", photos)  # comes again until it is taken
        wait_until(lambda: impatient.http.get("/readyz").status_code == 200, "it is ready")
        wait_until(lambda: max(map(_age_s, callers)) < _LOST_S, "both follow again")
        wait_until(  # it may have looked at the rows a moment before she was registered
            lambda: patient.identify(arrivals["anna"][5])["faces"][0]["user_id"] == "anna",
            "the other one knows her",
        )
        # While the database answers, a key ends at once, at every service.
        key_id = other.split("_")[1]
        assert impatient.http.delete(f"/v1/admin/keys/{key_id}").status_code == 204
        assert http.get("/version").status_code == 401


def _key_of(caller: Caller) -> str:
    return str(caller.http.headers["Authorization"]).removeprefix("Bearer ")
