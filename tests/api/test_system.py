"""What orchestrators ask, what the log says, how the service starts."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app import errors
from app.api.problems import STATUSES
from app.db.repositories import pointer
from app.main import create_app
from app.recognition.recognizer import Finding, Recognizer
from app.services.keys import Scope
from app.setting_groups import LimitSettings, ThreadSettings
from app.settings import Settings
from app.storage_errors import StorageError
from app.vision.alignment import Crop
from app.vision.embedder import Embedder
from tests.databases import execute

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

ANNA = "anna"
People = dict[str, list[bytes]]


def test_service_is_live_and_ready_when_it_runs(service: "Service") -> None:
    for path in ("/livez", "/readyz"):
        answer = service.client.get(path, headers={"Authorization": ""})
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    version = service.client.get("/version").json()
    assert version["bundle"] == "stock"
    assert len(version["space"]) == 16
    assert version["gallery_revision"] == 0


def test_service_is_not_ready_when_networks_answer_nonsense(
    service: "Service", monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer_nonsense(_embedder: Embedder, crops: Sequence[Crop]) -> object:
        return np.full((len(crops), 512), np.nan, np.float32), ["direct"] * len(crops)

    monkeypatch.setattr(Embedder, "embed", answer_nonsense)
    service.try_readiness()
    answer = service.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert service.client.get("/livez").status_code == 200


def test_service_is_not_ready_when_networks_do_not_answer(
    settings: Settings, run_service: "RunService", monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = LimitSettings(deadline_s=0.5)
    with run_service(settings.model_copy(update={"limits": limits})) as service:
        begun, gate = threading.Event(), threading.Event()
        embed = Embedder.embed

        def wait_and_embed(embedder: Embedder, crops: Sequence[Crop]) -> object:
            begun.set()
            assert gate.wait(timeout=60)
            return embed(embedder, crops)

        monkeypatch.setattr(Embedder, "embed", wait_and_embed)
        assert begun.wait(timeout=60)  # the service tries by itself
        answers = iter(lambda: service.client.get("/readyz"), None)
        answer = next(answer for answer in answers if answer.status_code != 200)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        gate.set()
        service.try_readiness()
        assert service.client.get("/readyz").status_code == 200


def test_service_is_not_ready_when_a_thread_of_the_networks_has_died(
    service: "Service", people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_arguments: object) -> None:
        raise SystemExit

    monkeypatch.setattr(Embedder, "embed", die)
    assert service.identify(people[ANNA][0]).status_code == 503
    answer = service.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert service.client.get("/livez").status_code == 200


def test_service_is_not_ready_when_its_database_fails(
    service: "Service", monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise StorageError("The disk has failed.")

    with monkeypatch.context() as patched:
        patched.setattr(pointer, "gallery_revision", fail)
        service.try_readiness()
        assert service.client.get("/readyz").status_code == 503
    service.try_readiness()
    assert service.client.get("/readyz").status_code == 200


def test_readiness_is_told_at_once_when_all_readers_are_busy(
    service: "Service", people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, busy, readers = threading.Event(), threading.Semaphore(0), ThreadSettings().readers
    find = Recognizer.find

    def wait_and_find(recognizer: Recognizer, photo: bytes, **options: Any) -> Finding:
        busy.release()
        assert gate.wait(timeout=60)
        return find(recognizer, photo, **options)

    monkeypatch.setattr(Recognizer, "find", wait_and_find)
    with ThreadPoolExecutor(2 * readers) as pool:
        callers = [pool.submit(service.identify, people[ANNA][0]) for _ in range(2 * readers)]
        assert all(busy.acquire(timeout=60) for _ in range(readers))
        assert service.client.get("/readyz").status_code == 200
        gate.set()
        assert {caller.result().status_code for caller in callers} == {200}


def test_request_keeps_its_id_when_it_is_a_sane_one(service: "Service") -> None:
    for wanted, kept in (("abc-1", True), ("a b", False), ("x" * 65, False), ("", False)):
        answer = service.client.get("/livez", headers={"X-Request-ID": wanted})
        assert (answer.headers["x-request-id"] == wanted) is kept
        assert len(answer.headers["x-request-id"]) in {16, len(wanted)}
        assert answer.headers["cache-control"] == "no-store"


def test_request_has_the_id_of_its_trace_when_it_belongs_to_one(service: "Service") -> None:
    trace, rest = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7-01"

    def id_of(traceparent: str, **headers: str) -> str:
        answer = service.client.get("/livez", headers={"traceparent": traceparent, **headers})
        told: str = answer.headers["x-request-id"]
        return told

    assert id_of(f"00-{trace}-{rest}") == trace
    assert id_of(f"01-{trace}-{rest}-of-later-versions") == trace
    assert id_of(f"00-{trace}-{rest}", **{"X-Request-ID": "own"}) == "own"
    for wrong in (f"00-{'0' * 32}-{rest}", f"ff-{trace}-{rest}", f"00-{trace}", "anna", ""):
        assert len(id_of(wrong)) == 16


def test_log_names_nobody_when_requests_succeed_and_fail(
    service: "Service", people: People, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="app"):
        service.register("anna-secret", people[ANNA][:3], display_name="Anna Secret")
        service.register("anna-secret", people[ANNA][:3])
        service.client.get("/v1/users/anna-secret")
        service.identify(people[ANNA][5])
        service.client.delete("/v1/users/anna-secret")
        service.client.delete("/v1/users/anna-secret")
    lines = [record.getMessage() for record in caplog.records if record.name == "app.access"]
    assert len(lines) == 6
    assert lines[2].startswith("GET /v1/users/{user_id} 200")
    assert "secret" not in caplog.text.lower()


def test_first_start_prints_a_key_once_when_there_is_none(
    settings: Settings, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), TestClient(create_app(settings)) as client:
        line = capsys.readouterr().err
        key = line.split()[-1]
        assert key.startswith("fs_")
        assert key not in caplog.text
        headers = {"Authorization": f"Bearer {key}"}
        assert client.get("/v1/users", headers=headers).status_code == 200
        assert client.post("/v1/identify", headers=headers).status_code == 422
    with TestClient(create_app(settings)):
        assert "fs_" not in capsys.readouterr().err


def test_key_ends_when_it_is_revoked(service: "Service") -> None:
    headers = service.key(Scope.ENROLL)
    assert service.client.get("/v1/users", headers=headers).status_code == 200
    key_id = headers["Authorization"].split("_")[1]
    service.client.portal.call(service.graph.keys.revoke, key_id)  # type: ignore[union-attr]  # a portal: it runs
    assert service.client.get("/v1/users", headers=headers).status_code == 401


@pytest.mark.file
def test_secret_is_nowhere_in_the_database_when_a_key_was_made(
    service: "Service", tmp_path: Path
) -> None:
    secret = service.key(Scope.ENROLL)["Authorization"].split("_")[2]
    files = list(tmp_path.glob("farsight.db*"))
    assert files
    assert not any(secret.encode() in file.read_bytes() for file in files)


def test_no_crop_is_kept_when_the_setting_says_so(
    settings: Settings, run_service: "RunService", people: People
) -> None:
    for retain_crops in (True, False):
        changed = settings.model_copy(update={"retain_crops": retain_crops})
        with run_service(changed) as service:
            service.register("anna", people[ANNA][:3])
            stored = execute(settings.database, "SELECT crop_png FROM photos")
            crops = [crop for (crop,) in stored]
            assert len(crops) == 3
            assert all((crop is not None) is retain_crops for crop in crops)
            service.client.delete("/v1/users/anna")


def test_documentation_is_served_when_the_setting_says_so(
    settings: Settings, run_service: "RunService"
) -> None:
    for docs, status in ((True, 200), (False, 404)):
        with run_service(settings.model_copy(update={"docs": docs})) as service:
            assert service.client.get("/docs").status_code == status
            assert service.client.get("/openapi.json").status_code == status


@pytest.mark.parametrize(
    "changes",
    [
        {"bundle": "missing"},
        {"quality": {"min_beauty": 1.0}},
        {"detection": {"zoom": 2.0}},
        {"device": "cuda"},
    ],
)
def test_service_does_not_start_when_a_setting_cannot_be_served(
    settings: Settings, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    expected = (errors.BundleError, errors.SettingsError, errors.DeviceError)
    with pytest.raises(expected), TestClient(create_app(settings.model_copy(update=changes))):
        raise AssertionError("the service has started")


def test_photos_stay_in_memory_when_they_are_large(
    make_settings: Callable[[Path], Settings],
    tmp_path: Path,
    run_service: "RunService",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a photo was written to disk")

    limits = LimitSettings(max_photo_bytes=1000)
    with run_service(make_settings(tmp_path).model_copy(update={"limits": limits})) as service:
        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
        assert service.identify(bytes(5_000_000)).json()["code"] == "image_too_large"


def test_every_error_has_a_status_or_is_one_of_the_service() -> None:
    def descendants(parent: type[errors.FarsightError]) -> set[type[errors.FarsightError]]:
        found = set(parent.__subclasses__())
        return found | {deeper for child in found for deeper in descendants(child)}

    of_app = {
        error
        for error in descendants(errors.FarsightError)
        if error.__module__ in {"app.errors", "app.storage_errors", "app.clip_errors"}
    }
    # Met by commands, at the start and in jobs, never through HTTP; landmarks are judged by the
    # recogniser.
    inside = {
        errors.DeviceError,
        errors.EvaluationError,
        errors.GateError,
        errors.JobLostError,
        errors.LandmarksError,
        errors.MislabelledError,
        errors.ModelFileError,
        errors.PhotoFolderError,
        errors.PeopleListError,
        errors.OutOfMemoryError,
        errors.ReloadFailedError,
        errors.SettingsError,
        errors.UnusablePhotoError,  # of which there are two kinds
    }
    assert of_app - inside == set(STATUSES)
    assert len({error.code for error in of_app}) == len(of_app) == 57
