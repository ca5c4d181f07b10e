"""Nothing that is sent is ignored: every field and parameter is one that the API describes.

The names are those of the OpenAPI document, which FastAPI makes from the signature of the
endpoint: what is described is what is accepted, without a list beside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import FormData, QueryParams

from app.wording import no_such_name, told

_TOLD = "told"
"""The type of an error whose message is a sentence already."""

_FORM = "multipart/form-data"
_JSON = "application/json"
_MOST_ERRORS = 10

# Any: schemas of JSON, as the OpenAPI document has them; and errors, as pydantic has them.
_Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Field:
    """How a field or parameter may be sent: as a file, or more than once."""

    is_file: bool
    is_list: bool

    @classmethod
    def of(cls, schema: _Schema) -> Self:
        kinds = [schema, *schema.get("anyOf", ())]
        kinds += [kind["items"] for kind in kinds if "items" in kind]
        is_file = any(kind.get("contentMediaType") == "application/octet-stream" for kind in kinds)
        return cls(is_file, schema.get("type") == "array")


@dataclass(frozen=True, slots=True)
class _Operation:
    """Parameters, media type of the body, and the body's fields; None and none without a body."""

    query: dict[str, _Field]
    media_type: str | None
    body: dict[str, _Field]


async def require_described(request: Request) -> None:
    """Refuses names that the operation does not have, and right ones that are misused.

    Raises:
        RequestValidationError: A sentence for each, with the name that was probably meant.
    """
    takes = _taken(request.app, request.scope["route"].path_format, request.method.lower())
    errors = [
        *_unknown("query", request.query_params, takes.query, takes.body),
        *_misused("query", request.query_params, takes.query),
        *_other_media_type(request, takes.media_type),
    ]
    if not errors and takes.media_type == _FORM:
        form = await request.form()
        errors = [
            *_unknown("body", form, takes.body, takes.query),
            *_misused("body", form, takes.body),
        ]
    elif not errors and takes.media_type == _JSON and await request.body():
        sent = await request.json()
        if isinstance(sent, dict):
            errors = [*_unknown("body", sent, takes.body, takes.query)]
    if errors:
        raise RequestValidationError(errors[:_MOST_ERRORS])


def sentences(error: RequestValidationError) -> list[dict[str, str]]:
    """What is wrong with a request: `field`, such as "body.photos", and `message`."""
    found = []
    for each in error.errors():
        kind, *names = each["loc"]
        # A number is where JSON cannot be read; deeper names are keys that the caller chose.
        name = names[0] if names and isinstance(names[0], str) else None
        message = each["msg"]
        if each["type"] != _TOLD:
            what = name or f"The {kind}"
            what = f"An entry of {what}" if names[1:] else what
            message = f"{what} {told(each)}."
        found.append((f"{kind}.{name}" if name else kind, message))
    return [{"field": field, "message": message} for field, message in dict.fromkeys(found)]


@lru_cache  # of 128: more than there are operations
def _taken(app: FastAPI, path: str, method: str) -> _Operation:
    """What an operation takes, by its own description: derived once."""
    document = app.openapi()
    operation = document["paths"][path][method]
    parameters = operation.get("parameters", ())
    query = {
        each["name"]: _Field.of(each["schema"]) for each in parameters if each["in"] == "query"
    }
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        name = content["schema"]["$ref"].rpartition("/")[2]
        properties = document["components"]["schemas"][name]["properties"]
        body = {name: _Field.of(schema) for name, schema in properties.items()}
        return _Operation(query, media_type, body)
    return _Operation(query, None, {})


def _error(sentence: str, *place: str) -> _Schema:
    return {"type": _TOLD, "loc": place, "msg": sentence}


def _unknown(
    place: str,
    sent: Mapping[str, object],
    known: Mapping[str, _Field],
    known_elsewhere: Mapping[str, _Field],
) -> Iterator[_Schema]:
    for name in sent:
        if name in known_elsewhere and name not in known:
            right = "body" if place == "query" else "address"
            yield _error(f"{name} belongs in the {right} of the request.", place, name)
        elif name not in known:
            yield _error(no_such_name(name, {*known, *known_elsewhere}), place)


def _other_media_type(request: Request, media_type: str | None) -> Iterator[_Schema]:
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return  # no body: what is missing in it is told field by field
    if media_type is None:
        yield _error("No body is read here. Send none.", "body")
    elif headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        yield _error(f"Send the body as {media_type}, and say so in Content-Type.", "body")


def _misused(
    place: str, sent: FormData | QueryParams, known: Mapping[str, _Field]
) -> Iterator[_Schema]:
    """Fields that are empty or given twice, and files that are not sent as files."""
    for name, field in known.items():
        values = sent.getlist(name)
        if field.is_file and any(isinstance(value, str) for value in values):
            sentence = f"{name} must be a file; curl sends one with -F {name}=@PATH."
        elif "" in values:
            sentence = f"{name} is empty. Leave it out, or give it a value."
        elif len(values) > 1 and not field.is_list:
            sentence = f"{name} is given more than once."
        else:
            continue
        yield _error(sentence, place, name)
