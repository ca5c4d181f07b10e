"""What `register` and `identify` work on: the local database, or a service elsewhere.

Both answer with the clients' types: what a command prints does not depend on where it came from.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.api.identify_schemas import IdentificationSchema
from app.api.problems import STATUSES
from app.api.schemas import BoxSchema, RegistrationSchema, UserId
from app.errors import (
    FarsightError,
    InvalidRequestError,
    RemoteServiceError,
    UnreadableImageError,
)
from app.gallery.user_fields import USER_ID_DESCRIPTION
from app.graph import Graph
from app.services import identification
from app.services.face_choice import ANY_FACE, FaceChoice
from app.services.keys import COMMAND_LINE
from app.services.registration import NewUser, Prepared
from app.services.reviewed_photo import Upload
from farsight_client import ApiError, AsyncClient, Box, Identification, NamedPhoto, Registration

T = TypeVar("T")

Store = Callable[[], Awaitable[Registration]]
"""Registers a person whose photos have been read."""

_USER_ID = TypeAdapter[str](UserId)
_ERRORS = {error.code: error for error in STATUSES}


@dataclass(frozen=True, slots=True)
class RegistrationWishes:
    """What a caller asks of a registration.

    Attributes:
        allow_duplicate: Register even if the face belongs to another user already.
        detect: False where the photos are face crops already.
        choice: Which face is meant in photos that show several.
    """

    allow_duplicate: bool = False
    detect: bool = True
    choice: FaceChoice = ANY_FACE


class Target(Protocol):
    """Registers and identifies; errors are FarsightErrors wherever they come from."""

    async def prepare(
        self, user_id: str, photos: Sequence[NamedPhoto], wishes: RegistrationWishes
    ) -> Store:
        """The first part of a registration; errors are those of Registration's."""

    async def identify(
        self, photo: bytes, *, detect: bool, min_face_px: float | None
    ) -> Identification:
        """See Identifier.identify."""


def read_photo(path: Path) -> NamedPhoto:
    """A file as it is sent.

    Raises:
        UnreadableImageError: It cannot be read.
    """
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"{path}: {error.strerror}.") from error


class LocalTarget:
    """The database of the settings, without HTTP."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def prepare(
        self, user_id: str, photos: Sequence[NamedPhoto], wishes: RegistrationWishes
    ) -> Store:
        """See Target."""
        try:
            _USER_ID.validate_python(user_id)
        except ValidationError as error:
            raise InvalidRequestError(
                f"{user_id!r} cannot be a user_id, which is {USER_ID_DESCRIPTION}, "
                "a letter or digit first."
            ) from error
        prepared = await self._graph.registration.prepare(
            self._graph.current.serving,
            COMMAND_LINE,
            NewUser(user_id, None, {}, wishes.allow_duplicate),
            [await Upload.take(name, content) for name, content in photos],
            detect=wishes.detect,
            choice=wishes.choice,
        )
        return partial(self._store, prepared)

    async def _store(self, prepared: Prepared) -> Registration:
        answer = await self._graph.registration.store(prepared)
        return _as_sent(RegistrationSchema.model_validate(answer), Registration)

    async def identify(
        self, photo: bytes, *, detect: bool, min_face_px: float | None
    ) -> Identification:
        """See Target; it knows who was registered or erased elsewhere since the last photo."""
        await self._graph.following.catch_up()
        serving = self._graph.current.serving
        found = await self._graph.identifier.identify(
            serving, [photo], identification.Wishes(detect=detect, min_face_px=min_face_px)
        )
        return _as_sent(IdentificationSchema.of(found, serving), Identification)


class RemoteTarget:
    """A service."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def prepare(
        self, user_id: str, photos: Sequence[NamedPhoto], wishes: RegistrationWishes
    ) -> Store:
        """See Target; the service does both parts in one."""
        return partial(self._register, user_id, photos, wishes)

    async def _register(
        self, user_id: str, photos: Sequence[NamedPhoto], wishes: RegistrationWishes
    ) -> Registration:
        try:
            return await self._client.register(
                user_id,
                photos,
                allow_duplicate=wishes.allow_duplicate,
                detect=wishes.detect,
                face=wishes.choice.rule,
                boxes={
                    index: _as_sent(BoxSchema.model_validate(box), Box)
                    for index, box in wishes.choice.boxes.items()
                },
            )
        except ApiError as error:
            raise _as_raised(error) from error

    async def identify(
        self, photo: bytes, *, detect: bool, min_face_px: float | None
    ) -> Identification:
        """See Target."""
        try:
            return await self._client.identify([photo], detect=detect, min_face_px=min_face_px)
        except ApiError as error:
            raise _as_raised(error) from error


def _as_sent(answer: BaseModel, kind: type[T]) -> T:
    """An answer of the services as a client would read it."""
    return msgspec.convert(answer.model_dump(mode="json"), kind)


def _as_raised(error: ApiError) -> FarsightError:
    """A problem document as the error that the service made it of."""
    kind = _ERRORS.get(error.code)
    if kind is not None:
        return kind(error.detail, **error.facts)
    return RemoteServiceError(f"{error.title}. {error.detail}")
