"""The OpenAPI document: FastAPI's, in the words and with the details that generators need.

Names suit generated code; files are declared in both ways that exist; operations that take photos
in a form also take them in two other ways (see ways_in).
"""

import copy
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.api.ways_in import FORM, IMAGE, JSON

_TAGS = {
    "users": "People who are registered, and their photos. Scope `enroll`.",
    "identify": "Who is in a photo, and are two faces one person. Scope `identify`.",
    "gallery": "Everybody in one file. Scope `admin`.",
    "admin": "Which weights serve, and changing them without stopping. Scope `admin`.",
    "system": "For orchestrators and monitors; no key is needed.",
}
_DESCRIPTION = """
Photos go in as `multipart/form-data`, as JSON with base64, or alone as an `image/*` body with the
other fields in the query. An image is never fetched by its address: that would let callers make
the service ask other hosts.

Send the API key as `Authorization: Bearer KEY`. Errors are `application/problem+json` (RFC 9457)
with a stable `code`. With `Idempotency-Key` a registration can be sent again safely.
"""
# For operations that take several kinds of bodies: their functions, as openapi-python-client writes
# them, use a name that it imports only where there is an optional parameter.
_REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Returned in the answer and written to the log: 64 letters, digits, `.`, `_`, "
    "`-` at most, else it is replaced",
}
_FILE = {"contentMediaType": "application/octet-stream"}
_SUFFIX = "Schema"
_REFERENCE = "#/components/schemas/"

# Any: JSON.
_Json = dict[str, Any]


def operation_id(route: APIRoute) -> str:
    """The function's name in generated clients: the same as ours."""
    return route.name


def install(app: FastAPI, root_path: str) -> None:
    """Makes this the application's document; `root_path` is where a proxy shows it."""
    describe = app.openapi

    def openapi() -> _Json:
        if app.openapi_schema is None:
            document = describe()
            document["info"]["description"] = _DESCRIPTION.strip()
            document["servers"] = [{"url": root_path or "/"}]
            document["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
            _add_json(document)
            _tell_files_twice(document)
            app.openapi_schema = _renamed(document)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _add_json(document: _Json) -> None:
    """For operations that take a photo alone, and what these have in common."""
    schemas = document["components"]["schemas"]
    for operation in (each for path in document["paths"].values() for each in path.values()):
        content = operation.get("requestBody", {}).get("content", {})
        if IMAGE in content:
            form = content[FORM]["schema"]["$ref"].removeprefix(_REFERENCE)
            as_json = f"{_name(form).removesuffix('Form')}Json"
            schemas[as_json] = _as_json(schemas[form], as_json)
            content[JSON] = {"schema": {"$ref": _REFERENCE + as_json}}
            operation.setdefault("parameters", []).append(_REQUEST_ID)


def _as_json(form: _Json, title: str) -> _Json:
    """A form's schema with base64 in place of files, and objects in place of texts of JSON."""
    schema = copy.deepcopy(form) | {"title": title}
    for each in _every(schema):
        if each.items() >= _FILE.items():
            del each["contentMediaType"]
            each["contentEncoding"] = "base64"
        elif each.get("contentMediaType") == JSON:
            inner = each["contentSchema"]
            each.clear()
            each.update(inner)
    return schema


def _tell_files_twice(document: _Json) -> None:
    # `contentMediaType` is OpenAPI 3.1's way, `format` is 3.0's: many generators know only that.
    for each in _every(document):
        if each.items() >= _FILE.items():
            each["format"] = "binary"


def _renamed(document: _Json) -> _Json:
    names = {name: _name(name) for name in document["components"]["schemas"]}
    assert len(set(names.values())) == len(names), names
    for each in _every(document):
        if isinstance(reference := each.get("$ref"), str):
            each["$ref"] = _REFERENCE + names[reference.removeprefix(_REFERENCE)]
    schemas = {names[name]: schema for name, schema in document["components"]["schemas"].items()}
    for name, schema in schemas.items():
        if "title" in schema:
            schema["title"] = name
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def _name(name: str) -> str:
    """`UserSchema` -> `User`; `Body_register_user` -> `RegisterUserForm`."""
    if name.startswith("Body_"):
        return "".join(part.capitalize() for part in name.split("_")[1:]) + "Form"
    return name.removesuffix(_SUFFIX)


def _every(value: object) -> list[_Json]:
    """Every object within a piece of JSON."""
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in _every(each))]
    if isinstance(value, list):
        return [found for each in value for found in _every(each)]
    return []
