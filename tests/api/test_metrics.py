"""/metrics: who may read it, what it counts, and that dashboard and alerts ask for what exists."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.recognition.recognizer import Finding, Recognizer
from app.services.following import Following
from app.services.keys import Scope
from app.setting_groups import ThreadSettings
from app.settings import Settings
from tests.databases import execute

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

People = dict[str, list[bytes]]
Samples = list[tuple[str, dict[str, str], float]]

DOCKER = Path(__file__).parents[2] / "docker"
ASKING = [DOCKER / "grafana" / "farsight.json", DOCKER / "prometheus" / "farsight.rules.yml"]
MONITORING = Path(__file__).parents[2] / "docs" / "monitoring.md"
NO_KEY = {"Authorization": ""}


@pytest.fixture(autouse=True)
def _always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.monitoring._FRESH_S", 0)


def _families(service: "Service") -> list[Metric]:
    answer = service.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return list(text_string_to_metric_families(answer.text))


def _samples(service: "Service") -> Samples:
    return [
        (sample.name, sample.labels, sample.value)
        for family in _families(service)
        for sample in family.samples
    ]


def _value(samples: Samples, name: str, **labels: str) -> float:
    return sum(
        value for of, theirs, value in samples if of == name and theirs.items() >= labels.items()
    )


def _wait_for(service: "Service", name: str, wanted: float, **labels: str) -> None:
    until_s = time.monotonic() + 30
    while (found := _value(_samples(service), name, **labels)) != wanted:
        assert time.monotonic() < until_s, (name, found)
        time.sleep(0.05)


def _work(service: "Service", people: People) -> None:
    """A registration with a photo that is refused, identifications, a reload."""
    assert service.identify(people["bert"][0]).status_code == 200
    photos = [*people["anna"][:3], b"no photo"]
    assert service.register("anna-secret", photos).status_code == 201
    for person in ("anna", "bert"):
        assert service.identify(people[person][5]).status_code == 200
    bundle = service.client.get("/version").json()["bundle"]
    job = service.client.post("/v1/admin/reload", json={"bundle": bundle}).json()["id"]
    service.client.get(f"/v1/admin/jobs/{job}/events")  # until it ends
    _wait_for(service, "farsight_reload_state", 1, state="succeeded")


@pytest.fixture(scope="module")
def worked(
    make_settings: Callable[[Path], Settings],
    tmp_path_factory: pytest.TempPathFactory,
    run_service: "RunService",
    people: People,
) -> Iterator["Service"]:
    """A service that has done everything that is counted."""
    with (
        pytest.MonkeyPatch.context() as patched,
        run_service(make_settings(tmp_path_factory.mktemp("worked"))) as service,
    ):
        patched.setattr("app.api.monitoring._FRESH_S", 0)
        _work(service, people)
        yield service


def test_everything_moves_when_the_service_has_worked(worked: "Service") -> None:
    samples = _samples(worked)
    identified = "POST /v1/identify"
    expected: Samples = [
        ("farsight_requests_total", {"operation": identified, "status": "200"}, 3),
        ("farsight_request_seconds_count", {"operation": identified}, 3),
        ("farsight_decisions_total", {"outcome": "nobody_enrolled", "bundle": "stock"}, 1),
        ("farsight_decisions_total", {"outcome": "named", "bundle": "stock"}, 1),
        ("farsight_decisions_total", {"outcome": "stranger", "bundle": "stock"}, 1),
        ("farsight_similarity_count", {"outcome": "named"}, 1),
        ("farsight_photos_accepted_total", {}, 3),
        ("farsight_photos_rejected_total", {"reason": "unreadable_image"}, 1),
        ("farsight_faces_total", {"face_px": "40+"}, 6),
        ("farsight_stage_seconds_count", {"stage": "decode"}, 6),
        ("farsight_stage_seconds_count", {"stage": "detect"}, 6),
        ("farsight_stage_seconds_count", {"stage": "align"}, 6),
        ("farsight_stage_seconds_count", {"stage": "search"}, 3),
        ("farsight_reader_wait_seconds_count", {}, 7),
        ("farsight_gallery_users", {}, 1),
        ("farsight_gallery_revision_lag", {}, 0),
        ("farsight_bundle_info", {"bundle": "stock"}, 1),
        ("farsight_reload_state", {"state": "succeeded"}, 1),
        ("farsight_reload_state", {"state": "failed"}, 0),
        ("farsight_bodies_in_flight", {}, 0),
        ("farsight_ready", {}, 1),
    ]
    assert [(name, of, _value(samples, name, **of)) for name, of, _ in expected] == expected
    for name in ("stage_seconds_count", "batch_crops_count", "network_wait_seconds_count"):
        assert _value(samples, f"farsight_{name}") > 6
    assert _value(samples, "farsight_gallery_revision") >= 1


@pytest.mark.parametrize("asking", ASKING, ids=lambda path: path.name)
def test_dashboard_and_alerts_ask_for_what_exists(worked: "Service", asking: Path) -> None:
    samples = _samples(worked)
    text = asking.read_text().replace('\\"', '"')
    asked = re.findall(r"\b((?:farsight|process)_\w+)\b(?:\{([^}]*)\})?", text)
    assert len(asked) > 12
    for name, selector in asked:
        of_name = [labels for found, labels, _ in samples if found == name]
        assert of_name, name
        for label, is_pattern, wanted in re.findall(r'(\w+)=(~?)"([^"]*)"', selector):
            if label in ("instance", "job"):  # Prometheus adds them
                continue
            values = {labels[label] for labels in of_name}
            # A load that goes well makes no errors, and no photo too small.
            assert is_pattern or wanted == "401" or wanted in values, (name, label, wanted)
    labels = {label for _, theirs, _ in samples for label in theirs} | {"instance"}
    for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", text):
        assert set(group.split(", ")) <= labels, group


def test_page_describes_every_metric_and_no_other(worked: "Service") -> None:
    described = set(re.findall(r"^\| `(farsight_\w+)`", MONITORING.read_text(), re.MULTILINE))
    families = {
        family.name + "_total" * (family.type == "counter")
        for family in _families(worked)
        if not family.name.startswith("process_")
    }
    assert described == families


def test_dashboard_shows_every_metric(worked: "Service") -> None:
    dashboard = json.loads(ASKING[0].read_text())
    shown = " ".join(of["expr"] for panel in dashboard["panels"] for of in panel["targets"])
    for family in _families(worked):
        assert family.name.startswith("process_") or family.name in shown, family.name


def test_metrics_name_nobody(worked: "Service") -> None:
    text = worked.client.get("/metrics").text
    key = worked.client.headers["Authorization"].split("_")[1]
    assert "secret" not in text
    assert "anna" not in text
    assert key not in text


def test_series_do_not_multiply_when_callers_make_up_addresses_and_methods(
    worked: "Service",
) -> None:
    def ask(number: int) -> None:
        worked.client.get(f"/v1/nothing-{number}")
        worked.client.get(f"/v1/users/nobody-{number}")
        worked.client.request(f"METHOD{number}", "/v1/users")

    ask(0)
    before = len(_samples(worked))
    for number in range(1, 4):
        ask(number)
    assert len(_samples(worked)) == before


def test_only_a_key_with_the_scope_admin_reads_them_when_nothing_is_set(
    service: "Service",
) -> None:
    for headers, status in (
        (NO_KEY, 401),
        (service.key(Scope.IDENTIFY, Scope.ENROLL), 403),
        (service.key(Scope.ADMIN), 200),
    ):
        assert service.client.get("/metrics", headers=headers).status_code == status


@pytest.mark.parametrize(("access", "status"), [("off", 404), ("open", 200)])
def test_everybody_or_nobody_reads_them_when_the_setting_says_so(
    settings: Settings, run_service: "RunService", access: str, status: int
) -> None:
    with run_service(settings.model_copy(update={"metrics": access})) as service:
        for headers in (NO_KEY, {}):
            assert service.client.get("/metrics", headers=headers).status_code == status


def test_text_is_written_once_a_second_when_many_ask(
    settings: Settings, run_service: "RunService", monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def write(*registries: object) -> bytes:
        written.append(registries)
        return generate_latest(*registries)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr("app.api.monitoring._FRESH_S", 600)
    monkeypatch.setattr("app.api.monitoring.generate_latest", write)
    with run_service(settings.model_copy(update={"metrics": "open"})) as service:
        texts = {service.client.get("/metrics", headers=NO_KEY).text for _ in range(5)}
    assert len(texts) == len(written) == 1


def test_applications_count_apart_when_two_run_in_a_process(
    settings: Settings, worked: "Service", run_service: "RunService"
) -> None:
    with run_service(settings) as other:
        assert _value(_samples(other), "farsight_decisions_total") == 0
        assert _value(_samples(worked), "farsight_decisions_total") == 3


def test_service_is_counted_as_not_ready_when_it_is_not(
    service: "Service", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.graph.readiness, "_trouble", "It is broken.")
    assert _value(_samples(service), "farsight_ready") == 0


def test_queues_and_bodies_are_counted_while_photos_wait(
    service: "Service", people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, readers = threading.Event(), ThreadSettings().readers
    find, photo = Recognizer.find, people["anna"][0]

    def wait_and_find(recognizer: Recognizer, photo: bytes, **options: Any) -> Finding:
        assert gate.wait(timeout=60)
        return find(recognizer, photo, **options)

    monkeypatch.setattr(Recognizer, "find", wait_and_find)
    callers = readers + 2
    with ThreadPoolExecutor(callers) as pool:
        answers = [pool.submit(service.identify, photo) for _ in range(callers)]
        try:
            _wait_for(service, "farsight_queue_length", 2, queue="readers")
            samples = _samples(service)
        finally:
            gate.set()
        assert {answer.result().status_code for answer in answers} == {200}
    assert _value(samples, "farsight_bodies_in_flight") == callers
    assert _value(samples, "farsight_bodies_bytes") > callers * len(photo)
    assert _value(_samples(service), "farsight_bodies_bytes") == 0


def test_lag_is_told_when_the_gallery_does_not_follow_the_database(
    service: "Service", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stand_still(_following: Following) -> None:
        pass

    monkeypatch.setattr(Following, "catch_up", stand_still)
    execute(service.settings.database, "UPDATE pointer SET gallery_revision = gallery_revision + 5")
    _wait_for(service, "farsight_gallery_revision_lag", 5)
