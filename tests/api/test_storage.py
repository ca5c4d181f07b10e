"""What callers and orchestrators are told when the database's disk or file is in trouble."""

import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Service

pytestmark = pytest.mark.file

ANNA, BERT = "anna", "bert"
People = dict[str, list[bytes]]


def _ready(service: "Service") -> int:
    service.try_readiness()
    return service.client.get("/readyz").status_code


def test_writes_are_refused_and_readyz_tells_as_long_as_the_disk_is_full_or_the_file_damaged(
    service: "Service", people: People
) -> None:
    database = Path(service.settings.database.url.partition("///")[2])
    assert service.register("anna", people[ANNA][:3]).status_code == 201
    before, limit = service.rows(), database.with_name(f"{database.name}-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        refused = service.register("bert", people[BERT][:3])
        service.assert_problem(refused, 507, "storage_failed")
        assert _ready(service) == 503
        assert "disk is full" in service.client.get("/readyz").json()["detail"]
        assert service.identify(people[ANNA][5]).json()["faces"][0]["user_id"] == "anna"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert service.rows() == before
    assert _ready(service) == 200
    assert service.register("bert", people[BERT][:3]).status_code == 201

    with database.open("r+b") as file:
        file.write(b"\x00" * 4096)
    refused = service.client.patch("/v1/users/bert", json={"display_name": "Bert"})
    service.assert_problem(refused, 503, "database_damaged")
    assert str(database) not in refused.text
    assert _ready(service) == 503
    assert "docs/backup.md" in service.client.get("/readyz").json()["detail"]
