"""Prints how near strangers come to people who are registered from turned or covered photos.

Run as `python -m benchmarks.near_strangers`. Four photos of each person in `photos/` are registered
and the others are probes, all by the service's own rules; for docs/decisions/0015.
"""

import asyncio
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image as PillowImage

from app.errors import TooFewPhotosError
from app.graph import Graph, open_graph
from app.services.identified import Wishes
from app.services.registration import NewUser
from app.services.reviewed_photo import Upload
from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.image import Image
from benchmarks.drawn_covers import GLASS_COLOURS, MASK_COLOURS, draw_glasses, draw_mask
from benchmarks.material import SHARED, show
from benchmarks.subjects import ENROLLED_PHOTOS, Subject, read_subjects

_ACTOR = "benchmark"
_NEAR = 0.4

Change = Callable[[Subject], Image]


def turned(quarters: int) -> Change:
    """Photos turned counter-clockwise, without a note in the file."""
    return lambda subject: np.ascontiguousarray(np.rot90(subject.photo, quarters))


def with_mask(subject: Subject) -> Image:
    """Photos with a mask, each of a person in another colour."""
    return draw_mask(subject.photo, subject.landmarks, subject.number % len(MASK_COLOURS))


def with_glasses(subject: Subject) -> Image:
    """Photos with dark glasses."""
    return draw_glasses(subject.photo, subject.landmarks, subject.number % len(GLASS_COLOURS))


def with_both(subject: Subject) -> Image:
    """Photos with mask and dark glasses."""
    masked = with_mask(subject)
    return draw_glasses(masked, subject.landmarks, subject.number % len(GLASS_COLOURS))


CASES: list[tuple[str, Change, Change]] = [
    ("upright, upright", turned(0), turned(0)),
    *((f"turned by {90 * n}, upright", turned(n), turned(0)) for n in (1, 2, 3)),
    *((f"turned by {90 * n}, likewise", turned(n), turned(n)) for n in (1, 2, 3)),
    ("mask, likewise", with_mask, with_mask),
    ("glasses, likewise", with_glasses, with_glasses),
    ("mask and glasses, likewise", with_both, with_both),
]
"""Name, what is registered, what is probed."""


async def show_case(
    graph: Graph, name: str, subjects: list[Subject], registered: Change, probed: Change
) -> None:
    """One row."""
    people = sorted({subject.person for subject in subjects})
    used, users = 0, []
    for person in people:
        own = [of for of in subjects if of.person == person and of.number < ENROLLED_PHOTOS]
        count = await _register(graph, person, [registered(subject) for subject in own])
        used += count
        users += [person] if count else []
    right, nearest = 0, []
    probes = [subject for subject in subjects if subject.number >= ENROLLED_PHOTOS]
    for subject in probes:
        wishes = Wishes(max_faces=1, top_k=len(people))
        found = await graph.identifier.identify(
            graph.current.serving, [_png(probed(subject))], wishes
        )
        for face in found.faces:
            candidates = face.decision.candidates
            right += bool(candidates) and candidates[0].user_id == subject.person
            nearest += [of.similarity for of in candidates if of.user_id != subject.person]
    for person in users:
        await graph.users.erase(_ACTOR, person)
    near = sum(similarity >= _NEAR for similarity in nearest)
    show(
        f"| {name} | {len(users)} of {len(people)}, {used} photos | {right} of {len(probes)} | "
        f"{near} of {len(nearest)} | {max(nearest, default=0):.2f} |"
    )


async def _register(graph: Graph, person: str, photos: list[Image]) -> int:
    """How many photos of a person are used; 0 if they are refused."""
    uploads = [await Upload.take(None, _png(photo)) for photo in photos]
    new = NewUser(person, None, {}, allow_duplicate=True)
    try:
        prepared = await graph.registration.prepare(graph.current.serving, _ACTOR, new, uploads)
    except TooFewPhotosError:
        return 0
    return (await graph.registration.store(prepared)).user.photo_count


def _png(photo: Image) -> bytes:
    file = BytesIO()
    PillowImage.fromarray(photo).save(file, "PNG", compress_level=1)
    return file.getvalue()


async def show_all(folder: Path) -> None:
    """The table."""
    subjects = read_subjects()
    settings = Settings(
        detectors=SHARED / "weights",
        detector="yunet",
        database=DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/farsight.db"),
    )
    show("| registered, probed | users | rank-1 | strangers >= 0.4 | nearest stranger |")
    async with open_graph(settings) as graph:
        for name, registered, probed in CASES:
            await show_case(graph, name, subjects, registered, probed)


def main() -> None:
    """In its own database."""
    with TemporaryDirectory() as folder:
        asyncio.run(show_all(Path(folder)))


if __name__ == "__main__":
    main()
