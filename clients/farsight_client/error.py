"""The one exception that the clients raise themselves."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import msgspec

from farsight_client.answers import JsonObject

_PROBLEM = "application/problem+json"
_TOLD = frozenset({"type", "title", "status", "detail", "code", "request_id"})


class ApiError(Exception):
    """The service refused a request, or did not answer.

    Attributes:
        status: The HTTP status; None if there was no answer.
        code: Stable, for programs, such as `user_exists`; `unreachable` if there was no answer
            and `not_farsight` if something other than the service gave one.
        title: The kind of problem, in one sentence.
        detail: The case at hand, in one sentence.
        facts: Further members of the problem document; for `too_few_photos`, `photos`.
        request_id: To look up in the service's log; None if there is none.
        retry_after_s: When to try again; None if the service does not say.
    """

    def __init__(
        self,
        status: int | None,
        code: str,
        title: str,
        detail: str,
        facts: JsonObject | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{title}. {detail}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.facts = facts or {}
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class _Problem(msgspec.Struct, frozen=True):
    title: str
    detail: str
    code: str
    request_id: str


def refused(answer: httpx.Response) -> ApiError:
    """The error for an answer of 400 or above."""
    if answer.headers.get("content-type", "").partition(";")[0] != _PROBLEM:
        return not_farsight(answer)
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.DecodeError:
        return not_farsight(answer)
    members = msgspec.json.decode(answer.content, type=JsonObject)
    facts = {name: value for name, value in members.items() if name not in _TOLD}
    return ApiError(
        answer.status_code,
        problem.code,
        problem.title,
        problem.detail,
        facts,
        problem.request_id,
        retry_after_s(answer),
    )


def not_farsight(answer: httpx.Response) -> ApiError:
    """Something other than the service answered, such as a proxy."""
    return ApiError(
        answer.status_code,
        "not_farsight",
        "Something other than Farsight answered",
        f"{answer.request.url} answered {answer.status_code}, but not like Farsight. Is this "
        "the service's address, without a path?",
    )


def retry_after_s(answer: httpx.Response) -> float | None:
    """When an answer says to retry."""
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isdecimal() else None


@contextmanager
def speaking() -> Iterator[None]:
    """While inside, connection failures become ApiErrors."""
    try:
        yield
    except httpx.RequestError as error:
        raise ApiError(
            None,
            "unreachable",
            "The service cannot be reached",
            f"{error.request.url} did not answer ({type(error).__name__}).",
        ) from error
