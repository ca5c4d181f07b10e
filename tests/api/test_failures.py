"""What callers and rows see when something fails in the middle."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from app.recognition.inference import Inference
from app.recognition.recognizer import Finding, Recognizer
from app.services.identification import Identifier
from app.setting_groups import LimitSettings
from app.settings import Settings
from app.vision.embedder import Embedder

if TYPE_CHECKING:
    import httpx2

    from tests.api.conftest import RunService, Service

ANNA, BERT = "anna", "bert"
People = dict[str, list[bytes]]


@contextmanager
def _failing_commits() -> Iterator[None]:
    """The write-ahead log cannot be written: commits of transactions that wrote fail."""

    def disk_full(connection: Connection) -> None:
        if connection.exec_driver_sql("SELECT total_changes()").scalar_one():
            raise OSError("disk full")

    event.listen(Engine, "commit", disk_full)
    try:
        yield
    finally:
        event.remove(Engine, "commit", disk_full)


def test_registration_is_not_answered_201_when_its_commit_fails(
    service: "Service", people: People
) -> None:
    before = service.rows()
    with _failing_commits():
        answer = service.register("anna", people[ANNA][:3])
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "disk full" not in answer.text
    assert service.rows() == before
    assert len(service.graph.current.serving.gallery) == 0
    assert service.register("anna", people[ANNA][:3]).status_code == 201


@pytest.mark.parametrize("what", ["add", "delete photo", "erase", "patch"])
def test_user_stays_as_it_was_when_the_commit_of_a_change_fails(
    service: "Service", people: People, what: str
) -> None:
    service.register("anna", people[ANNA][:4])
    user = service.client.get("/v1/users/anna").json()
    before, template = service.rows(), service.graph.current.serving.gallery.template("anna")
    with _failing_commits():
        match what:
            case "add":
                files = {"photos": people[ANNA][5]}
                answer = service.client.post("/v1/users/anna/photos", files=files)
            case "delete photo":
                photo_id = user["photos"][0]["photo_id"]
                answer = service.client.delete(f"/v1/users/anna/photos/{photo_id}")
            case "erase":
                answer = service.client.delete("/v1/users/anna")
            case _:
                answer = service.client.patch("/v1/users/anna", json={"metadata": {"a": 1}})
    assert answer.status_code == 500
    assert service.rows() == before
    assert service.client.get("/v1/users/anna").json() == user
    after = service.graph.current.serving.gallery.template("anna")
    assert template is not None
    assert after is not None
    assert (after == template).all()


def test_next_request_is_answered_when_a_network_raises(
    service: "Service", people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("CUDA error at /secret/path")

    before = service.rows()
    with monkeypatch.context() as patched:
        patched.setattr(Embedder, "embed", fail)
        registered = service.register("anna", people[ANNA][:3])
        identified = service.identify(people[ANNA][0])
        service.try_readiness()
        ready = service.client.get("/readyz")
    assert ready.status_code == 503
    assert "secret" not in ready.text
    for answer in (registered, identified):
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert service.rows() == before
    assert service.register("anna", people[ANNA][:3]).status_code == 201


def test_one_of_two_is_registered_when_both_want_the_same_name(
    service: "Service", people: People
) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda who: service.register("anna", people[who][:3]), (ANNA, BERT)))
    assert sorted(answer.status_code for answer in both) == [201, 409]
    assert service.rows()["users"] == service.rows()["templates"] == 1
    assert service.rows()["photos"] == 3


def test_one_of_two_is_registered_when_both_are_the_same_person(
    service: "Service", people: People
) -> None:
    def register(index: int) -> "httpx2.Response":
        return service.register(f"anna-{index}", people[ANNA][4 * index : 4 * index + 4])

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(register, range(2)))
    assert sorted(answer.status_code for answer in both) == [201, 409]
    assert {answer.json().get("code") for answer in both} == {None, "duplicate_person"}


def test_all_retries_get_one_answer_when_they_come_at_once(
    service: "Service", people: People
) -> None:
    with ThreadPoolExecutor(3) as pool:
        answers = list(
            pool.map(lambda _: service.register("anna", people[ANNA][:3], key="k"), range(3))
        )
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.text for answer in answers}) == 1
    assert service.rows()["users"] == service.rows()["stored_answers"] == 1


class _Gate:
    """Keeps readers busy until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.reached = threading.Event(), threading.Event()
        find = Recognizer.find

        def wait_and_find(recognizer: Recognizer, photo: bytes, **options: Any) -> Finding:
            self.reached.set()
            assert self.opened.wait(timeout=60)
            return find(recognizer, photo, **options)

        monkeypatch.setattr(Recognizer, "find", wait_and_find)


def test_request_is_refused_for_now_when_too_many_wait(
    settings: Settings,
    run_service: "RunService",
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = LimitSettings(max_requests=1)
    with (
        run_service(settings.model_copy(update={"limits": limits})) as service,
        ThreadPoolExecutor(1) as pool,
    ):
        gate = _Gate(monkeypatch)
        first = pool.submit(service.identify, people[ANNA][0])
        assert gate.reached.wait(timeout=60)
        refused = service.identify(people[ANNA][0])
        gate.opened.set()
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        assert first.result().status_code == 200
        assert service.identify(people[ANNA][0]).status_code == 200


def test_request_ends_in_504_when_its_time_is_up(
    service: "Service", people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = _Gate(monkeypatch)
    impatient = Inference(
        Recognizer.__new__(Recognizer), readers=1, workers=1, max_requests=1, deadline_s=0.05
    )
    service.graph.identifier = Identifier(impatient, max_photos=20)
    answer = service.identify(people[ANNA][0])
    gate.opened.set()
    impatient.close()
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


def test_database_answers_when_its_only_connection_is_wanted_during_inference(
    settings: Settings,
    run_service: "RunService",
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = settings.database.model_copy(update={"pool_size": 1})
    with (
        run_service(settings.model_copy(update={"database": database})) as service,
        ThreadPoolExecutor(2) as pool,
    ):
        gate = _Gate(monkeypatch)
        first = pool.submit(service.identify, people[ANNA][0])
        second = pool.submit(service.register, "anna", people[ANNA][:3])
        assert gate.reached.wait(timeout=60)
        listed = service.client.get("/v1/users")
        gate.opened.set()
        assert listed.status_code == 200
        assert first.result().status_code == 200
        assert second.result().status_code == 201
