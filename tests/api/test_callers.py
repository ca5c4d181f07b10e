"""Hostile or merely impatient callers: what is asked of them before anything is done for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from app.services.keys import Scope
from app.setting_groups import LimitSettings
from app.settings import Settings

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

ANNA = "anna"
People = dict[str, list[bytes]]
FORM = "multipart/form-data; boundary=b"


@pytest.fixture(scope="module")
def limited_settings(
    make_settings: Callable[[Path], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    limits = LimitSettings(
        max_body_bytes=1_000_000,
        max_bodies_bytes=2_000_000,
        max_photos=2,
        requests_per_minute=6,
        photos_per_minute=2,
        failed_keys_per_minute=3,
    )
    return make_settings(tmp_path_factory.mktemp("service")).model_copy(update={"limits": limits})


@pytest.fixture
def service(limited_settings: Settings, run_service: "RunService") -> Iterator["Service"]:
    with run_service(limited_settings) as service:
        yield service


@contextmanager
def _queries() -> Iterator[list[str]]:
    """What is asked of the database meanwhile, but for what the service asks by itself."""
    seen: list[str] = []

    def see(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        # When a good key was used last is written a second later.
        if "api_keys" in statement and "SET last_used_at" not in statement:
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", see)


def _unread_body() -> Iterator[bytes]:
    yield b"--b\r\n"
    raise AssertionError("the body was read on")


def test_body_is_not_read_when_the_scope_is_missing(service: "Service") -> None:
    headers = service.key(Scope.IDENTIFY)
    for path, kind in (
        ("/v1/admin/reload", "application/json"),
        ("/v1/users", FORM),
        ("/v1/gallery/import", FORM),
    ):
        answer = service.client.post(
            path, content=_unread_body(), headers={**headers, "Content-Type": kind}
        )
        service.assert_problem(answer, 403, "missing_scope")


def test_body_is_refused_when_it_is_too_large_for_its_address(service: "Service") -> None:
    for path, kind, size in (
        ("/v1/admin/reload", "application/json", 64_001),
        ("/v1/admin/reload", FORM, 64_001),
        ("/v1/identify", "application/x-www-form-urlencoded", 64_001),
        ("/v1/identify", FORM, 1_000_001),
    ):
        announced = service.client.post(path, content=bytes(size), headers={"Content-Type": kind})
        service.assert_problem(announced, 413, "body_too_large")
    pieces = iter([bytes(40_000)] * 2)
    counted = service.client.post(
        "/v1/admin/reload", content=pieces, headers={"Content-Type": "application/json"}
    )
    service.assert_problem(counted, 413, "body_too_large")


def test_key_waits_when_it_wants_too_much_in_a_minute(service: "Service") -> None:
    first, second = service.key(Scope.IDENTIFY), service.key(Scope.IDENTIFY)
    for expected in (5, 4):
        answer = service.client.post("/v1/identify", headers=first, files={"photos": b"x"})
        service.assert_problem(answer, 422, "unreadable_image")
        assert answer.headers["ratelimit-policy"] == '"requests";q=6;w=60, "photos";q=2;w=60'
        assert answer.headers["ratelimit"].startswith(f'"requests";r={expected};t=')
    refused = service.client.post("/v1/identify", headers=first, files={"photos": b"x"})
    service.assert_problem(refused, 429, "rate_limited")
    assert "photos a minute" in refused.json()["detail"]
    assert 20 <= int(refused.headers["retry-after"]) <= 30
    for _ in range(3):
        assert service.client.post("/v1/identify", headers=first).status_code == 422
    refused = service.client.post("/v1/identify", headers=first)
    service.assert_problem(refused, 429, "rate_limited")
    assert "requests a minute" in refused.json()["detail"]
    assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
    answer = service.client.post("/v1/identify", headers=second, files={"photos": b"x"})
    service.assert_problem(answer, 422, "unreadable_image")  # others have theirs


def test_keys_that_are_none_cost_no_query_when_many_come(service: "Service") -> None:
    known = service.client.headers["authorization"]
    key_id = known.split("_")[1]
    assert service.client.get("/v1/users").status_code == 200
    wrong = [f"fs_{key_id}_{'0' * 64}", *(f"fs_{number:012x}_{'0' * 64}" for number in range(50))]
    service.graph.keys._learnt_s = float("inf")  # the second in which anybody may cause one
    with _queries() as queries:
        answers = [
            service.client.get("/v1/users", headers={"Authorization": f"Bearer {key}"})
            for key in [wrong[0]] * 50 + wrong
        ]
    assert queries == []
    assert {answer.status_code for answer in answers} == {401, 429}
    assert int(answers[-1].headers["retry-after"]) <= 20
    # A good key from the same address is as good as ever, also one that is new.
    assert service.client.get("/v1/users").status_code == 200
    service.graph.keys._learnt_s = 0
    headers = service.key(Scope.ENROLL)
    assert service.client.get("/v1/users", headers=headers).status_code == 200


def test_log_tells_of_wrong_secrets_and_shows_none(
    service: "Service", caplog: pytest.LogCaptureFixture
) -> None:
    key_id = service.client.headers["authorization"].split("_")[1]
    headers = {"Authorization": f"Bearer fs_{key_id}_0123456789abcdef"}
    service.client.get("/v1/users", headers=headers)
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert {record.getMessage() for record in warnings} == {
        "wrong secrets were sent with a valid key id",
        "requests without a valid key are refused",
    }
    assert key_id not in caplog.text
    assert "0123456789abcdef" not in caplog.text
