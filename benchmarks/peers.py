"""Others on the same photos: `python -m benchmarks.peers --python .bench-venv/bin/python`.

The others are dlib with the usual settings of the package face_recognition, and EdgeFace behind
YuNet in a plain handler, as tutorials write it. All are asked over HTTP by the same client.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.detection import enrol
from benchmarks.judging import judge
from benchmarks.load import ask_in_turn, endpoint_of
from benchmarks.options import OutOption
from benchmarks.requests import identify_requests, rate
from benchmarks.results import Figures, Results, Rounds, Row, Share
from benchmarks.scenes import WHOLE, Picture, as_jpeg, make_scene
from benchmarks.service import Checkout, Service, boxes_of, checkouts, serving, started
from benchmarks.subjects import ENROLLED_PHOTOS, Subject, read_subjects

_VGA = (640, 480)
_FACES_PX = (16, 24, 32, 200)
_CONNECTIONS = 4


def measure_recognition(service: Service, sent: Sequence[tuple[Picture, bytes]]) -> Figures:
    """Found, recognised, and mistaken for somebody else."""
    found = known = wrong = 0
    for picture, photo in sent:
        (face,) = picture.faces
        answer = service.identify(photo)
        (hit,) = judge(boxes_of(answer), [face.box]).hits
        if hit is not None:
            found += 1
            user = answer["faces"][hit]["user_id"]
            known += user == face.subject.person
            wrong += user not in (None, face.subject.person)
    of = len(sent)
    return {
        "found": Share(found, of),
        "recognised": Share(known, of),
        "taken for another": Share(wrong, of),
    }


def make_pictures(subjects: Sequence[Subject], face_px: float) -> list[tuple[Picture, bytes]]:
    """Photos of registered people that were not registered, in pictures of 640x480."""
    probes = [s for s in subjects if s.number >= ENROLLED_PHOTOS and s.is_plain]
    made = [
        make_scene(seed, _VGA, [subject], face_px, 1, big=False)
        for seed, subject in enumerate(probes)
        if subject.has_around(WHOLE)
    ]
    return [(picture, as_jpeg(picture.pixels)) for picture in made]


def measure(
    python: Annotated[Path, typer.Option(help="Python of the environment with dlib.", exists=True)],
    rounds: Annotated[int, typer.Option(help="Of each load, in turns.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="Duration of a load.", min=1)] = 10.0,
    out: OutOption = None,
) -> None:
    """Measure what is found, whose it is, and how many requests a second are answered."""
    subjects = read_subjects()
    (here,) = checkouts(None)
    # Absolute but not resolved: the link in its environment is what makes it that Python.
    dlib = [str(python.absolute()), "-m", "benchmarks.peer_dlib"]
    tutorial = [sys.executable, "-m", "benchmarks.peer_tutorial"]
    with ExitStack() as stack:
        services = [
            stack.enter_context(started(Checkout("dlib", here.folder), dlib)),
            stack.enter_context(started(Checkout("tutorial", here.folder), tutorial)),
            stack.enter_context(serving(Checkout("Farsight", here.folder), "yunet")),
        ]
        for service in services:
            enrol(service, subjects)
        rows = []
        for face_px in _FACES_PX:
            sent = make_pictures(subjects, face_px)
            rates: dict[str, list[float]] = {service.name: [] for service in services}
            for _ in range(rounds):
                for service in services:
                    requests = identify_requests(service, [photo for _, photo in sent])
                    load = ask_in_turn(endpoint_of(service.url), requests, _CONNECTIONS, seconds)
                    rates[service.name].append(rate(load))
            rows += [
                Row(
                    f"{face_px} px, {service.name}",
                    {
                        service.name: {
                            **measure_recognition(service, sent),
                            "requests/s": Rounds(rates[service.name]),
                        }
                    },
                )
                for service in services
            ]
        Results(out, "peers").add("Beside others on the same photos", rows)


if __name__ == "__main__":
    typer.run(measure)
