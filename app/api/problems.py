"""Errors as RFC 9457 problem documents: `application/problem+json` with a stable `code`.

A document says what the caller can act on. It never repeats values and reveals no internals: no
paths, stack traces or SQL.
"""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app import clip_errors, errors, storage_errors
from app.api.fields import sentences
from app.observability import request_id

MEDIA_TYPE = "application/problem+json"

STATUSES: dict[type[errors.FarsightError], int] = {
    errors.UnauthenticatedError: 401,
    errors.MissingScopeError: 403,
    errors.GroupForbiddenError: 403,
    errors.UserNotFoundError: 404,
    errors.PhotoNotFoundError: 404,
    errors.CropNotKeptError: 404,
    errors.KeptFaceNotFoundError: 404,
    errors.KeyNotFoundError: 404,
    errors.BundleNotFoundError: 404,
    errors.JobNotFoundError: 404,
    errors.BodyTooSlowError: 408,
    errors.CropsNotRetainedError: 409,
    errors.DuplicatePersonError: 409,
    errors.IdempotencyConflictError: 409,
    errors.LastAdminKeyError: 409,
    errors.LastPhotosError: 409,
    errors.NoFormerBundleError: 409,
    errors.PersonErasedError: 409,
    errors.PhotoRefusedError: 409,
    errors.ReloadRefusedError: 409,
    errors.ReloadRunningError: 409,
    errors.SpaceMismatchError: 409,
    errors.UserExistsError: 409,
    errors.BodyTooLargeError: 413,
    errors.ImageTooLargeError: 413,
    errors.UnsupportedMediaTypeError: 415,
    errors.BundleError: 422,
    clip_errors.ClipTooLargeError: 422,
    errors.GalleryFileError: 422,
    errors.InvalidRequestError: 422,
    errors.NoFaceError: 422,
    errors.TooFewPhotosError: 422,
    errors.TooManyPhotosError: 422,
    clip_errors.UnreadableClipError: 422,
    errors.UnreadableImageError: 422,
    errors.RateLimitedError: 429,
    errors.CallerGoneError: 499,  # not in the standard; it only shows in the log
    storage_errors.CropKeyError: 503,
    storage_errors.DatabaseBusyError: 503,
    storage_errors.DatabaseDamagedError: 503,
    errors.NotReadyError: 503,
    errors.OverloadedError: 503,
    errors.DeadlineExceededError: 504,
    storage_errors.StorageError: 507,
}
"""What callers can cause or meet; any other error is the service's own, 500."""

# Raised by the framework, not by us: status -> code and title.
_HTTP_ERRORS = {
    400: ("bad_request", "The request cannot be read"),
    404: ("not_found", "Nothing exists at this address"),
    405: ("method_not_allowed", "This address does not support the method"),
}
_INTERNAL = ("internal_error", "Internal error")
_TITLES = {
    401: "No key, or an unknown one",
    403: "The key lacks the scope",
    404: "Not found",
    408: "The body came too slowly",
    409: "Conflicts with what is stored",
    413: "The body or a photo is too large",
    415: "The Content-Type is not supported",
    422: "A field is not valid, or photos are not usable",
    429: "Rate limit exceeded; Retry-After says when to retry",
    431: "The headers are too large; the connection is closed",
    503: "Busy or not ready; Retry-After says when to retry",
    504: "Not done in time",
    507: "The disk is full, read-only or failing; nothing was written",
    **{400: _HTTP_ERRORS[400][1], 500: _INTERNAL[1]},
}


class Problem(BaseModel):
    """A problem document; further members depend on the `code`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:farsight:problem:` and the code")
    title: str = Field(description="The kind of problem in one sentence")
    status: int
    detail: str = Field(description="This case in a sentence")
    code: str = Field(description="Stable, for programs")
    request_id: str


def problem_response(
    status: int,
    code: str,
    title: str,
    detail: str,
    facts: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """A problem document as a response."""
    problem = Problem(
        type=f"urn:farsight:problem:{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id.get(),
        **(facts or {}),
    )
    return JSONResponse(problem.model_dump(), status, headers, media_type=MEDIA_TYPE)


def internal_problem() -> JSONResponse:
    """For unexpected errors."""
    return problem_response(500, *_INTERNAL, "The log has details under this request id.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation for OpenAPI; 500 is always possible."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in (*statuses, 500)
    }


def install(app: FastAPI) -> None:
    """Makes every error that leaves an endpoint a problem document, in OpenAPI too."""
    app.add_exception_handler(errors.FarsightError, _farsight_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        # `problems` refers to it; FastAPI itself would declare it as application/json.
        if "Problem" not in (schemas := document["components"]["schemas"]):
            schemas["Problem"] = Problem.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


async def _farsight_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.FarsightError)
    status = STATUSES.get(type(error))
    if status is None:
        raise error
    headers = headers_of(error)
    if isinstance(error, errors.UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    return problem_response(status, error.code, error.title, error.detail, error.facts, headers)


def headers_of(error: errors.FarsightError) -> dict[str, str]:
    """What an answer's headers tell of an error, whatever its body looks like."""
    headers = {}
    if "retry_after_s" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after_s"])
    if isinstance(error, errors.BodyTooSlowError):
        headers["Connection"] = "close"  # the rest of the body is not awaited
    return headers


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = sentences(error)
    detail = " ".join(each["message"] for each in found)
    return problem_response(
        422, "invalid_request", errors.InvalidRequestError.title, detail, {"errors": found}
    )


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, errors.FarsightError):
        return await _farsight_error(request, error.__cause__)  # see app.api.bodies
    code, title = _HTTP_ERRORS.get(error.status_code, _INTERNAL)
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return problem_response(error.status_code, code, title, str(error.detail), headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """All methods of an address; the framework knows only those of the first route."""
    return [
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
