"""Errors as CompreFace's clients know them: `message` and a number as `code`.

Statuses are CompreFace's where it has such an error, and Farsight's where it has not.
"""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app import errors
from app.api.fields import sentences
from app.api.problems import STATUSES, headers_of
from app.vision.quality import Rejection

_UNDEFINED = 0
_KEY_UNKNOWN = 10
_IMAGE_UNREADABLE = 21
_INVALID = 26
_NO_FACE = 28
_SEVERAL_FACES = 31
_PARAMETER_MISSING = 33
_PART_MISSING = 34
_SUBJECT_NOT_FOUND = 42
_SUBJECT_EXISTS = 43
_PHOTO_NOT_FOUND = 44

_KNOWN: dict[type[errors.FarsightError], tuple[int, int]] = {
    errors.InvalidRequestError: (400, _INVALID),
    errors.NoFaceError: (400, _NO_FACE),
    errors.PhotoNotFoundError: (404, _PHOTO_NOT_FOUND),
    errors.UnauthenticatedError: (401, _KEY_UNKNOWN),
    errors.UnreadableImageError: (400, _IMAGE_UNREADABLE),
    errors.UserExistsError: (400, _SUBJECT_EXISTS),
    errors.UserNotFoundError: (404, _SUBJECT_NOT_FOUND),
}
_REJECTIONS = {
    Rejection.NO_FACE: _NO_FACE,
    Rejection.MULTIPLE_FACES: _SEVERAL_FACES,
    Rejection.UNREADABLE_IMAGE: _IMAGE_UNREADABLE,
}
_NOT_HERE = (
    "Farsight supports CompreFace's subjects, faces, recognize and verify, all under "
    "/api/v1/recognition. It has nothing at this address, or not with this method."
)
_log = logging.getLogger(__name__)


def answer(
    status: int, code: int, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error as a response."""
    return JSONResponse({"message": message, "code": code}, status, headers)


def install(app: FastAPI) -> None:
    """Makes every error that leaves an endpoint one of CompreFace's."""
    app.add_exception_handler(errors.FarsightError, _farsight_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


def internal_error() -> JSONResponse:
    """For unexpected errors; call it where one is handled."""
    _log.exception("request failed")
    return answer(500, _UNDEFINED, "The service has failed. See its log.")


async def _farsight_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.FarsightError)
    if isinstance(error, errors.TooFewPhotosError):
        return _rejected(error)
    status, code = _KNOWN.get(type(error), (STATUSES.get(type(error), 500), _UNDEFINED))
    if status == 500:  # noqa: PLR2004 - HTTP's
        return internal_error()
    return answer(status, code, error.detail, headers_of(error))


def _rejected(error: errors.TooFewPhotosError) -> JSONResponse:
    """Why the one photo of a request is not used."""
    photos = error.facts["photos"]
    assert isinstance(photos, list)
    (photo,) = photos
    return answer(400, _REJECTIONS.get(photo["reason"], _INVALID), photo["detail"])


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    code = _INVALID
    first = error.errors()[0]
    if first["type"] == "missing":
        code = _PARAMETER_MISSING if first["loc"][0] == "query" else _PART_MISSING
    return answer(400, code, " ".join(each["message"] for each in sentences(error)))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, errors.FarsightError):
        return await _farsight_error(request, error.__cause__)  # see app.api.bodies
    message = _NOT_HERE if error.status_code in {404, 405} else str(error.detail)
    return answer(error.status_code, _UNDEFINED, message, dict(error.headers or {}))
