"""Photos of one person on their way to a place: as many requests as they need."""

from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from app.commands.gallery_place import OpenPlace
from app.commands.photo_paths import read_photo
from app.errors import UnreadableImageError
from app.services.face_choice import FaceRule
from farsight_client import (
    ApiError,
    AsyncClient,
    Box,
    Metadata,
    NamedPhoto,
    PhotoReport,
    Registration,
)

USUAL_MAX_PHOTOS = 20
"""In one request, unless the service says otherwise."""

# Services take bodies of 100 MB, unless they are set otherwise.
_MAX_BYTES = 80_000_000

Source = Path | NamedPhoto
"""A photo's file, or a photo that has none."""

Send = Callable[[Sequence[NamedPhoto], Mapping[int, Box]], Coroutine[Any, Any, Registration]]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked of registrations.

    Attributes:
        allow_duplicate: Register even if the face belongs to another user already.
        detect: False where the photos are face crops already.
        face: Which of several faces counts; None: the one whom the other photos show.
        boxes: Outside of them, faces do not count.
        replace: Erase a user of this id first.
    """

    allow_duplicate: bool = False
    detect: bool = True
    face: FaceRule | None = None
    boxes: Mapping[Path, Box] = field(default_factory=dict)
    replace: bool = False


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Who is to be registered."""

    user_id: str
    display_name: str | None = None
    metadata: Metadata | None = None
    groups: tuple[str, ...] = ()


class Enrolment:
    """Brings photos to a place.

    Args:
        place: Where.
        wishes: For all of them.
        max_photos: In one request; learnt from a service that takes fewer.
    """

    def __init__(
        self, place: OpenPlace, wishes: Wishes, max_photos: int = USUAL_MAX_PHOTOS
    ) -> None:
        self._place = place
        self._wishes = wishes
        self._max_photos = max_photos

    @property
    def max_photos(self) -> int:
        """In one request, as far as it is known."""
        return self._max_photos

    async def register(
        self, person: NewPerson, photos: Sequence[Source], told: dict[int, PhotoReport]
    ) -> Registration:
        """Registers a person.

        Where too few of the first photos are usable, others take the places of those that are not.

        Args:
            person: Who.
            photos: Of this person alone.
            told: What became of each photo, by its place; also where this fails.

        Raises:
            ApiError: The person is not registered.
        """
        self._place.refuse_known(person.user_id)
        client, wishes = self._place.client, self._wishes
        waiting, batch = deque(enumerate(photos)), _Batch()

        async def send(named: Sequence[NamedPhoto], boxes: Mapping[int, Box]) -> Registration:
            register = client.put_user if wishes.replace else client.register
            return await register(
                person.user_id,
                named,
                display_name=person.display_name,
                metadata=person.metadata,
                allow_duplicate=wishes.allow_duplicate,
                detect=wishes.detect,
                face=wishes.face,
                boxes=boxes,
                groups=person.groups,
            )

        while True:
            self._fill(batch, waiting, told)
            try:
                registration = await self._send(send, batch, waiting, told)
                break
            except ApiError as error:
                if error.code != "too_few_photos" or not waiting or not batch.drop_rejected(told):
                    raise
        await self._place.keep()
        return await self._add_rest(client, registration, waiting, told)

    async def add(
        self, user_id: str, photos: Sequence[Source], told: dict[int, PhotoReport]
    ) -> Registration:
        """Adds photos to a user; arguments as in `register`.

        Raises:
            ApiError: Nothing was added.
        """
        client, waiting, batch = self._place.client, deque(enumerate(photos)), _Batch()
        self._fill(batch, waiting, told)
        first = await self._send(self._adding(client, user_id), batch, waiting, told)
        return await self._add_rest(client, first, waiting, told)

    async def _add_rest(
        self,
        client: AsyncClient,
        registration: Registration,
        waiting: deque[tuple[int, Source]],
        told: dict[int, PhotoReport],
    ) -> Registration:
        send = self._adding(client, registration.user.user_id)
        while waiting:
            batch = _Batch()
            self._fill(batch, waiting, told)
            try:
                registration = await self._send(send, batch, waiting, told)
            except ApiError as error:
                if error.code != "too_few_photos":  # of these none is usable; others may be
                    raise
        return msgspec.structs.replace(registration, photos=[told[place] for place in sorted(told)])

    def _adding(self, client: AsyncClient, user_id: str) -> Send:
        async def send(named: Sequence[NamedPhoto], boxes: Mapping[int, Box]) -> Registration:
            return await client.add_photos(
                user_id, named, detect=self._wishes.detect, face=self._wishes.face, boxes=boxes
            )

        return send

    def _fill(
        self, batch: "_Batch", waiting: deque[tuple[int, Source]], told: dict[int, PhotoReport]
    ) -> None:
        """Moves photos into a batch until it is full; those that cannot be read are told of."""
        while waiting and len(batch.photos) < self._max_photos and batch.n_bytes < _MAX_BYTES:
            place, source = waiting.popleft()
            try:
                named = read_photo(source) if isinstance(source, Path) else source
            except UnreadableImageError as error:
                told[place] = _unread(place, source, error)
                continue
            if batch.photos and batch.n_bytes + len(named[1]) > _MAX_BYTES:
                waiting.appendleft((place, source))
                return
            batch.photos.append((place, source, named))

    async def _send(
        self,
        send: Send,
        batch: "_Batch",
        waiting: deque[tuple[int, Source]],
        told: dict[int, PhotoReport],
    ) -> Registration:
        while True:
            boxes = {
                index: self._wishes.boxes[source]
                for index, (_, source, _) in enumerate(batch.photos)
                if isinstance(source, Path) and source in self._wishes.boxes
            }
            try:
                registration = await send([named for _, _, named in batch.photos], boxes)
            except ApiError as error:
                at_most = error.facts.get("max_photos")
                if error.code == "too_many_photos" and isinstance(at_most, int):
                    self._max_photos = at_most
                    surplus = batch.photos[at_most:]
                    waiting.extendleft((place, of) for place, of, _ in reversed(surplus))
                    del batch.photos[at_most:]
                    continue
                if "photos" in error.facts:
                    batch.note(msgspec.convert(error.facts["photos"], list[PhotoReport]), told)
                raise
            batch.note(registration.photos, told)
            return registration


@dataclass(slots=True)
class _Batch:
    """The photos of one request, each with its place among all."""

    photos: list[tuple[int, Source, NamedPhoto]] = field(default_factory=list)

    @property
    def n_bytes(self) -> int:
        return sum(len(content) for _, _, (_, content) in self.photos)

    def note(self, reports: Sequence[PhotoReport], told: dict[int, PhotoReport]) -> None:
        for report in reports:
            place = self.photos[report.index][0]
            told[place] = msgspec.structs.replace(report, index=place)

    def drop_rejected(self, told: Mapping[int, PhotoReport]) -> bool:
        """Makes room; whether there was somebody to go."""
        kept = [each for each in self.photos if told[each[0]].accepted]
        dropped = len(kept) < len(self.photos)
        self.photos = kept
        return dropped


def _unread(place: int, source: Source, error: UnreadableImageError) -> PhotoReport:
    name = source.name if isinstance(source, Path) else source[0]
    return PhotoReport(place, name, False, error.code, error.detail, None, None, None, [], [])
