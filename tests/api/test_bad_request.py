"""Bad fields, keys and addresses get a clear problem document and change nothing (issue 2)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from app.services.keys import Scope

if TYPE_CHECKING:
    from tests.api.conftest import Service

ANNA = "anna"
_FACE = "22222222-2222-2222-2222-222222222222"
People = dict[str, list[bytes]]


@pytest.fixture
def service(unchanged_service: "Service") -> "Service":
    return unchanged_service


def test_user_is_not_found_when_unknown(service: "Service", people: People) -> None:
    path = "/v1/users/nobody"
    for answer in (
        service.client.get(path),
        service.client.patch(path, json={"display_name": "x"}),
        service.client.delete(path),
        service.client.post(f"{path}/photos", files={"photos": people[ANNA][0]}),
        service.client.delete(f"{path}/photos/00000000-0000-0000-0000-000000000000"),
        service.client.post(
            "/v1/verify", data={"user_id": "nobody"}, files={"photo": people[ANNA][0]}
        ),
    ):
        service.assert_problem(answer, 404, "user_not_found")


@pytest.mark.parametrize(
    "user_id", ["", "-", ".hidden", "a b", "a/b", "ä", "a" * 65, "a\n", "a\x00", "../../etc/passwd"]
)
def test_registration_is_refused_when_the_user_id_is_bad(
    service: "Service", people: People, user_id: str
) -> None:
    answer = service.register(user_id, people[ANNA][:3])
    service.assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == "body.user_id"
    assert len(user_id) < 3 or user_id not in answer.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", "a" * 201),
        ("display_name", "line\nbreak"),
        ("metadata", "not json"),
        ("metadata", "[1]"),
        ("metadata", '{"a": {"b": 1}}'),
        ("metadata", '{"a": NaN}'),
        ("metadata", f'{{"a": {10**30}}}'),
        ("metadata", '{"a": "' + "x" * 501 + '"}'),
        ("metadata", "{" + ",".join(f'"{index}": 1' for index in range(33)) + "}"),
        ("allow_duplicate", "perhaps"),
    ],
)
def test_registration_is_refused_when_a_field_is_bad(
    service: "Service", people: People, field: str, value: str
) -> None:
    answer = service.register("anna", people[ANNA][:3], **{field: value})
    service.assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == f"body.{field}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", "7"),
        ("threshold", "-0.1"),
        ("threshold", "nan"),
        ("top_k", "-1"),
        ("top_k", "1000000"),
        ("max_faces", "0"),
        ("detect", "maybe"),
        ("min_face_px", "7.9"),
        ("min_face_px", "1001"),
        ("min_face_px", "nan"),
        ("min_face_px", "small"),
    ],
)
def test_identification_is_refused_when_an_option_is_bad(
    service: "Service", people: People, field: str, value: str
) -> None:
    answer = service.identify(people[ANNA][0], **{field: value})
    service.assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == f"body.{field}"


def test_twenty_one_photos_are_refused_before_one_is_read(
    service: "Service", people: People
) -> None:
    photos = [people[ANNA][0]] * 21
    for answer in (
        service.register("anna", photos),
        service.identify(*photos, same_person="true"),
    ):
        service.assert_problem(answer, 422, "too_many_photos")
        assert answer.json()["max_photos"] == 20


@pytest.mark.parametrize("fields", [[], ["user_id", "other_photo"]])
def test_verification_is_refused_when_it_is_not_told_with_what(
    service: "Service", people: People, fields: list[str]
) -> None:
    files = {"photo": people[ANNA][0]} | dict.fromkeys(fields[1:], people[ANNA][1])
    data = dict.fromkeys(fields[:1], "anna")
    answer = service.client.post("/v1/verify", data=data, files=files)
    service.assert_problem(answer, 422, "invalid_request")


def test_request_is_refused_when_its_body_is_no_form(service: "Service") -> None:
    for content_type, content in (
        ("multipart/form-data; boundary=x", b"no such boundary"),
        ("multipart/form-data", b"no boundary at all"),
    ):
        headers = {"Content-Type": content_type}
        answer = service.client.post("/v1/users", content=content, headers=headers)
        service.assert_problem(answer, 400, "bad_request")
    as_json = service.client.post("/v1/users", json={"user_id": "anna"})
    service.assert_problem(as_json, 422, "invalid_request")
    for content in (b'{"metadata": ', b'{"metadata": {"a": ' + b"9" * 5000 + b"}}"):
        headers = {"Content-Type": "application/json"}
        answer = service.client.patch("/v1/users/anna", content=content, headers=headers)
        assert answer.status_code in {400, 422}
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer fs_000000000000_" + "0" * 64},
        {"Authorization": "Bearer fs__"},
    ],
)
def test_caller_is_refused_when_the_key_is_wrong(
    service: "Service", people: People, headers: dict[str, str]
) -> None:
    answer = service.client.get("/v1/users", headers=headers)
    service.assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_body_is_not_read_when_the_key_is_wrong(service: "Service") -> None:
    def body() -> Iterator[bytes]:
        yield b"--b\r\n"
        raise AssertionError("the body was read on")

    answer = service.client.post(
        "/v1/identify",
        content=body(),
        headers={"Authorization": "Bearer x", "Content-Type": "multipart/form-data; boundary=b"},
    )
    service.assert_problem(answer, 401, "unauthenticated")


def test_nothing_is_at_unknown_addresses_and_methods(service: "Service") -> None:
    service.assert_problem(service.client.get("/v1/nothing"), 404, "not_found")
    for path, allowed in (
        ("/v1/users", "GET, POST"),
        ("/v1/users/anna/erasure", "GET"),
        ("/v1/identify", "POST"),
        ("/livez", "GET"),
    ):
        answer = service.client.put(path)
        service.assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


def test_list_is_refused_when_the_cursor_is_not_one_of_ours(service: "Service") -> None:
    for cursor in ("abc", "-", "ä", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"):
        answer = service.client.get("/v1/users", params={"cursor": cursor})
        service.assert_problem(answer, 422, "invalid_request")


SCOPES = {
    Scope.ENROLL: [
        ("POST", "/v1/users"),
        ("GET", "/v1/users"),
        ("GET", "/v1/users/anna"),
        ("PUT", "/v1/users/anna"),
        ("PATCH", "/v1/users/anna"),
        ("GET", "/v1/users/anna/erasure"),
        ("DELETE", "/v1/users/anna"),
        ("POST", "/v1/users/anna/photos"),
        ("DELETE", "/v1/users/anna/photos/00000000-0000-0000-0000-000000000000"),
        ("GET", "/v1/users/anna/photos/00000000-0000-0000-0000-000000000000/crop"),
        ("GET", "/v1/users/anna/thumbnail"),
        ("GET", "/v1/thumbnails"),
        ("GET", "/v1/users/anna/likeness"),
        ("POST", "/v1/users/anna/merge"),
        ("POST", "/v1/photos/review"),
        ("POST", "/v1/users/anna/photos/00000000-0000-0000-0000-000000000000/move"),
        ("GET", "/v1/kept-faces"),
        ("GET", "/v1/kept-faces/clusters"),
        ("GET", f"/v1/kept-faces/{_FACE}/crop"),
        ("POST", "/v1/kept-faces/assign"),
        ("POST", "/v1/kept-faces/dismiss"),
    ],
    Scope.IDENTIFY: [
        ("POST", "/v1/identify"),
        ("POST", "/v1/clips"),
        ("POST", "/v1/verify"),
        ("POST", "/v1/faces"),
        ("POST", "/v1/faces/pictures"),
    ],
    Scope.EMBED: [("POST", "/v1/embeddings")],
    Scope.ADMIN: [
        ("GET", "/v1/admin/bundles"),
        ("GET", "/v1/admin/thresholds"),
        ("POST", "/v1/admin/reload"),
        ("POST", "/v1/admin/rollback"),
        ("GET", "/v1/admin/jobs"),
        ("GET", "/v1/admin/jobs/11111111-1111-1111-1111-111111111111"),
        ("GET", "/v1/admin/jobs/11111111-1111-1111-1111-111111111111/events"),
        ("GET", "/v1/admin/keys"),
        ("POST", "/v1/admin/keys"),
        ("DELETE", "/v1/admin/keys/0a1b2c3d4e5f"),
        ("GET", "/v1/admin/events"),
        ("GET", "/v1/gallery/export"),
        ("POST", "/v1/gallery/import"),
    ],
}
_VALID: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", "/v1/thumbnails"): {"params": {"user_id": "anna"}},
    ("POST", "/v1/users"): {"data": {"user_id": "anna"}, "files": {"photos": b"x"}},
    ("PUT", "/v1/users/anna"): {"files": {"photos": b"x"}},
    ("PATCH", "/v1/users/anna"): {"json": {}},
    ("POST", "/v1/users/anna/photos"): {"files": {"photos": b"x"}},
    ("POST", "/v1/identify"): {"files": {"photos": b"x"}},
    ("POST", "/v1/clips"): {"files": {"clip": b"x"}},
    ("POST", "/v1/faces"): {"files": {"photos": b"x"}},
    ("POST", "/v1/faces/pictures"): {"files": {"photo": b"x"}},
    ("POST", "/v1/photos/review"): {"files": {"photos": b"x"}},
    ("POST", "/v1/kept-faces/assign"): {"json": {"faces": [_FACE], "user_id": "anna"}},
    ("POST", "/v1/kept-faces/dismiss"): {"json": {"faces": [_FACE]}},
    ("POST", "/v1/users/anna/photos/00000000-0000-0000-0000-000000000000/move"): {
        "json": {"to_user_id": "bert"}
    },
    ("POST", "/v1/users/anna/merge"): {"json": {"other_user_id": "bert"}},
    ("POST", "/v1/embeddings"): {"files": {"photos": b"x"}},
    ("POST", "/v1/verify"): {"files": {"photo": b"x"}},
    ("POST", "/v1/admin/keys"): {"json": {"scopes": ["enroll"]}},
    ("POST", "/v1/admin/reload"): {"json": {"bundle": "stock"}},
    ("POST", "/v1/gallery/import"): {"files": {"file": b"x"}},
}


@pytest.fixture(scope="module")
def narrow_keys(module_service: "Service") -> dict[Scope, dict[str, str]]:
    """For every scope, a key that has all the others."""
    return {
        missing: module_service.key(*(scope for scope in Scope if scope != missing))
        for missing in Scope
    }


@pytest.mark.parametrize("scope", SCOPES)
def test_caller_is_refused_when_the_scope_is_missing(
    narrow_keys: dict[Scope, dict[str, str]], service: "Service", scope: Scope
) -> None:
    for method, path in SCOPES[scope]:
        answer = service.client.request(
            method, path, headers=narrow_keys[scope], **_VALID.get((method, path), {})
        )
        service.assert_problem(answer, 403, "missing_scope")
        assert answer.json()["scope"] == scope


def test_every_operation_of_v1_is_in_the_list_of_scopes(service: "Service") -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    operations = [
        (method.upper(), path)
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/v1/")
    ]
    listed = [
        (
            method,
            path.replace("00000000-0000-0000-0000-000000000000", "{photo_id}")
            .replace("11111111-1111-1111-1111-111111111111", "{job_id}")
            .replace(_FACE, "{face_id}")
            .replace("0a1b2c3d4e5f", "{key_id}")
            .replace("/anna", "/{user_id}"),
        )
        for of_scope in SCOPES.values()
        for method, path in of_scope
    ]
    assert sorted(operations) == sorted(listed)
    assert len(operations) == 40
