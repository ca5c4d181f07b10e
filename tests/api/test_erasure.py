"""Erased means erased, as callers see it: 204 when nothing is left on the disk, else 202."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Service

pytestmark = pytest.mark.file

ANNA = "anna"
People = dict[str, list[bytes]]
_GIVE_UP_S = 30


@pytest.fixture
def database(service: "Service") -> Path:
    return Path(service.settings.database.url.partition("///")[2])


def _places(database: Path, *secrets: bytes) -> set[str]:
    files = {file: file.read_bytes() for file in database.parent.glob(f"{database.name}*")}
    return {
        file.name for file, content in files.items() if any(secret in content for secret in secrets)
    }


@contextmanager
def _backup_running(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM users").fetchall()
        yield


def _biometrics(database: Path) -> list[bytes]:
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute(
            "SELECT substr(crop_png, 100, 60), substr(embeddings.vector, 1, 60),"
            " substr(templates.vector, 1, 60) FROM photos"
            " JOIN embeddings ON photo = photos.id JOIN templates ON templates.user = photos.user"
        ).fetchall()
    return [part for row in found for part in row]


def test_person_and_photos_and_old_names_leave_the_disk(
    service: "Service", people: People, database: Path
) -> None:
    photos = [(f"anna-{number}.jpg", photo) for number, photo in enumerate(people[ANNA][:4], 1)]
    first = service.register("anna", photos, key="k", display_name="Anna of old")
    assert first.status_code == 201
    photo_id = first.json()["photos"][0]["photo_id"]
    biometrics = _biometrics(database)
    assert len(biometrics) == 12
    assert _places(database, *biometrics)

    # A name that was replaced is in no file, and no retry tells it.
    changed = service.client.patch("/v1/users/anna", json={"display_name": "Anna"})
    assert changed.status_code == 200
    assert service.client.portal is not None
    assert service.client.portal.call(service.graph.erasures.finish)
    assert _places(database, b"Anna of old") == set()
    retried = service.register("anna", people[ANNA][:4], key="k", display_name="Anna of old")
    assert retried.json()["user"]["display_name"] == "Anna"
    assert retried.json()["photos"] == first.json()["photos"]

    path = f"/v1/users/anna/photos/{photo_id}"
    with closing(sqlite3.connect(database)) as connection:
        ((crop,),) = connection.execute(
            "SELECT substr(crop_png, 100, 60) FROM photos WHERE id = ?",
            [photo_id.replace("-", "")],
        ).fetchall()
    assert service.client.delete(path).status_code == 204
    assert _places(database, crop, b"anna-1.jpg") == set()
    assert _places(database, b"anna-2.jpg")

    with _backup_running(database):
        pending = service.client.delete("/v1/users/anna")
        assert pending.status_code == 202
        assert (pending.json()["user_id"], pending.json()["pending"]) == ("anna", True)
        assert pending.json() == service.client.get("/v1/users/anna/erasure").json()
        assert service.client.get("/v1/users/anna").status_code == 404
        assert _places(database, *biometrics)
    # Tried again by itself.
    give_up = time.monotonic() + _GIVE_UP_S
    while service.client.get("/v1/users/anna/erasure").json()["pending"]:
        assert time.monotonic() < give_up
    assert _places(database, *biometrics) == set()

    # The retry of a request from before brings nobody back.
    refused = service.register("anna", people[ANNA][:4], key="k", display_name="Anna of old")
    service.assert_problem(refused, 409, "person_erased")
    other = service.register("bert", people[ANNA][:4], key="k")
    service.assert_problem(other, 409, "person_erased")
    assert service.rows()["users"] == 0
    assert service.register("anna", people[ANNA][:4], key="new").status_code == 201
    assert service.client.delete("/v1/users/anna").status_code == 204
    assert _places(database, *biometrics, b"Anna of old", b"anna-2.jpg") == set()
