"""A folder of folders, each the photos of one person, registered one after the other.

Each person is a transaction; who is registered already is passed over, so that a run that was
killed goes on when it is begun again. Two people are on their way at a time: while one waits for
the networks, the other's photos are read. So of two neighbours who are the same person either may
be the one who is refused.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from app.commands.enrolment import Enrolment
from app.commands.people_plan import PersonFolder, Plan, RefusedPerson, Skipped
from app.commands.people_report import PhotoLine
from app.errors import UserExistsError
from app.progress import Advance
from farsight_client import ApiError, PhotoReport

_AT_ONCE = 2
# These concern one person. Any other error ends the run: the next person would meet it too.
_REFUSALS = frozenset(
    [
        "body_too_large",
        "deadline_exceeded",
        "duplicate_person",
        "image_too_large",
        "internal_error",
        "invalid_request",
        "too_few_photos",
        "unreadable_image",
    ]
)
_EXISTS = UserExistsError.code


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
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What happened to one person.

    Attributes:
        code: None when registered; `user_exists`, or that of a refusal.
        detail: Of a refusal.
        told: Of photos that were sent, by their place.
    """

    code: str | None
    detail: str
    told: dict[int, PhotoReport]


async def register_people(
    plan: Plan,
    users: dict[str, int | None],
    enrolment: Enrolment,
    advance: Advance,
    note: Callable[[PhotoLine], None],
) -> FolderReport:
    """Registers everybody.

    Args:
        plan: Who.
        users: Who is there already, with the number of photos.
        enrolment: Where, and what is asked of each.
        advance: Told after each person.
        note: Told of every photo, as soon as it is known what became of it.

    Raises:
        FarsightError: Something that does not concern one person alone, as for ApiError. Who was
            registered before stays so.
    """
    report = FolderReport(refused=list(plan.refused), skipped=list(plan.skipped))
    on_their_way: deque[tuple[PersonFolder, asyncio.Task[_Outcome]]] = deque()

    async def arrive() -> None:
        person, task = on_their_way[0]
        _note(person, await task, plan, report, note)
        on_their_way.popleft()
        arrived = len(report.registered) + len(report.already_registered) + len(report.refused)
        advance(arrived, len(plan.people) + len(plan.refused))

    try:
        for person in plan.people:
            if len(on_their_way) == _AT_ONCE:
                await arrive()
            task = asyncio.create_task(_register(person, users, enrolment))
            on_their_way.append((person, task))
        while on_their_way:
            await arrive()
    finally:
        for _, task in on_their_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in on_their_way), return_exceptions=True)
    return report


async def _register(
    person: PersonFolder, users: dict[str, int | None], enrolment: Enrolment
) -> _Outcome:
    told: dict[int, PhotoReport] = {}
    user_id = person.person.user_id
    try:
        if user_id not in users:
            await enrolment.register(person.person, person.photos, told)
            return _Outcome(None, "", told)
        stored = users[user_id]
        if stored is not None and stored <= enrolment.max_photos < len(person.photos):
            # An earlier run may have ended after this person's first request.
            await _add_rest(person, enrolment, told)
    except UserExistsError:
        pass
    except ApiError as error:
        if error.code in _REFUSALS:
            return _Outcome(error.code, error.detail, told)
        if error.code != _EXISTS:
            raise
    return _Outcome(_EXISTS, "", told)


async def _add_rest(
    person: PersonFolder, enrolment: Enrolment, told: dict[int, PhotoReport]
) -> None:
    first = enrolment.max_photos
    rest: dict[int, PhotoReport] = {}
    try:
        await enrolment.add(person.person.user_id, person.photos[first:], rest)
    except ApiError as error:
        if error.code != "too_few_photos":  # most often all of them are there already
            raise
    told.update({first + place: report for place, report in rest.items()})


def _note(
    person: PersonFolder,
    outcome: _Outcome,
    plan: Plan,
    report: FolderReport,
    note: Callable[[PhotoLine], None],
) -> None:
    user_id = person.person.user_id
    if outcome.code is None:
        report.registered.append(user_id)
    elif outcome.code == _EXISTS:
        report.already_registered.append(user_id)
    else:
        report.refused.append(RefusedPerson(user_id, outcome.code, outcome.detail))
    for place, path in enumerate(person.photos):
        of_photo = outcome.told.get(place)
        name = path.relative_to(plan.root).as_posix()
        note(_line(user_id, name, of_photo, outcome))
        if of_photo is not None and of_photo.reason is not None:
            name = path.relative_to(person.folder).as_posix()
            report.rejected_photos.append(
                RejectedPhoto(user_id, name, of_photo.reason, of_photo.detail)
            )


def _line(user_id: str, name: str, told: PhotoReport | None, outcome: _Outcome) -> PhotoLine:
    """What the report file says of a photo."""
    if told is not None and told.reason is not None:
        return PhotoLine(name, user_id, "not used", told.reason, told.detail or "", "")
    if outcome.code == _EXISTS and told is None:
        return PhotoLine(name, user_id, "not sent", _EXISTS, "The person was there already.", "")
    if outcome.code is not None and outcome.code != _EXISTS:
        return PhotoLine(name, user_id, "not used", outcome.code, outcome.detail, "")
    photo_id = told.photo_id if told is not None else None
    return PhotoLine(name, user_id, "used", "", "", photo_id or "")


def as_json_text(report: FolderReport) -> str:
    """For programs."""
    return msgspec.json.encode(report).decode()
