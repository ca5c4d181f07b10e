"""What of CompreFace's requests is refused, and in which words."""

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from app.services.keys import Scope
from app.services.subjects import Subjects
from tests.compreface_client import NOBODY, CompreFace, assert_refused

if TYPE_CHECKING:
    from tests.api.conftest import CreateKey

ANNA, BERT = "anna", "bert"
ADA = "Ada Lovelace"
People = dict[str, list[bytes]]


@pytest.mark.parametrize("headers", [{"x-api-key": ""}, {"x-api-key": "none"}])
def test_request_is_refused_when_its_key_is_none(
    compreface: CompreFace, headers: dict[str, str]
) -> None:
    bearer = {"Authorization": f"Bearer {compreface.key}"}  # of the other API
    answer = compreface.send("GET", "/subjects", headers={**bearer, **headers})
    assert_refused(answer, 401, 10, "The API key is unknown.")


def test_header_is_named_when_it_is_missing(compreface: CompreFace) -> None:
    answer = compreface.service.client.get("/api/v1/recognition/subjects")
    assert_refused(answer, 401, 10, "Missing header: x-api-key")


def bound(compreface: CompreFace, group: str) -> CompreFace:
    wanted = {"scopes": [Scope.ENROLL, Scope.IDENTIFY], "groups": [group]}
    answer = compreface.service.client.post("/v1/admin/keys", json=wanted)
    return CompreFace(compreface.service, answer.json()["key"])


def test_subjects_of_others_are_unknown_when_keys_are_bound_to_groups(
    compreface: CompreFace, people: People
) -> None:
    north, south = (bound(compreface, group) for group in ("north", "south"))
    assert north.send("POST", "/subjects", json={"subject": "Carl"}).status_code == 201
    (of_north,) = north.added(ADA, people[ANNA][0])
    (of_south,) = south.added(ADA, people[BERT][0])
    assert (north.subjects(), south.subjects()) == ([ADA, "Carl"], [ADA])
    assert [face["image_id"] for face in south.examples()] == [of_south]
    assert south.recognized(people[ANNA][1])["subjects"][0]["similarity"] < 0.5
    assert_refused(south.send("DELETE", f"/faces/{of_north}"), 404, 44, "No photo has")
    verified = south.send_photo(f"/faces/{of_north}/verify", people[ANNA][1])
    assert_refused(verified, 404, 44, "No photo has")
    assert south.send("GET", f"/faces/{of_north}/img").content == b""
    assert south.send("DELETE", "/subjects").json() == {"deleted": 1}

    (user,) = compreface.service.client.get("/v1/users").json()["items"]
    address = f"/v1/users/{user['user_id']}"
    compreface.service.client.patch(address, json={"groups": ["north", "south"]})
    assert south.recognized(people[ANNA][1])["subjects"][0]["similarity"] > 0.5
    for method, path, options in (
        ("DELETE", f"/subjects/{ADA}", {}),
        ("DELETE", f"/faces/{of_north}", {}),
        ("PUT", f"/subjects/{ADA}", {"json": {"subject": "Ada"}}),
    ):
        assert_refused(south.send(method, path, **options), 403, 0, "is also in groups")
    assert_refused(south.add(ADA, people[ANNA][2]), 403, 0, "is also in groups")
    assert south.send("DELETE", "/faces").json() == {"deleted": 0}
    assert north.send("DELETE", "/subjects/Carl").json() == {"subject": "Carl"}
    assert north.subjects() == [ADA]


def test_scope_is_asked_for_before_the_body_when_a_key_lacks_it(
    compreface: CompreFace, create_key: "CreateKey", people: People
) -> None:
    settings = compreface.service.settings
    for scope, calls in (
        (Scope.IDENTIFY, [("GET", "/subjects"), ("POST", "/faces"), ("DELETE", "/faces")]),
        (Scope.ENROLL, [("POST", "/recognize"), ("POST", f"/faces/{NOBODY}/verify")]),
    ):
        client = CompreFace(compreface.service, create_key(settings, scope))
        for method, path in calls:
            assert_refused(client.send(method, path), 403, 0, "This needs the scope")
    too_large = compreface.send_photo("/recognize", bytes(1_000_001))
    assert_refused(too_large, 413, 0, "At most 1,000,000 bytes")
    names = json.dumps({"subject": "x" * 64_000})
    small_alone = compreface.send(
        "POST", "/subjects", content=names, headers={"Content-Type": "application/json"}
    )
    assert_refused(small_alone, 413, 0, "At most 64,000 bytes")


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code", "message"),
    [
        ("POST", "/faces", {"files": {"file": b"x"}}, 400, 33, "subject is missing."),
        ("POST", "/faces?subject=a", {"files": {"other": b"x"}}, 400, 34, "file is missing."),
        ("POST", "/faces?subject=a", {"json": {"file": "?"}}, 400, 26, "must be base64"),
        ("POST", "/faces?subject=%20", {"files": {"file": b"x"}}, 400, 26, "must not be empty"),
        ("POST", "/subjects", {"json": {"subject": "x" * 201}}, 400, 26, "at most 200 characters"),
        ("POST", "/subjects", {"json": {"name": "x"}}, 400, 34, "subject is missing."),
        ("POST", "/recognize?limit=-1", {"files": {"file": b"x"}}, 400, 26, "limit must be at"),
        ("DELETE", "/faces/7", {}, 400, 26, "image_id must be a UUID."),
        ("POST", f"/faces/{NOBODY}/verify", {"files": {"file": b"x"}}, 404, 44, "No photo has"),
        ("POST", "/embeddings/recognize", {"json": {}}, 404, 0, "has nothing at this address"),
        ("PATCH", "/subjects", {"json": {}}, 405, 0, "not with this method"),
    ],
)
def test_error_is_one_of_comprefaces_when_a_request_is_wrong(
    compreface: CompreFace,
    method: str,
    path: str,
    options: dict[str, Any],
    status: int,
    code: int,
    message: str,
) -> None:
    assert_refused(compreface.send(method, path, **options), status, code, message)


def test_error_is_one_of_comprefaces_when_the_service_fails(
    compreface: CompreFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_subjects: Subjects) -> Sequence[str]:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(Subjects, "names", fail)
        assert_refused(compreface.send("GET", "/subjects"), 500, 0, "The service has failed.")


def test_log_names_no_subject_when_an_address_does(
    compreface: CompreFace, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="app.access"):
        compreface.send("DELETE", "/subjects/Ada%20Lovelace")
    (line,) = (record.getMessage() for record in caplog.records if record.name == "app.access")
    assert line.startswith("DELETE /v1/recognition/subjects/{subject:path} 404")
