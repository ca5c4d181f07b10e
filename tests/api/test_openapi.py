"""The API's description: as committed, and true; schemathesis.toml says what is not checked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from app.main import create_app
from app.services.keys import Scope
from app.setting_groups import LimitSettings
from app.settings import Settings
from benchmarks import fuzz_hooks  # noqa: F401 - schemathesis knows its hook from now on

if TYPE_CHECKING:
    from tests.api.conftest import CreateKey

# Of answers: documents, gallery files, crops, events of jobs.
_MEDIA_TYPES = {"application/json", "application/octet-stream", "image/png", "text/event-stream"}
SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_description_is_the_committed_one() -> None:
    described = json.loads(json.dumps(create_app(Settings()).openapi()))
    committed = json.loads(SNAPSHOT.read_text())
    assert described == committed, "run: python -m app openapi > docs/openapi.json"


def test_every_operation_tells_its_problems_in_their_media_type() -> None:
    operations = [
        (method, path, operation)
        for path, methods in create_app(Settings()).openapi()["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) == 44
    for method, path, operation in operations:
        for status, response in operation["responses"].items():
            media_types = set(response.get("content", {}))
            if int(status) >= 400:
                assert media_types == {"application/problem+json"}, (method, path, status)
            else:
                assert media_types <= _MEDIA_TYPES, (method, path, status)
        assert ("security" in operation) is path.startswith("/v1/")


@dataclass(frozen=True)
class Address:
    """Where a service listens, and a key for it."""

    url: str
    key: str


@pytest.fixture(scope="module")
def listening(
    make_settings: Callable[[Path], Settings],
    create_key: "CreateKey",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Address]:
    """A service that answers through a socket."""
    # Wrong keys are tried at every operation, where 401 is expected and not 429.
    limits = LimitSettings(failed_keys_per_minute=10_000)
    settings = make_settings(tmp_path_factory.mktemp("service")).model_copy(
        update={"limits": limits}
    )
    key = create_key(settings, *Scope)
    config = uvicorn.Config(create_app(settings), port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Address(f"http://127.0.0.1:{port}", key)
    server.should_exit = True
    thread.join()


description = schemathesis.openapi.from_dict(create_app(Settings()).openapi())


@description.parametrize()
@hypothesis_settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_answer_is_a_documented_one(
    case: "schemathesis.Case[Any]", listening: Address
) -> None:
    case.call_and_validate(
        base_url=listening.url, headers={"Authorization": f"Bearer {listening.key}"}
    )


def test_events_are_as_described_when_there_is_a_job(listening: Address) -> None:
    headers = {"Authorization": f"Bearer {listening.key}"}
    with httpx.Client(base_url=listening.url, headers=headers) as client:
        bundle = client.get("/version").json()["bundle"]
        job = client.post("/v1/admin/reload", json={"bundle": bundle}).json()
    operation = description["/v1/admin/jobs/{job_id}/events"]["GET"]
    case = operation.Case(path_parameters={"job_id": job["id"]})
    answer = case.call_and_validate(base_url=listening.url, headers=headers)
    assert answer.text.startswith("event: job\ndata: {")
