"""Both clients cover the API as docs/openapi.json describes it: operations, fields and answers."""

import inspect
import json
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Union, get_args, get_origin
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from farsight_client import (
    ApiError,
    AsyncClient,
    Box,
    Client,
    calls,
    face_calls,
    operator_calls,
    review_calls,
)
from farsight_client.call import Call
from tests.answering import Asked, Reply, answering, problem

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8")
)
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
NO_OPERATION = {"close", "send", "watch"}  # the last has no operation, but a socket
# For every parameter of a client's method.
EXAMPLES: dict[str, object] = {
    "allow_duplicate": True,
    "answer": "named",
    "boxes": {0: Box(1, 2, 3, 4)},
    "bundle": "other",
    "crops": True,
    "clip": b"clip",
    "cursor": "c",
    "detect": False,
    "display_name": "Ada",
    "even_last": True,
    "expires_at": datetime(2027, 1, 31, tzinfo=UTC),
    "face": "only",
    "face_id": "7",
    "faces": ["7", "8"],
    "file": b"gallery",
    "force": True,
    "fps": 3.0,
    "frames_of": "video",
    "groups": ["north"],
    "job_id": "17",
    "key_id": "ab12",
    "label": "door",
    "limit": 3,
    "max_faces": 4,
    "metadata": {"door": 3},
    "min_face_px": 20.0,
    "new": True,
    "on_conflict": "skip",
    "order": "newest",
    "other": "bert",
    "other_photo": b"2",
    "other_user_id": "bert",
    "photo": b"1",
    "photo_id": "5",
    "photos": [b"1", b"2"],
    "same_person": True,
    "scopes": ["enroll"],
    "search": "ad",
    "skip_faces": 1,
    "target": BytesIO(),
    "threshold": 0.5,
    "to_user_id": "bert",
    "top_k": 2,
    "user_id": "ada",
    "user_ids": ["ada", "bert"],
}


@dataclass
class Recorder:
    """Refuses everything; remembers operations and the names of what was sent to each."""

    url: str = ""
    names: dict[str, set[str]] = field(default_factory=dict)

    def answer(self, asked: Asked) -> Reply:
        address = urlsplit(asked.path)
        operation = operation_of(asked.method, address.path)
        sent = self.names.setdefault(operation, set())
        sent |= {*parse_qs(address.query), *_fields(asked)}
        sent |= {"idempotency-key"} & {name.lower() for name in asked.headers}
        return problem(418, "teapot", "It is refused.")


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    state = Recorder()
    with answering(state.answer) as state.url:
        yield state


def operation_of(method: str, path: str) -> str:
    """As the document names it; as it came where the document does not know it."""
    for name in OPERATIONS:
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(name))
        if re.fullmatch(pattern, f"{method} {path}"):
            return name
    return f"{method} {path}"


def _fields(asked: Asked) -> set[str]:
    if asked.headers.get_content_type() == "application/json" and asked.body:
        return set(json.loads(asked.body))
    return {part.name for part in asked.form()}


def _described(operation: Mapping[str, Any]) -> set[str]:
    """Names of everything that an operation takes beside its address."""
    names = {each["name"] for each in operation.get("parameters", ()) if each["in"] != "path"}
    names.discard("X-Request-ID")  # the service makes one up
    for content in operation.get("requestBody", {}).get("content", {}).values():
        names |= set(_schema(content["schema"]).get("properties", ()))  # a photo alone has none
    return names


def _schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _methods(client: object) -> Iterator[tuple[Callable[..., Any], dict[str, object]]]:
    """Every method that speaks with the service, and an example of every argument."""
    for name, method in inspect.getmembers(client, callable):
        if not name.startswith("_") and name not in NO_OPERATION:
            yield method, {each: EXAMPLES[each] for each in inspect.signature(method).parameters}


def test_document_is_the_whole_one() -> None:
    assert len(OPERATIONS) >= 20


def test_client_covers_every_operation_with_every_field(recorder: Recorder) -> None:
    with Client(recorder.url, "key") as client:
        for method, arguments in _methods(client):
            with pytest.raises(ApiError, match="It is refused"):
                next(iter(method(**arguments)))  # what iterates sends nothing before
    assert recorder.names == {name: _described(of) for name, of in OPERATIONS.items()}


async def test_async_client_covers_every_operation_with_every_field(recorder: Recorder) -> None:
    async with AsyncClient(recorder.url, "key") as client:
        for method, arguments in _methods(client):
            answer = method(**arguments)
            with pytest.raises(ApiError, match="It is refused"):
                await (anext(answer) if inspect.isasyncgen(answer) else answer)
    assert recorder.names == {name: _described(of) for name, of in OPERATIONS.items()}


def test_twins_have_the_same_methods_with_the_same_arguments() -> None:
    waits, awaits = (
        {
            name: [str(each) for each in inspect.signature(method).parameters.values()]
            for name, method in inspect.getmembers(kind, callable)
            if not name.startswith("_")
        }
        for kind in (Client, AsyncClient)
    )
    assert len(waits) >= 20
    assert waits == awaits


def test_answers_have_the_fields_and_types_of_the_document() -> None:
    checked = set()
    modules = (calls, face_calls, operator_calls, review_calls)
    for build in [build for module in modules for build in vars(module).values()]:
        if not inspect.isfunction(build) or build.__name__.startswith("_"):
            continue
        if build.__module__ not in {module.__name__ for module in modules}:
            continue
        call = build(**{name: EXAMPLES[name] for name in inspect.signature(build).parameters})
        assert isinstance(call, Call)
        operation = operation_of(call.method, call.path)
        for status, answer in OPERATIONS[operation]["responses"].items():
            schema = answer.get("content", {}).get("application/json", {}).get("schema")
            if status.startswith("2") and schema is not None:
                checked.add(operation)
                assert _difference(schema, call.answer) is None, operation
    # All but two streams, three pictures, and what answers nothing.
    assert len(OPERATIONS) - len(checked) == 6


def _difference(schema: Mapping[str, Any], kind: Any) -> str | None:
    """Where a type does not hold what a schema describes; None where it does."""
    schema = _schema(schema)
    options = schema.get("anyOf", [schema])
    kinds = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    null = any(option.get("type") == "null" for option in options)
    if null != (type(None) in kinds) and kind is not None:
        return f"{kind}: null"
    rest = [option for option in options if option.get("type") != "null"]
    others = [each for each in kinds if each is not type(None)]
    if len(rest) != 1 or len(others) != 1:
        return (
            None
            if {_json_type(each) for each in others} == {option.get("type") for option in rest}
            else f"{kind}: {schema}"
        )
    return _plain_difference(_schema(rest[0]), others[0])


def _plain_difference(schema: Mapping[str, Any], kind: Any) -> str | None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        members = {field.name: field.type for field in msgspec.structs.fields(kind)}
        described = schema["properties"]
        if set(members) != set(described):
            return f"{kind.__name__}: {set(members) ^ set(described)}"
        found = (_difference(described[name], of) for name, of in members.items())
        return next((f"{kind.__name__}: {each}" for each in found if each), None)
    if get_origin(kind) is list and schema["type"] == "array":
        items = schema["items"]
        return None if "prefixItems" in items else _difference(items, get_args(kind)[0])
    return None if _json_type(kind) == schema["type"] else f"{kind}: {schema}"


def _json_type(kind: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", dict: "object", None: "null"}
    return names.get(get_origin(kind) or kind, "string")
