"""A request of the API as a value: what is sent, what comes back, whether it may be repeated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

import httpx
import msgspec

from farsight_client.answers import JsonObject
from farsight_client.error import not_farsight, retry_after_s
from farsight_client.uploads import NamedPhoto

T_co = TypeVar("T_co", covariant=True)

JSON = "application/json"

_SHORTEST_WAIT_S = 0.1
_USUAL_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One request.

    Attributes:
        method: HTTP's.
        path: From the service's root.
        answer: What the body of the answer is.
        repeatable: Whether sending it twice has the same effect as once.
        data: Form fields; a list is sent as one field several times.
        files: Photos, each with the field's name.
        params: For the query string.
        headers: Beyond those of every request.
        body: JSON.
        media_type: Of the answer.
        empty: The value of an answer without a body.
    """

    method: str
    path: str
    answer: type[T_co]
    repeatable: bool = False
    data: Mapping[str, str | list[str]] = field(default_factory=dict)
    files: Sequence[tuple[str, NamedPhoto]] = ()
    params: Mapping[str, str | list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject | None = None
    media_type: str = JSON
    empty: T_co | None = None

    def request(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """For httpx; built anew for every attempt."""
        return http.build_request(
            self.method,
            self.path,
            data=dict(self.data),
            files=list(self.files) or None,
            params=dict(self.params),
            headers=self.headers,
            json=self.body,
        )

    def pause_s(self, answer: httpx.Response) -> float | None:
        """Seconds to wait before sending it again; None if it must not or need not be."""
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            pass  # nothing was done, so any request may be sent again
        elif answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or not self.repeatable:
            return None
        told_s = retry_after_s(answer)
        return max(_SHORTEST_WAIT_S, _USUAL_WAIT_S if told_s is None else told_s)

    def check(self, answer: httpx.Response) -> None:
        """Checks an answer before its body is read.

        Raises:
            ApiError: It is not an answer of the service.
        """
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        is_empty = answer.status_code == httpx.codes.NO_CONTENT and self._may_be_empty
        if not answer.is_success or (media_type != self.media_type and not is_empty):
            raise not_farsight(answer)

    @property
    def _may_be_empty(self) -> bool:
        return self.empty is not None or self.answer is type(None)

    def decode(self, answer: httpx.Response, body: bytes) -> T_co:
        """A body as a value: JSON, or the bytes themselves.

        Raises:
            ApiError: It is not an answer of the service.
        """
        if not body and self._may_be_empty:
            return cast("T_co", self.empty)  # None where that is the answer's type
        if self.answer is bytes:
            return cast("T_co", body)
        try:
            return msgspec.json.decode(body, type=self.answer)
        except msgspec.DecodeError as error:
            raise not_farsight(answer) from error


def if_given(**fields: float | None) -> dict[str, str]:
    """Fields of a form, without those that are None."""
    return {name: str(value) for name, value in fields.items() if value is not None}
