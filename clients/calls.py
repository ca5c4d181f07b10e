"""The requests of the API as values: what is sent, what comes back, may it be sent again.

Both clients send these, so that each request is written once.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from clients.answers import (
    Box,
    Erasure,
    Identification,
    JsonObject,
    Metadata,
    Registration,
    UserDetail,
    UserPage,
    Verification,
    Version,
)
from clients.error import not_farsight, refused

T = TypeVar("T")

NamedPhoto = tuple[str, bytes]
"""File name and content."""

NO_BOXES: Mapping[int, Box] = {}

_SHORTEST_WAIT_S = 0.1
_USUAL_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request.

    Attributes:
        method: HTTP's.
        path: From the service's root.
        answer: What the body of the answer is; `NoneType` for none.
        repeatable: Whether sending it twice does what sending it once does.
        data: Form fields; a list is sent as one field several times.
        files: Photos, each with the field's name.
        params: For the query string.
        headers: Beyond those of every request.
        body: JSON.
    """

    method: str
    path: str
    answer: type[T]
    repeatable: bool = False
    data: Mapping[str, str | list[str]] = field(default_factory=dict)
    files: Sequence[tuple[str, NamedPhoto]] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject | None = None

    def request(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """For httpx; made anew for every attempt."""
        return http.build_request(
            self.method,
            self.path,
            data=dict(self.data),
            files=list(self.files) or None,
            params=self.params,
            headers=self.headers,
            json=self.body,
        )

    def read(self, answer: httpx.Response) -> T:
        """The answer as a value.

        Raises:
            ApiError: The service refused, or it is no such service.
        """
        if answer.is_error:
            raise refused(answer)
        try:
            return msgspec.json.decode(answer.content or b"null", type=self.answer)
        except msgspec.DecodeError as error:
            raise not_farsight(answer) from error

    def pause_s(self, answer: httpx.Response) -> float | None:
        """Seconds to wait before sending it again; None where it must not be, or need not be."""
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            pass  # nothing was done: whatever it was, it may be sent again
        elif answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or not self.repeatable:
            return None
        told = answer.headers.get("retry-after", "")
        return max(_SHORTEST_WAIT_S, float(told) if told.isdecimal() else _USUAL_WAIT_S)


def register(
    user_id: str,
    photos: Sequence[NamedPhoto],
    display_name: str | None,
    metadata: Metadata | None,
    *,
    allow_duplicate: bool,
    detect: bool,
    face: str | None,
    boxes: Mapping[int, Box],
) -> Call[Registration]:
    """Repeatable by the Idempotency-Key that it carries."""
    data: dict[str, str | list[str]] = {
        "user_id": user_id,
        "allow_duplicate": json.dumps(allow_duplicate),
        **_which_face(face, boxes, detect=detect),
    }
    if display_name is not None:
        data["display_name"] = display_name
    if metadata is not None:
        data["metadata"] = json.dumps(metadata)
    return Call(
        "POST",
        "/v1/users",
        Registration,
        repeatable=True,
        data=data,
        files=_as_files(photos),
        headers={"Idempotency-Key": uuid.uuid4().hex},
    )


def add_photos(
    user_id: str,
    photos: Sequence[NamedPhoto],
    *,
    detect: bool,
    face: str | None,
    boxes: Mapping[int, Box],
) -> Call[Registration]:
    """Not repeatable: a second time, the same photos are duplicates."""
    return Call(
        "POST",
        f"{_user(user_id)}/photos",
        Registration,
        data=_which_face(face, boxes, detect=detect),
        files=_as_files(photos),
    )


def list_users(cursor: str | None, limit: int) -> Call[UserPage]:
    """One page."""
    params = {"limit": str(limit)}
    if cursor is not None:
        params["cursor"] = cursor
    return Call("GET", "/v1/users", UserPage, repeatable=True, params=params)


def get_user(user_id: str) -> Call[UserDetail]:
    """A user and their photos."""
    return Call("GET", _user(user_id), UserDetail, repeatable=True)


def erase_user(user_id: str) -> Call[object]:
    """Not repeatable: a second time, there is no such user. Nothing is answered when it is done."""
    return Call("DELETE", _user(user_id), object)


def erasure(user_id: str) -> Call[Erasure]:
    """How an erasure stands."""
    return Call("GET", f"{_user(user_id)}/erasure", Erasure, repeatable=True)


def identify(
    photos: Sequence[bytes],
    threshold: float | None,
    *,
    top_k: int,
    max_faces: int,
    skip_faces: int,
    detect: bool,
    same_person: bool,
    min_face_px: float | None,
) -> Call[Identification]:
    """Who is in the photos."""
    data = {
        "top_k": str(top_k),
        "max_faces": str(max_faces),
        "skip_faces": str(skip_faces),
        "detect": json.dumps(detect),
        "same_person": json.dumps(same_person),
        **_if_given(threshold=threshold, min_face_px=min_face_px),
    }
    files = _as_files([("photo", photo) for photo in photos])
    return Call("POST", "/v1/identify", Identification, repeatable=True, data=data, files=files)


def verify_user(photo: bytes, user_id: str, threshold: float | None) -> Call[Verification]:
    """Is it this user."""
    return Call(
        "POST",
        "/v1/verify",
        Verification,
        repeatable=True,
        data={"user_id": user_id, **_if_given(threshold=threshold)},
        files=[("photo", ("photo", photo))],
    )


def verify_photos(photo: bytes, other: bytes, threshold: float | None) -> Call[Verification]:
    """Are they one person."""
    return Call(
        "POST",
        "/v1/verify",
        Verification,
        repeatable=True,
        data=_if_given(threshold=threshold),
        files=[("photo", ("photo", photo)), ("other_photo", ("photo", other))],
    )


def version() -> Call[Version]:
    """What is running."""
    return Call("GET", "/version", Version, repeatable=True)


def reload(bundle: str, *, force: bool) -> Call[JsonObject]:
    """Not repeatable: a second time, there is a reload at work."""
    body: JsonObject = {"bundle": bundle, "force": force}
    return Call("POST", "/v1/admin/reload", JsonObject, body=body)


def job(job_id: str) -> Call[JsonObject]:
    """How far a reload is."""
    return Call("GET", f"/v1/admin/jobs/{quote(job_id, safe='')}", JsonObject, repeatable=True)


def rollback() -> Call[JsonObject]:
    """Not repeatable: a second time, it goes forward again."""
    return Call("POST", "/v1/admin/rollback", JsonObject)


def _which_face(
    face: str | None, boxes: Mapping[int, Box], *, detect: bool
) -> dict[str, str | list[str]]:
    """What registrations say of the face that is meant."""
    data: dict[str, str | list[str]] = {"detect": json.dumps(detect)}
    if face is not None:
        data["face"] = face
    if boxes:
        data["box"] = [
            json.dumps({"photo": photo, **msgspec.structs.asdict(box)})
            for photo, box in boxes.items()
        ]
    return data


def _user(user_id: str) -> str:
    return f"/v1/users/{quote(user_id, safe='')}"


def _as_files(photos: Sequence[NamedPhoto]) -> list[tuple[str, NamedPhoto]]:
    return [("photos", photo) for photo in photos]


def _if_given(**fields: float | None) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if value is not None}
