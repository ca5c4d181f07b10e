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

from app.api.bodies import media_type_of
from app.api.ways_in import FORM, IMAGE, JSON
from app.errors import UnsupportedMediaTypeError
from app.wording import no_such_name, told

_TOLD = "told"
"""The type of an error whose message is a sentence already."""

_IMAGES = IMAGE.removesuffix("*")
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
    """Parameters, and the fields of a body by its media type."""

    query: dict[str, _Field]
    bodies: dict[str, dict[str, _Field]]


async def require_described(request: Request) -> None:
    """Refuses names that the operation does not have, and known ones that are misused.

    Raises:
        RequestValidationError: A sentence for each, with the name that was probably meant.
        UnsupportedMediaTypeError: The body is of another kind than the operation takes.
    """
    takes = _taken(request.app, request.scope["route"].path_format, request.method.lower())
    way = _way(request, takes.bodies)
    query, body = takes.query, takes.bodies[way] if way else {}
    if way == IMAGE:  # its options can only be in the query
        query = query | {name: of for name, of in takes.bodies[FORM].items() if not of.is_file}
    errors = [
        *_unknown("query", request.query_params, query, body),
        *_misused("query", request.query_params, query),
    ]
    if not errors and FORM in takes.bodies and way != IMAGE:
        form = await request.form()
        errors = [*_unknown("body", form, body, query), *_misused("body", form, body)]
    elif not errors and way == JSON and await request.body():
        sent = await request.json()
        if isinstance(sent, dict):
            errors = [*_unknown("body", sent, body, query)]
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
    # What is left out of the description, such as /metrics, takes nothing.
    operation = document["paths"].get(path, {}).get(method, {})
    parameters = operation.get("parameters", ())
    query = {
        each["name"]: _Field.of(each["schema"]) for each in parameters if each["in"] == "query"
    }
    schemas, bodies = document["components"]["schemas"], {}
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        fields = schemas[name]["properties"] if name else {}  # a photo alone has none
        bodies[media_type] = {name: _Field.of(schema) for name, schema in fields.items()}
    return _Operation(query, bodies)


def _way(request: Request, bodies: Mapping[str, object]) -> str | None:
    """The one of an operation's media types that a request has; the first where it has no body."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return next(iter(bodies), None)  # missing fields are reported one by one
    if not bodies:
        raise RequestValidationError([_error("This operation takes no body.", "body")])
    sent = media_type_of(headers)
    sent = IMAGE if sent.startswith(_IMAGES) else sent
    if sent not in bodies:
        kinds = " or ".join(bodies)
        raise UnsupportedMediaTypeError(f"Send the body as {kinds}, and say so in Content-Type.")
    return sent


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
