"""How fast `register --from-dir --aligned` is, against a bare loop over the same photos.

Run as `python -m benchmarks.register_from_dir ../shared/faces/train_small`.

The bare loop reads each photo and makes its embedding, nothing else. Both process the same people,
fifty at a time and in turns, so that whatever slows down the machine slows down both.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from app.commands.enrolment import Enrolment, Wishes
from app.commands.gallery_place import OpenPlace
from app.commands.local_service import local_client
from app.commands.people_folder import register_people
from app.commands.people_plan import PersonFolder, Plan, user_of
from app.evaluation.photo_sets import photos_in
from app.graph import open_graph
from app.recognition.byte_budget import ByteBudget
from app.recognition.recognizer import Recognizer
from app.setting_groups import DatabaseSettings, RegistrationSettings
from app.settings import Settings
from app.vision.detection import DEFAULT_POLICY
from app.vision.detector import load_detector
from app.vision.photo_file import ImageLimits
from benchmarks.material import show

_AT_A_TIME = 50
_WISHES = Wishes(detect=False)


def _unseen(*_told: object) -> None:
    """Nobody looks at progress and lines of a report here."""


async def measure(people: list[Path], root: Path, folder: Path) -> None:
    """Prints seconds, photos per second and the ratio."""
    settings = Settings(
        database=DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/farsight.db"),
        registration=RegistrationSettings(min_photos=2),
    )
    bare_s = registering_s = 0.0
    photos = registered = 0
    async with open_graph(settings) as graph, local_client(graph, settings) as client:
        enrolment = Enrolment(OpenPlace(client), _WISHES)
        embedder = graph.current.serving.embedder
        recognizer = Recognizer(
            load_detector(settings.detector, settings.detectors, 1),
            DEFAULT_POLICY,
            ImageLimits(),
            ByteBudget(settings.limits.max_decoded_bytes),
        )
        for start in range(0, len(people), _AT_A_TIME):
            some = people[start : start + _AT_A_TIME]
            began = time.perf_counter()
            for path in [path for person in some for path in photos_in(person)]:
                found = recognizer.find(path.read_bytes(), max_faces=2, detect=False)
                embedder.embed([face.crop for face in found.faces])
                photos += 1
            turned = time.perf_counter()
            plan = Plan(
                root,
                [PersonFolder(user_of(of.name), of, tuple(photos_in(of))) for of in some],
            )
            report = await register_people(plan, {}, enrolment, _unseen, _unseen)
            registering_s += time.perf_counter() - turned
            bare_s += turned - began
            registered += len(report.registered)
    show(f"{len(people)} people, {photos} photos; {registered} people registered")
    show(f"bare loop {bare_s:.1f} s, {photos / bare_s:.0f} photos/s")
    show(f"register --from-dir {registering_s:.1f} s, {photos / registering_s:.0f} photos/s")
    show(f"throughput {bare_s / registering_s:.2f} of the bare loop's")


def main(
    root: Annotated[Path, typer.Argument(help="A folder of folders of aligned crops.")],
    people: Annotated[int, typer.Option(help="How many, by name.")] = 500,
) -> None:
    """Measures."""
    with tempfile.TemporaryDirectory() as folder:
        some = sorted(path for path in root.iterdir() if path.is_dir())[:people]
        asyncio.run(measure(some, root, Path(folder)))


if __name__ == "__main__":
    typer.run(main)
