"""An administrator of a running service, who also looks at its rows."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import httpx
import pytest

from app.settings import Settings
from app.vision.png import encode_png
from app.vision.scaling import Pixels
from tests.databases import execute, is_file
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
        self.database = settings.database

    def one(self, query: str) -> Any:
        """The first column of the only row."""
        ((value,),) = execute(self.database, query)
        return value

    def change(self, statement: str) -> None:
        """Writes."""
        execute(self.database, statement)

    def let_time_pass(self) -> None:
        """Eleven seconds since anybody was heard of who works on the job: nobody does any more."""
        before = (
            "strftime('%Y-%m-%d %H:%M:%f', updated_at, '-11 seconds')"
            if is_file(self.database)
            else "updated_at - interval '11 seconds'"
        )
        self.change(f"UPDATE jobs SET updated_at = {before} WHERE state = 'running'")

    def assert_whole(self, caller: Caller) -> None:
        """The service serves what the rows point to, and everybody is known there."""
        bundle, space = caller.version()
        assert bundle == self.one("SELECT active_bundle FROM pointer")
        assert space == self.one(f"SELECT space_id FROM bundles WHERE name = '{bundle}'")
        inside = f"SELECT count(*) FROM templates WHERE space_id = '{space}'"
        assert self.one(inside) == self.one("SELECT count(*) FROM users")

    def steps(self) -> Iterator[str]:
        """The step of the youngest job, as often as it can be read."""
        youngest = (
            "SELECT CASE state WHEN 'running' THEN step ELSE state END"
            " FROM jobs ORDER BY created_at DESC LIMIT 1"
        )
        while True:
            found = execute(self.database, youngest)
            yield found[0][0] if found else ""

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
