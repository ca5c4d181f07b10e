"""A folder of folders, each the photos of one person, registered one after the other.

Each person is one transaction, in the order of their names. So a run that was killed and started
again ends as one run would: whoever is already registered is skipped.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.commands.target import RegistrationWishes, Store, Target, read_photo
from app.errors import (
    DuplicatePersonError,
    FarsightError,
    InvalidRequestError,
    TooFewPhotosError,
    TooManyPhotosError,
    UnreadableImageError,
    UserExistsError,
)
from app.evaluation.photo_sets import photos_in
from farsight_client import PhotoReport

# These concern one person. Any other error ends the run: the next person would meet it too.
_REFUSALS = (
    DuplicatePersonError,
    InvalidRequestError,
    TooFewPhotosError,
    TooManyPhotosError,
    UnreadableImageError,
)


@dataclass(frozen=True, slots=True)
class RefusedPerson:
    """Somebody who is not registered, and why."""

    user_id: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class RejectedPhoto:
    """A photo that was not used, and why."""

    user_id: str
    filename: str | None
    reason: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What became of a folder; people are told by their user_id."""

    registered: list[str] = field(default_factory=list)
    already_registered: list[str] = field(default_factory=list)
    refused: list[RefusedPerson] = field(default_factory=list)
    rejected_photos: list[RejectedPhoto] = field(default_factory=list)


def people_in(folder: Path) -> list[Path]:
    """The folders in a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir())


async def register_people(
    target: Target, people: Sequence[Path], wishes: RegistrationWishes
) -> FolderReport:
    """Registers everybody; progress goes to stderr.

    Args:
        target: Where.
        people: A folder of photos each, named by the user_id.
        wishes: For each of them.

    Raises:
        FarsightError: Something that does not concern one person alone. Whoever was
            registered before stays registered.
    """
    report = FolderReport()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("people", total=len(people))
        following: asyncio.Task[Store] | None = None
        try:
            for person, next_person in zip_longest(people, people[1:]):
                reading = following or _read(target, person, wishes)
                # One person's photos are read while another is stored; stored in their order.
                following = _read(target, next_person, wishes) if next_person else None
                await _register(person.name, reading, report)
                progress.advance(task)
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
    return report


def _read(target: Target, folder: Path, wishes: RegistrationWishes) -> asyncio.Task[Store]:
    async def read() -> Store:
        photos = [read_photo(path) for path in photos_in(folder)]
        return await target.prepare(folder.name, photos, wishes)

    return asyncio.create_task(read())


async def _register(user_id: str, reading: Awaitable[Store], report: FolderReport) -> None:
    try:
        store = await reading
        registration = await store()
    except UserExistsError:
        report.already_registered.append(user_id)
        return
    except _REFUSALS as error:
        report.refused.append(RefusedPerson(user_id, error.code, error.detail))
        _note_rejected(user_id, _photo_reports(error), report)
        return
    report.registered.append(user_id)
    _note_rejected(user_id, registration.photos, report)


def _photo_reports(error: FarsightError) -> list[PhotoReport]:
    return msgspec.convert(error.facts.get("photos", []), list[PhotoReport])


def _note_rejected(user_id: str, photos: list[PhotoReport], report: FolderReport) -> None:
    report.rejected_photos.extend(
        RejectedPhoto(user_id, photo.filename, photo.reason, photo.detail)
        for photo in photos
        if photo.reason is not None
    )
