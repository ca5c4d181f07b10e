"""An administrator of a running service, who also looks at its rows."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypedDict

import httpx
import pytest

from app.settings import Settings
from app.vision.png import encode_png
from app.vision.scaling import Pixels
from tests.program import PATIENCE_S

Answers = dict[str, tuple[str | None, float]]
"""Whom each probe was taken for, and how similar it was, by whose it is."""
Json = dict[str, Any]
Photo = Pixels | bytes
"""An aligned crop, or a whole photo in which the face is to be found."""


class Caller:
    """Speaks with a service over HTTP, with a key for everything.

    Args:
        url: The service's address.
        key: The key.
    """

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_S)

    def reload(self, bundle: str, *, force: bool = False) -> str:
        """Begins a reload; the job's id."""
        answer = self.http.post("/v1/admin/reload", json={"bundle": bundle, "force": force})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> Json:
        """How a reload stands."""
        answer = self.http.get(f"/v1/admin/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return as_json(answer)

    def finished(self, job_id: str) -> Json:
        """The reload when it has ended."""
        wait_until(lambda: self.job(job_id)["state"] != "running", "the reload ends")
        return self.job(job_id)

    def version(self) -> tuple[str, str]:
        """Bundle and space of the process that answers."""
        found = as_json(self.http.get("/version"))
        return found["bundle"], found["space"]

    def identify(self, photo: Photo) -> Json:
        """Whose photo this is."""
        answer = self.http.post("/v1/identify", **_upload(photo))
        assert answer.status_code == 200, answer.text
        return as_json(answer)

    def answers(self, probes: Mapping[str, Photo]) -> Answers:
        """Whom the service takes each probe for."""
        found: Answers = {}
        for name, photo in probes.items():
            (face,) = self.identify(photo)["faces"]
            found[name] = (face["user_id"], face["similarity"])
        return found

    def register(self, user_id: str, photos: Sequence[Photo]) -> httpx.Response:
        """Registers a person."""
        return self.http.post("/v1/users", **_upload(*photos, user_id=user_id))

    def add_photo(self, user_id: str, photo: Photo) -> httpx.Response:
        """Adds a photo to a person."""
        return self.http.post(f"/v1/users/{user_id}/photos", **_upload(photo))


class _Upload(TypedDict):
    data: dict[str, str]
    files: list[tuple[str, tuple[str, bytes]]]


def _upload(*photos: Photo, **fields: str) -> _Upload:
    """A form with photos of one kind."""
    if not isinstance(photos[0], bytes):
        fields["detect"] = "false"
    contents = [photo if isinstance(photo, bytes) else encode_png(photo) for photo in photos]
    return {"data": fields, "files": [("photos", ("photo", content)) for content in contents]}


def as_json(answer: httpx.Response) -> Json:
    """A JSON object that was answered."""
    found = answer.json()
    assert isinstance(found, dict)
    return found


def wait_until(happened: Callable[[], bool], what: str, every_s: float = 0.05) -> None:
    """Looks again and again until something has happened."""
    give_up = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < give_up, f"it never came that {what}"
        time.sleep(every_s)


def assert_same(answers: Answers, expected: Answers, tolerance: float = 1e-4) -> None:
    """The same people; similarities in rotated spaces differ by what float32 loses."""
    for name, (user_id, similarity) in expected.items():
        assert answers[name][0] == user_id, name
        assert answers[name][1] == pytest.approx(similarity, abs=tolerance), name


class Rows:
    """The rows of a service's database, read and written from outside of it.

    Args:
        settings: Of the service.
    """

    def __init__(self, settings: Settings) -> None:
        self.path = Path(settings.database.url.partition("///")[2])

    def one(self, query: str, *values: object) -> Any:
        """The first column of the only row."""
        with closing(sqlite3.connect(self.path, timeout=PATIENCE_S)) as connection:
            ((value,),) = connection.execute(query, values).fetchall()
        return value

    def change(self, statement: str) -> None:
        """Writes."""
        with closing(sqlite3.connect(self.path, timeout=PATIENCE_S)) as connection, connection:
            connection.execute(statement)

    def assert_whole(self, caller: Caller) -> None:
        """The service serves what the rows point to, and everybody is known there."""
        bundle, space = caller.version()
        assert bundle == self.one("SELECT active_bundle FROM pointer")
        assert space == self.one("SELECT space_id FROM bundles WHERE name = ?", bundle)
        inside = "SELECT count(*) FROM templates WHERE space_id = ?"
        assert self.one(inside, space) == self.one("SELECT count(*) FROM users")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within it nobody else can write."""
        with closing(sqlite3.connect(self.path, timeout=PATIENCE_S)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.rollback()

    def steps(self) -> Iterator[str]:
        """The step of the youngest job, as often as it can be read."""
        with closing(sqlite3.connect(self.path, timeout=PATIENCE_S)) as connection:
            while True:
                found = connection.execute(
                    "SELECT CASE state WHEN 'running' THEN step ELSE state END"
                    " FROM jobs ORDER BY created_at DESC LIMIT 1"
                ).fetchone()
                yield "" if found is None else found[0]

    def wait_for_step(self, step: str) -> None:
        """Returns when the youngest job is first seen at a step, or at a later one, or ended."""
        give_up = time.monotonic() + PATIENCE_S
        for seen in self.steps():
            if not seen or STEPS.index(seen) >= STEPS.index(step):
                return
            assert time.monotonic() < give_up, f"the job never came to {step}"


STEPS = [
    *("verify", "load", "warm_up", "self_test", "gate", "re_embed", "switch"),
    *("succeeded", "failed"),
]
