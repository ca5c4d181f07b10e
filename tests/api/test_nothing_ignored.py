"""What is sent is used or refused, for every operation that the API describes (issue 14)."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from app.main import create_app
from app.settings import Settings

if TYPE_CHECKING:
    from tests.api.conftest import Service

ANNA = "anna"
People = dict[str, list[bytes]]

DOCUMENT = create_app(Settings()).openapi()


@pytest.fixture
def service(unchanged_service: "Service") -> "Service":
    return unchanged_service


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.replace("{user_id}", "anna"), operation


def _fields(operation: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        name = content["schema"]["$ref"].rpartition("/")[2]
        return media_type, DOCUMENT["components"]["schemas"][name]["properties"]
    return None, {}


def _misspelt(name: str) -> str:
    return name[:1] + name[2:]


def test_parameter_is_refused_when_no_operation_has_it(service: "Service") -> None:
    tried = 0
    for method, path, _ in _operations():
        answer = service.client.request(method, path, params={"nonsense": "1"})
        service.assert_problem(answer, 422, "invalid_request")
        assert "'nonsense'" in answer.json()["detail"]
        tried += 1
    assert tried == 44


def test_right_name_is_told_when_a_field_is_misspelt(service: "Service") -> None:
    tried = 0
    for method, path, operation in _operations():
        media_type, fields = _fields(operation)
        for name in fields:
            sent: dict[str, Any] = {"json": {_misspelt(name): "x"}}
            if media_type == "multipart/form-data":
                sent = {"files": {_misspelt(name): b"x"}}
            answer = service.client.request(method, path, **sent)
            service.assert_problem(answer, 422, "invalid_request")
            assert f"Did you mean {name!r}?" in answer.json()["detail"]
            tried += 1
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                name = parameter["name"]
                answer = service.client.request(method, path, params={_misspelt(name): "1"})
                assert f"Did you mean {name!r}?" in answer.json()["detail"]
                tried += 1
    assert tried == 95


def test_field_is_refused_when_it_is_sent_in_the_address(
    service: "Service", people: People
) -> None:
    answer = service.client.post(
        "/v1/identify", params={"threshold": "0.9"}, files={"photos": people[ANNA][0]}
    )
    service.assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"] == [
        {
            "field": "query.threshold",
            "message": "threshold belongs in the body of the request.",
        }
    ]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"data": {"photos": "x"}}, "photos must be a file"),
        ({"data": {"threshold": ""}}, "threshold is empty."),
        ({"data": {"threshold": ["0.1", "0.9"]}}, "threshold is given more than once."),
        ({"data": {"threshold": "2"}}, "threshold must be at most 1."),
        ({"data": {"top_k": "many"}}, "top_k must be a whole number."),
        ({"data": {"detect": "perhaps"}}, "detect must be true or false."),
        ({"data": {"x" * 65: "1"}}, "No field has this name."),
        ({"files": {"threshold": b"x"}}, "threshold must be a number."),
        ({}, "photos is missing."),
    ],
)
def test_sentence_tells_what_is_wrong_when_a_form_is(
    service: "Service", sent: dict[str, Any], message: str
) -> None:
    if "data" in sent:  # as a form with a file
        sent = {**sent, "files": {"photos": b"x"}}
    answer = service.client.post("/v1/identify", **sent)
    service.assert_problem(answer, 422, "invalid_request")
    assert message in answer.json()["detail"]
    assert "class" not in answer.text


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"a": "0" * 501}, "An entry of metadata must have at most 500 characters."),
        ({"a": [1]}, "An entry of metadata must be text, a number, true, false or null."),
        ({"a": 1e30}, "An entry of metadata must be at most"),
        ({"": 1}, "An entry of metadata must have at least 1 characters."),
        ("x", "metadata must be a JSON object."),
    ],
)
def test_metadata_is_refused_when_it_would_have_to_be_changed(
    service: "Service", people: People, metadata: object, message: str
) -> None:
    for answer in (
        service.register("anna", people[ANNA][:3], metadata=json.dumps(metadata)),
        service.client.patch("/v1/users/anna", json={"metadata": metadata}),
    ):
        service.assert_problem(answer, 422, "invalid_request")
        assert message in answer.json()["detail"]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"json": {"bundle": "stock", "force": "true"}}, "force must be true or false."),
        ({"json": {"bundle": 7}}, "bundle must be text."),
        ({"json": []}, "The body must be a JSON object."),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, "must be JSON."),
    ],
)
def test_sentence_tells_what_is_wrong_when_json_is(
    service: "Service", sent: dict[str, Any], message: str
) -> None:
    answer = service.client.post("/v1/admin/reload", **sent)
    service.assert_problem(answer, 422, "invalid_request")
    assert message in answer.json()["detail"]


def test_body_is_refused_when_none_is_read(service: "Service") -> None:
    answer = service.client.request("GET", "/v1/users", data={"limit": "3"})
    service.assert_problem(answer, 422, "invalid_request")
    assert answer.json()["detail"] == "This operation takes no body."
