"""Prints the tables of docs/decisions/0036-tracks.md: `python -m benchmarks.tracks`.

People pass a simulated camera (tests/simulated_video.py): two cross, one leaves and comes back, a
picture of one hangs on a wall, and a stranger passes. Three photos of each user are enrolled, and
videos show others: one photo for a visit, whose head slowly turns, or another every 0.8 s, which is
a faster change than any head's. Without `--people` everybody is from packages on PyPI, where
further photos are made of one picture: good enough to follow people, too easy to recognise them. A
folder of people, a folder for each, gives honest figures.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from app.gallery.gallery import Enrolled, Gallery
from app.recognition.byte_budget import ByteBudget
from app.recognition.recognizer import Recognizer
from app.recognition.serving import Serving
from app.services.search import MemorySearch
from app.services.track_search import deciding
from app.tracking.events import Event, EventKind
from app.tracking.sighting import Sighting
from app.tracking.tracker import Tracker
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.detection import DEFAULT_POLICY
from app.vision.detector import load_detector
from app.vision.embedder import Embedder, mean_embedding
from app.vision.photo_file import ImageLimits
from benchmarks.material import SHARED, limit_threads, show
from benchmarks.options import DetectorOption
from demo.samples import CACHE, SMALL_FACES, fetch_samples
from tests.sample_people import portraits
from tests.simulated_video import (
    FRAMES_PER_S,
    CutOut,
    Visit,
    cut_out,
    frames,
    read_video,
    write_video,
)

ENROLLED = 3
SECONDS = 14.0
PAIRS = 2000
THRESHOLD = 0.35
SIZES_PX = (16, 24)
RATES_KBIT_PER_S = (600, 150)
STRANGERS = 3  # one person in so many

Rule = Callable[[Sighting], float]
WEIGHTS: dict[str, Rule] = {
    "all alike": lambda _of: 1.0,
    "face_px": lambda of: of.quality.face_px,
    "sharpness": lambda of: of.quality.sharpness,
    "detail_px": lambda of: of.quality.detail_px,
    "detail_px squared": lambda of: of.quality.detail_px**2,
    "detection score": lambda of: of.weight,
    "detail_px, frontal": lambda of: of.quality.detail_px * np.cos(np.deg2rad(of.quality.yaw_deg)),
}


@dataclass
class People:
    """Cut-outs to show and templates to search, by person."""

    faces: dict[str, list[CutOut]]
    templates: dict[str, NDArray[np.float32]]


@dataclass
class Outcome:
    """What became of all visits of some scenes.

    Attributes:
        share_of_frames: Of each visit of a user, the share of its frames that are recognised by
            themselves, added up: a picture on a wall is in half of all frames, and one visit.
    """

    visits: int = 0
    of_users: int = 0
    tracks: int = 0
    swaps: int = 0
    wrong: int = 0
    recognised: int = 0
    frames: int = 0
    frames_recognised: int = 0
    frames_wrong: int = 0
    share_of_frames: float = 0.0
    seen: list[tuple[str, list[Sighting]]] = field(default_factory=list)


def main(
    people: Annotated[Path | None, typer.Option(help="A folder for each person.")] = None,
    scenes: Annotated[int, typer.Option(help="For each size and rate.")] = 6,
    most: Annotated[int, typer.Option(help="People at most.")] = 60,
    detector: DetectorOption = "yunet",
    bundle: Annotated[Path, typer.Option(help="The networks.")] = Path("weights/farsight-xxs"),
) -> None:
    """Prints the tables."""
    limit_threads()
    folder = SHARED / "weights" if detector == "yunet" else CACHE.parent / "detectors"
    recognizer = Recognizer(
        load_detector(detector, folder), DEFAULT_POLICY, ImageLimits(), ByteBudget(10**9)
    )
    embedder = Embedder(load_bundle(bundle), "cpu")
    photos = _sample_photos() if people is None else _photos_of(people, most)
    known = _enrol(recognizer, embedder, photos)
    names = sorted(known.faces)
    users = [name for number, name in enumerate(names) if number % STRANGERS]
    gallery = Gallery((name, Enrolled(known.templates[name])) for name in users)
    serving = Serving(embedder, gallery, 1e-4, THRESHOLD)
    show(f"{len(users)} users, {len(names) - len(users)} strangers; {detector}, {bundle.name}")
    show(
        "\nphotos  face_px  kbit/s  visits  tracks per visit  swaps  recognised: visits"
        "  a visit's frames  all frames  wrong: visits  frames"
    )
    every = Outcome()
    for photos_of_visit in ("one", "many"):
        for face_px in SIZES_PX:
            for rate in RATES_KBIT_PER_S:
                outcome = Outcome()
                for seed in range(scenes):
                    visits = _scene(known, names, users, face_px, seed)
                    if photos_of_visit == "one":
                        visits = [_of_one_photo(visit) for visit in visits]
                    asyncio.run(_watch(recognizer, serving, visits, rate, seed, outcome))
                show(f"{photos_of_visit:6} {face_px:8} {rate:7} {_row(outcome)}")
                every.seen += outcome.seen
    _show_pairs(gallery, every.seen, set(users))
    _show_weights(every.seen, set(users), known)


def _of_one_photo(visit: Visit) -> Visit:
    return replace(visit, faces=visit.faces[:1], is_turning=not visit.is_picture)


def _row(of: Outcome) -> str:
    return (
        f"{of.visits:7} {of.tracks / of.visits:17.2f} {of.swaps:6}"
        f" {of.recognised / of.of_users:19.0%} {of.share_of_frames / of.of_users:17.0%}"
        f" {of.frames_recognised / max(1, of.frames):11.0%} {of.wrong:14} {of.frames_wrong:7}"
    )


def _sample_photos() -> dict[str, list[bytes]]:
    (subset,) = fetch_samples(packages=[SMALL_FACES]).values()
    return portraits(fetch_samples(), subset)


def _photos_of(folder: Path, most: int) -> dict[str, list[bytes]]:
    people = [path for path in sorted(folder.iterdir()) if path.is_dir()][:most]
    return {
        of.name: [photo.read_bytes() for photo in sorted(of.glob("*.jpg"))[:8]] for of in people
    }


def _enrol(recognizer: Recognizer, embedder: Embedder, photos: dict[str, list[bytes]]) -> People:
    people = People({}, {})
    for person, of_person in photos.items():
        crops: list[Crop] = []
        for photo in of_person[:ENROLLED]:
            crops += [of.crop for of in recognizer.find(photo, max_faces=1).faces]
        cuts = [cut_out(recognizer, photo) for photo in of_person[ENROLLED:]]
        shown = [cut for cut in cuts if cut is not None]
        if len(crops) == ENROLLED and shown:
            people.faces[person] = shown
            people.templates[person] = mean_embedding(embedder.embed(crops)[0])
    return people


def _scene(
    known: People, names: Sequence[str], users: Sequence[str], face_px: float, seed: int
) -> list[Visit]:
    """Two users cross, a third comes twice, a stranger passes, and a picture hangs there."""
    rng = np.random.default_rng(seed)
    strangers = [name for name in names if name not in users]
    one, two, third, shown = rng.choice(users, 4, replace=False)
    stranger = rng.choice(strangers)
    y = rng.uniform(80, 120)

    def visit(person: str, path: Sequence[tuple[float, float, float]], **more: bool) -> Visit:
        faces = known.faces[person]
        first = int(rng.integers(len(faces)))
        return Visit(person, faces[first:] + faces[:first], face_px, path, **more)

    return [
        visit(shown, [(0, 320, 40), (SECONDS, 320, 40)], is_picture=True),
        visit(one, [(0.4, 30, y), (6, 610, y + 8)]),
        visit(two, [(0.2, 610, y + 4), (5.5, 30, y - 4)]),
        visit(third, [(0, 60, 300), (3, 330, 260)]),
        visit(third, [(8.5, 330, 260), (12.5, 40, 300)]),
        visit(stranger, [(3, 600, 220), (9, 250, 180), (11, 600, 200)]),
    ]


async def _watch(
    recognizer: Recognizer,
    serving: Serving,
    visits: list[Visit],
    rate: int,
    seed: int,
    outcome: Outcome,
) -> None:
    tracker = Tracker(deciding(MemorySearch(), serving))
    users = {
        name for name in (of.person for of in visits) if serving.gallery.template(name) is not None
    }
    seen: dict[int, list[Sighting]] = {number: [] for number in range(len(visits))}
    events: list[Event] = []
    for at_s, sightings in _sightings(recognizer, serving.embedder, visits, rate, seed):
        for sighting in sightings:
            number = _whose(visits, sighting.box, at_s)
            if number is not None:
                seen[number].append(sighting)
        events += await tracker.see(at_s, sightings)
    events += await tracker.end()
    began: dict[int, int | None] = {}
    recognised: set[int] = set()
    tracks: Counter[int] = Counter()
    for event in events:
        # A frame back: what is told at a face's last sighting may be a moment late.
        number = _whose(visits, event.box, event.at_s)
        if event.kind is EventKind.APPEARED:
            began[event.track] = number
            tracks[-1 if number is None else number] += 1
        elif event.kind is EventKind.LEFT:
            outcome.swaps += number is not None and number != began[event.track]
        elif event.kind is EventKind.RECOGNISED and event.verdict is not None:
            mine = None if number is None else visits[number].person
            outcome.wrong += event.verdict.user_id != mine
            if number is not None and event.verdict.user_id == mine:
                recognised.add(number)
    outcome.recognised += len(recognised)
    outcome.tracks += tracks.total()
    outcome.visits += sum(bool(of) for of in seen.values())
    outcome.of_users += sum(visit.person in users for visit in visits)
    for number, of_visit in seen.items():
        person = visits[number].person
        outcome.seen.append((person, of_visit))
        right = 0
        for sighting in of_visit:
            user_id = (await deciding(MemorySearch(), serving)([sighting])).user_id
            outcome.frames += person in users
            right += user_id == person
            outcome.frames_wrong += user_id not in {None, person}
        outcome.frames_recognised += right
        outcome.share_of_frames += right / max(1, len(of_visit))


def _sightings(
    recognizer: Recognizer, embedder: Embedder, visits: list[Visit], rate: int, seed: int
) -> Iterator[tuple[float, list[Sighting]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        write_video(path, frames(visits, SECONDS, seed), rate)
        for number, picture in enumerate(read_video(path)):
            at_s = number / FRAMES_PER_S
            found = recognizer.find(picture, max_faces=20).faces
            embeddings, _ = embedder.embed([face.crop for face in found])
            yield (
                at_s,
                [
                    Sighting(at_s, face.face.box, embedding, face.quality)
                    for face, embedding in zip(found, embeddings, strict=True)
                ],
            )


def _whose(
    visits: Sequence[Visit], box: tuple[float, float, float, float], at_s: float
) -> int | None:
    """The visit whose face is there, within a face's width."""
    centre = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
    near = [
        (float(np.linalg.norm(place - centre)), number)
        for number, visit in enumerate(visits)
        if (place := visit.at(at_s)) is not None
    ]
    away, number = min(near, default=(np.inf, -1))
    return number if away <= visits[number].face_px else None


def _show_pairs(gallery: Gallery, seen: list[tuple[str, list[Sighting]]], users: set[str]) -> None:
    """How alike two frames are, and the margin of two users' frames that are pooled."""
    rng = np.random.default_rng(0)
    shown = [(person, of) for person, of in seen if of and person in users]
    same, other, margins = [], [], []
    for _ in range(PAIRS):
        one, two = (shown[int(rng.integers(len(shown)))] for _ in range(2))
        first, second = (of[int(rng.integers(len(of)))] for _, of in (one, two))
        mine = one[1][int(rng.integers(len(one[1])))]
        if mine is not first:
            same.append(float(first.embedding @ mine.embedding))
        if one[0] != two[0]:
            other.append(float(first.embedding @ second.embedding))
            best, next_best = gallery.search(mean_embedding([first.embedding, second.embedding]), 2)
            if best.similarity >= THRESHOLD:
                margins.append(best.similarity - next_best.similarity)
    show(f"\npairs of frames below and above a similarity ({len(same)} and {len(other)})")
    show("similarity  one person below  two people above")
    for bar in (0.05, 0.1, 0.15, 0.2, 0.25):
        below, above = np.mean(np.array(same) < bar), np.mean(np.array(other) >= bar)
        show(f"{bar:10} {below:17.1%} {above:17.1%}")
    show(f"\nframes of two users pooled, of which one is named: {len(margins) / len(other):.1%}")
    show("margin  named")
    for bar in (0, 0.05, 0.1, 0.2, 0.3):
        show(f"{bar:6} {np.sum(np.array(margins) >= bar) / len(other):6.1%}")


def _show_weights(seen: list[tuple[str, list[Sighting]]], users: set[str], known: People) -> None:
    """How near pooled frames come to their own template, and strangers to the nearest."""
    show(
        f"\nweights: similarity to the own template, share of visits above {THRESHOLD};"
        " nearest other user"
    )
    show("weights              frames   own  above  nearest other p99")
    others = np.stack([known.templates[name] for name in sorted(users)])
    order = sorted(users)
    for name, rule in WEIGHTS.items():
        for most in (1, 3, 10, 1000):
            own, other = [], []
            for person, sightings in seen:
                if not sightings:
                    continue
                best = sorted(sightings, key=rule, reverse=True)[:most]
                if name == "all alike":
                    best = sightings[:: max(1, len(sightings) // most)][:most]
                weights = np.array([rule(of) for of in best])
                vector = weights @ np.stack([of.embedding for of in best])
                similarities = others @ (vector / np.linalg.norm(vector))
                if person in users:
                    own.append(similarities[order.index(person)])
                    similarities[order.index(person)] = -1
                other.append(similarities.max())
            show(
                f"{name:20} {most:6} {np.mean(own):5.3f} {np.mean(np.array(own) > THRESHOLD):6.1%}"
                f" {np.quantile(other, 0.99):10.3f}"
            )


if __name__ == "__main__":
    typer.run(main)
