"""Changing the weights through HTTP: who may, what is answered, what can be watched."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.scaling import Pixels

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

Crops = dict[str, list[Pixels]]
Encode = Callable[..., bytes]


@pytest.fixture
def service(reloading: Settings, run_service: "RunService") -> Iterator["Service"]:
    with run_service(reloading) as service:
        yield service


def _reload(service: "Service", bundle: str, **more: bool) -> dict[str, object]:
    answer = service.client.post("/v1/admin/reload", json={"bundle": bundle, **more})
    assert answer.status_code == 202, answer.text
    events = service.client.get(f"/v1/admin/jobs/{answer.json()['id']}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    last = events.text.strip().rpartition("data: ")[2]
    job = json.loads(last)
    assert isinstance(job, dict)
    return job


def _states(service: "Service") -> dict[str, str]:
    """Of all but the one that ships and does not serve here."""
    items = service.client.get("/v1/admin/bundles").json()["items"]
    return {item["name"]: item["state"] for item in items if item["name"] != "farsight-xs"}


def _answers(service: "Service", crops: Crops, encode: Encode) -> list[tuple[str | None, float]]:
    """Whom each person's probe is taken for, and how similar; all from the space that serves."""
    space = service.client.get("/version").json()["space"]
    found = []
    for photos in crops.values():
        answer = service.identify(encode(photos[3], "PNG"), detect="false").json()
        assert answer["space"] == space
        face = answer["faces"][0]
        found.append((face["user_id"], round(face["similarity"], 3)))
    return found


def test_everybody_stays_known_when_the_weights_change_and_change_back(
    service: "Service", crops: Crops, encode: Encode
) -> None:
    before = _answers(service, crops, encode)
    assert sum(user_id is not None for user_id, _ in before) > len(before) / 2
    assert _states(service) == {"farsight-xxs": "serving", "turned": "available"}

    job = _reload(service, "turned")
    assert (job["state"], job["step"], job["done"], job["total"]) == ("succeeded", "switch", 90, 90)
    assert _answers(service, crops, encode) == before
    assert _states(service) == {"farsight-xxs": "former", "turned": "serving"}

    back = service.client.post("/v1/admin/rollback")
    assert back.json()["bundle"] == "farsight-xxs"
    assert _answers(service, crops, encode) == before
    assert _states(service) == {"farsight-xxs": "serving", "turned": "former"}


def test_weights_change_when_nobody_is_enrolled(
    reloading: Settings, tmp_path: Path, run_service: "RunService"
) -> None:
    database = DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/empty.db")
    with run_service(reloading.model_copy(update={"database": database})) as service:
        job = _reload(service, "turned")
    assert (job["state"], job["total"]) == ("succeeded", 0), job["error"]
    # The database decides from now on, whatever is set.
    with run_service(reloading.model_copy(update={"database": database})) as service:
        assert service.client.get("/version").json()["bundle"] == "turned"


def test_people_who_come_after_a_reload_are_known_after_the_rollback(
    service: "Service", people: dict[str, list[bytes]]
) -> None:
    _reload(service, "turned")
    assert service.register("anna", people["anna"][:3]).status_code == 201
    service.client.post("/v1/admin/rollback")
    face = service.identify(people["anna"][5]).json()["faces"][0]
    assert face["user_id"] == "anna"
    assert service.client.delete("/v1/users/anna").status_code == 204
    service.client.post("/v1/admin/rollback")
    assert service.identify(people["anna"][5]).json()["faces"][0]["user_id"] is None


def test_second_reload_is_refused_with_the_job_when_one_is_running(service: "Service") -> None:
    first = service.client.post("/v1/admin/reload", json={"bundle": "turned"}).json()
    second = service.client.post("/v1/admin/reload", json={"bundle": "turned"})
    service.assert_problem(second, 409, "reload_running")
    assert second.json()["job_id"] == first["id"]
    service.assert_problem(service.client.post("/v1/admin/rollback"), 409, "reload_running")
    assert service.client.get(f"/v1/admin/jobs/{first['id']}").json()["state"] == "running"


@pytest.mark.parametrize("name", ["missing", "../../etc", "a/b", ".", "", "x" * 65])
def test_bundle_is_not_found_when_the_store_has_none_of_the_name(
    service: "Service", name: str
) -> None:
    answer = service.client.post("/v1/admin/reload", json={"bundle": name})
    assert answer.status_code in {404, 422}
    assert answer.json()["code"] in {"bundle_not_found", "invalid_request"}
    assert str(service.settings.bundles) not in answer.text


def test_nothing_is_rolled_back_when_no_bundle_served_before(service: "Service") -> None:
    service.assert_problem(service.client.post("/v1/admin/rollback"), 409, "no_former_bundle")


def test_job_is_not_found_when_there_is_none(service: "Service") -> None:
    for path in (f"/v1/admin/jobs/{uuid4()}", f"/v1/admin/jobs/{uuid4()}/events"):
        service.assert_problem(service.client.get(path), 404, "job_not_found")
