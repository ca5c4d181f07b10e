"""What is found, where, and whose it is: `python -m benchmarks.detection --help`.

Everything is asked over HTTP, so `--base` can name a checkout of another commit: it is sent the
same pictures, and both are shown side by side.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.detection_cases import PARTS, Case
from benchmarks.judging import judge
from benchmarks.options import BaseOption, DetectorOption, OutOption
from benchmarks.results import Each, Figures, Results, Row, Share
from benchmarks.scenes import Placed, as_jpeg
from benchmarks.service import Service, boxes_of, checkouts, serving
from benchmarks.subjects import ENROLLED_PHOTOS, Subject, read_subjects

_LIMITS = {"FARSIGHT_LIMITS__MAX_PHOTO_BYTES": "50000000"}
"""Pure noise of 24 megapixels is larger than the default limit."""


def count(service: Service, case: Case, photos: Sequence[bytes]) -> Figures:
    """How many of the faces are found, and how many false ones."""
    there = found = false = 0
    times = []
    fields = {} if case.min_face_px is None else {"min_face_px": case.min_face_px}
    if not all(service.knows(field) for field in fields):
        return {}
    for picture, photo in zip(case.pictures, photos, strict=True):
        began = time.perf_counter()
        answer = service.identify(photo, **fields)
        times.append((time.perf_counter() - began) * 1000)
        judgement = judge(boxes_of(answer), [face.box for face in picture.faces])
        there += len(picture.faces)
        found += judgement.found
        false += judgement.false
    shown: Figures = {"found": Share(found, there)} if there else {}
    return {**shown, "false per picture": false / len(photos), "ms": float(np.median(times))}


def compare(service: Service, case: Case, photos: Sequence[bytes]) -> Figures:
    """How near landmarks and embedding are to those of the photo as it was."""
    false = 0
    errors: list[float | None] = []
    cosines: list[float | None] = []
    for picture, photo in zip(case.pictures, photos, strict=True):
        (face,) = picture.faces
        answer = service.identify(photo)
        judgement = judge(boxes_of(answer), [face.box])
        false += judgement.false
        (hit,) = judgement.hits
        if hit is None:
            errors.append(None)
            cosines.append(None)
        else:
            off = np.array(answer["faces"][hit]["landmarks"]) - _expected_landmarks(service, face)
            errors.append(float(np.linalg.norm(off, axis=1).mean() / face.face_px * 100))
            cosines.append(service.similarity(photo, _as_it_was(face.subject)))
    found = sum(error is not None for error in errors)
    return {
        "found": Share(found, len(photos)),
        "false per picture": false / len(photos),
        "landmark error, % of face_px": Each(errors),
        "cosine to the sharp photo": Each(cosines),
    }


def recognise(service: Service, case: Case, photos: Sequence[bytes]) -> Figures:
    """Whether there is the one face, and whether it is recognised."""
    found = alone = known = 0
    similarities: list[float | None] = []
    for picture, photo in zip(case.pictures, photos, strict=True):
        (face,) = picture.faces
        answer = service.identify(photo, top_k=100)
        judgement = judge(boxes_of(answer), [face.box])
        found += judgement.found
        alone += judgement.found == 1 and not judgement.false
        (hit,) = judgement.hits
        if hit is None:
            similarities.append(None)
        else:
            of = answer["faces"][hit]
            known += of["user_id"] == face.subject.person
            by_user = {user["user_id"]: user["similarity"] for user in of["candidates"]}
            similarities.append(float(by_user[face.subject.person]))
    return {
        "found": Share(found, len(photos)),
        "and nothing else": Share(alone, len(photos)),
        "recognised": Share(known, len(photos)),
        "similarity to their own": Each(similarities),
    }


ASKED: dict[str, Callable[[Service, Case, Sequence[bytes]], Figures]] = {
    "scenes": count,
    "lone": compare,
    "turned": recognise,
    "noise": recognise,
    "portraits": recognise,
    "faceless": count,
}
"""What is asked of each part's pictures."""


def enrol(service: Service, subjects: Sequence[Subject]) -> None:
    """Registers every person with their first photos."""
    for person in sorted({subject.person for subject in subjects}):
        own = [subject for subject in subjects if subject.person == person]
        service.register(person, [_as_it_was(subject) for subject in own[:ENROLLED_PHOTOS]])


@cache
def _as_it_was(subject: Subject) -> bytes:
    return as_jpeg(subject.photo)


@cache
def _sharp_landmarks(service: Service, subject: Subject) -> NDArray[np.float64]:
    """As this service reports them for the original photo: detectors point to different places."""
    answer = service.identify(_as_it_was(subject))
    (hit,) = judge(boxes_of(answer), [subject.box]).hits
    return subject.landmarks if hit is None else np.array(answer["faces"][hit]["landmarks"])


def _expected_landmarks(service: Service, face: Placed) -> NDArray[np.float64]:
    """Where those of the original photo are now."""
    own = face.subject.box
    place = (_sharp_landmarks(service, face.subject) - own[:2]) / own[2:]
    return place * face.box[2:] + face.box[:2]


def measure(
    detector: DetectorOption = "yunet",
    base: BaseOption = None,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(PARTS)}; repeatable.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="How many random draws.", min=1)] = 2,
    out: OutOption = None,
) -> None:
    """Measure detection, and recognition based on it."""
    subjects = read_subjects()
    results = Results(out, f"detection-{detector}")
    with ExitStack() as stack:
        services = [
            stack.enter_context(serving(checkout, detector, **_LIMITS))
            for checkout in checkouts(base)
        ]
        for service in services:
            enrol(service, subjects)
        for part in only or PARTS:
            rows = []
            for case in PARTS[part](subjects, rounds):
                photos = [as_jpeg(picture.pixels) for picture in case.pictures]
                of = {service.name: ASKED[part](service, case, photos) for service in services}
                rows.append(Row(case.name, of))
            results.add(f"{(PARTS[part].__doc__ or part).strip()} ({detector})", rows)


if __name__ == "__main__":
    typer.run(measure)
