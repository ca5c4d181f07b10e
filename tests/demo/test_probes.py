"""The demo's own judgement: what counts as named, missed, misnamed."""

import numpy as np
import pytest

from demo.probes import Probe, Subject
from farsight_client import Box, Candidate, IdentifiedFace, Quality

PERSON = Subject("ada.png", "ada", "")
STRANGER = Subject("stranger.png", None, "")


def face(user_id: str | None) -> IdentifiedFace:
    box = Box(x=4, y=4, width=16, height=16)
    return IdentifiedFace(
        box,
        [(0.0, 0.0)] * 5,
        16.0,
        "direct",
        Quality(1.0, 0.5, 0.0, 0.0, 0.0, 1.0),
        photo=0,
        user_id=user_id,
        similarity=0.5,
        margin=None,
        threshold=0.35,
        candidates=[Candidate("ada", 0.5)],
    )


def probe(subject: Subject, size_px: int | None, *names: str | None) -> Probe:
    image = np.zeros((32, 32, 3), np.uint8)
    return Probe(subject, size_px, image, [face(name) for name in names])


@pytest.mark.parametrize(
    ("subject", "names", "misnamed", "found"),
    [
        (PERSON, ["ada"], 0, True),
        (PERSON, [None], 0, False),
        (PERSON, [], 0, False),
        (PERSON, ["bob"], 1, False),
        (PERSON, ["ada", "ada"], 1, True),
        (STRANGER, [None, None], 0, None),
        (STRANGER, [None, "ada"], 1, None),
    ],
)
def test_names_are_judged_against_the_truth(
    subject: Subject, names: list[str | None], misnamed: int, found: bool | None
) -> None:
    asked = probe(subject, 24, *names)
    assert asked.wrong_names == misnamed
    if found is not None:
        assert asked.person_found is found


def test_only_registered_people_of_24_px_and_more_must_be_named() -> None:
    assert [probe(PERSON, size).must_be_named for size in (None, 32, 24, 16)] == [True] * 3 + [
        False
    ]
    assert not probe(STRANGER, None).must_be_named
