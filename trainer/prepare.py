"""`python -m trainer prepare`: from photos of people to aligned crops for training."""

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from app.errors import ImageTooLargeError, UnreadableImageError
from app.evaluation.photo_sets import PersonPhoto, read_people
from app.progress import counted
from app.vision.aligned_faces import usable_crop
from app.vision.alignment import Crop
from app.vision.detection import find_faces
from app.vision.detector import Detector, load_detector
from app.vision.image import decode_image
from app.vision.png import encode_png
from app.vision.quality import QualityLimits, Rejection
from trainer.errors import DataError
from trainer.options import DetectorOptions, number

REPORT_NAME = "report.json"
LIST_NAME = "data_list.txt"
PEOPLE_NAME = "people"
_MIN_PHOTOS_PER_PERSON = 2

MinFacePx = Annotated[float, number(float, 16)]


class Report(msgspec.Struct, frozen=True):
    """What happened to the photos.

    Attributes:
        accepted: Crops written.
        people: People with two crops or more.
        rejected: The photos by reason.
        left_out: People with fewer than two crops, whose crops were not written.
    """

    accepted: int
    people: int
    rejected: dict[str, list[str]]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class _Outcome:
    photo: PersonPhoto
    crop: Crop | None
    reason: Rejection | None


def prepare(
    finder: DetectorOptions, photos: Path, out: Path, min_face_px: MinFacePx = 76.0
) -> None:
    """Detect, align and filter: photos of people become 112x112 crops for --train-dir.

    Writes --out/people/PERSON/PHOTO.png (lossless: JPEG would be learnt), data_list.txt with a
    SHA-256 per crop, and report.json with every rejected photo and the reason. A photo must show
    one face; people with fewer than two crops are left out.

    Args:
        finder: What finds the faces.
        photos: Photos, one folder per person.
        out: Folder to create; must not exist yet.
        min_face_px: Smaller faces are not sharp enough to learn from.
    """
    if out.exists():
        raise DataError(f"{out} exists already; --out must be a new folder.")
    listed = read_people(photos)
    found = load_detector(finder.detector, finder.detectors, offline=finder.offline)
    limits = QualityLimits(min_face_px=min_face_px)
    outcomes = []
    with counted("Photos") as advance:
        for photo in listed:
            outcomes.append(_crop_of(photo, found, limits))
            advance(len(outcomes), len(listed))
    report = _write(out, outcomes)
    typer.echo(
        f"{report.accepted} crops of {report.people} people in {out / PEOPLE_NAME}; "
        f"{len(listed) - report.accepted} photos left out:"
    )
    for reason, rejected in report.rejected.items():
        typer.echo(f"  {len(rejected):6d}  {reason}")
    if report.left_out:
        typer.echo(f"  people with fewer than two crops: {', '.join(report.left_out)}")


def _crop_of(photo: PersonPhoto, detector: Detector, limits: QualityLimits) -> _Outcome:
    try:
        image = decode_image(photo.path.read_bytes())
    except UnreadableImageError:
        return _Outcome(photo, None, Rejection.UNREADABLE_IMAGE)
    except ImageTooLargeError:
        return _Outcome(photo, None, Rejection.IMAGE_TOO_LARGE)
    found = usable_crop(image, find_faces(detector, image).faces, limits)
    if isinstance(found, Rejection):
        return _Outcome(photo, None, found)
    return _Outcome(photo, found, None)


def _write(out: Path, outcomes: list[_Outcome]) -> Report:
    """Writes everything or nothing.

    Raises:
        DataError: Nobody has two crops left.
    """
    good = [outcome for outcome in outcomes if outcome.reason is None]
    photos = Counter(outcome.photo.person for outcome in good)
    alone = {person for person, count in photos.items() if count < _MIN_PHOTOS_PER_PERSON}
    kept = [outcome for outcome in good if outcome.photo.person not in alone]
    report = Report(
        accepted=len(kept),
        people=len(photos) - len(alone),
        rejected=_by_reason(outcomes),
        left_out=sorted({outcome.photo.person for outcome in outcomes} - photos.keys() | alone),
    )
    if not kept:
        counts = {reason: len(files) for reason, files in report.rejected.items()}
        raise DataError(f"Nobody has two crops left. Rejected photos by reason: {counts}.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=out.parent) as folder:
        incoming = Path(folder) / out.name
        lines = [_write_crop(incoming / PEOPLE_NAME, outcome) for outcome in kept]
        (incoming / LIST_NAME).write_text("".join(sorted(lines)), encoding="utf-8")
        document = msgspec.json.format(msgspec.json.encode(report), indent=2)
        (incoming / REPORT_NAME).write_bytes(document)
        shutil.move(incoming, out)
    return report


def _write_crop(people: Path, outcome: _Outcome) -> str:
    """Writes one crop; returns its line of the data list."""
    assert outcome.crop is not None
    # The name keeps the suffix: a.jpg and a.png are two photos.
    path = people / outcome.photo.person / f"{outcome.photo.path.name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = encode_png(outcome.crop.pixels)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return f"{digest}  {path.relative_to(people.parent).as_posix()}\n"


def _by_reason(outcomes: Iterable[_Outcome]) -> dict[str, list[str]]:
    rejected: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.reason is not None:
            name = f"{outcome.photo.person}/{outcome.photo.path.name}"
            rejected.setdefault(outcome.reason.value, []).append(name)
    return dict(sorted(rejected.items()))
