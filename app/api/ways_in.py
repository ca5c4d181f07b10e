"""The three ways in which photos are sent: a form, JSON with base64, or the bytes of one alone.

The other two become the form's fields before anything looks at them, so that one set of names,
limits and sentences holds for all.
"""

import asyncio
import binascii
import io
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from fastapi import Request, params
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope

from app.api.bodies import media_type_of
from app.api.deps import KeyedRoute
from app.errors import InvalidRequestError

FORM = "multipart/form-data"
JSON = "application/json"
IMAGE = "image/*"

# What a canvas and many libraries put before the base64 of a picture.
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,")
_MOST_FIELDS = 1000
_ALONE = {
    "type": "string",
    "format": "binary",
    "description": "One photo; the other fields of the form go into the query",
}


class PhotoRoute(KeyedRoute):
    """A route that takes photos in all three ways where it takes them in a form."""

    LARGE_MEDIA_TYPES = ("multipart/", JSON, "image/")

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - APIRoute's own
        super().__init__(*args, **options)
        if self._photo_fields():  # what is described is what is taken; see description for JSON
            self.openapi_extra = {"requestBody": {"content": {IMAGE: {"schema": _ALONE}}}}

    def get_body_reader(self) -> Callable[[Scope, Receive], Request]:
        """Reads what is sent as the form that the endpoint describes."""
        photo_fields = self._photo_fields()
        if not photo_fields:
            return Request
        return lambda scope, receive: _PhotoRequest(scope, receive, photo_fields)

    def _photo_fields(self) -> list[str]:
        return [
            each.alias
            for each in self.dependant.body_params
            if isinstance(each.field_info, params.File)
        ]


class _PhotoRequest(Request):
    """A request whose `form` is what was meant, however it was sent."""

    def __init__(self, scope: Scope, receive: Receive, photo_fields: Sequence[str]) -> None:
        super().__init__(scope, receive)
        self._photo_fields = photo_fields
        self._meant: FormData | None = None

    # A coroutine where Starlette has one that can also be entered: FastAPI awaits it.
    async def form(self, **limits: float) -> FormData:  # type: ignore[override]  # see above
        """The fields, with every photo as an upload.

        Raises:
            HTTPException: Caused by InvalidRequestError: the JSON cannot be read, or a photo in it
                is not base64. FastAPI takes any other exception for a malformed body.
        """
        if self._meant is None:
            media_type = media_type_of(self.headers)
            if media_type == JSON:
                body = await self.body()
                try:
                    self._meant = await asyncio.to_thread(_from_json, body, self._photo_fields)
                except InvalidRequestError as error:
                    raise HTTPException(400) from error
            elif media_type.startswith("image/"):
                photo = (self._photo_fields[0], _upload(await self.body(), media_type))
                self._meant = FormData([photo, *self.query_params.multi_items()])
            else:
                self._meant = await super().form(**limits)  # type: ignore[arg-type]  # FastAPI's own
        return self._meant


def _from_json(body: bytes, photo_fields: Sequence[str]) -> FormData:
    """A form with the fields of a JSON object.

    Lists are fields that come several times; objects stay JSON, as in a form.
    """
    try:
        sent = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequestError("The body is not a JSON object.") from error
    return FormData(list(_fields(sent, photo_fields)))


def _fields(
    sent: Mapping[str, Any], photo_fields: Sequence[str]
) -> Iterator[tuple[str, str | UploadFile]]:
    n_fields = 0
    for name, value in sent.items():
        for each in value if isinstance(value, list) else [value]:
            n_fields += 1
            if n_fields > _MOST_FIELDS:
                raise InvalidRequestError(f"At most {_MOST_FIELDS} values are accepted.")
            if each is None:
                continue
            if name in photo_fields:
                yield name, _upload(_bytes(name, each))
            elif isinstance(each, str):
                yield name, each
            else:
                yield name, msgspec.json.encode(each).decode()


def _bytes(name: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise InvalidRequestError(f"{name} must be base64 text.")
    start = _DATA_URL.match(value)
    try:
        return b64decode(value[start.end() :] if start else value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError(f"{name} must be base64 text.") from error


def _upload(content: bytes, media_type: str = "application/octet-stream") -> UploadFile:
    return UploadFile(
        io.BytesIO(content), size=len(content), headers=Headers({"content-type": media_type})
    )
