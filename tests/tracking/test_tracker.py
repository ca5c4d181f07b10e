"""Linking, splitting and deciding, with embeddings made up here."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from app.tracking.events import Event, EventKind, Verdict
from app.tracking.sighting import Sighting, pooled
from app.tracking.tracker import Tracker
from app.vision.quality import Quality

Embedding = NDArray[np.float32]
_FRAME_S = 0.2


class _Person:
    """Somebody whose every sighting is a little different: with 0.8, a cosine of about 0.6."""

    def __init__(self, seed: int, different: float = 0.8) -> None:
        self._rng = np.random.default_rng(seed)
        self._different = different
        self.centre = _unit(self._rng.standard_normal(512))

    def at(
        self, frame: int, x: float, y: float = 100, score: float = 0.9, size: float = 1
    ) -> Sighting:
        noise = _unit(self._rng.standard_normal(512))
        quality = Quality(0.5, 0.5, 0, 0, 0, score, 24)
        embedding = _unit(self.centre + self._different * noise)
        return Sighting(frame * _FRAME_S, (x, y, 20 * size, 24 * size), embedding, quality)


def _unit(vector: NDArray[np.floating]) -> Embedding:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def _knowing(**people: _Person) -> Tracker:
    async def decide(sightings: Sequence[Sighting]) -> Verdict:
        embedding = pooled(sightings)
        ranked = sorted(
            ((float(embedding @ of.centre), name) for name, of in people.items()), reverse=True
        )
        best, name = ranked[0]
        margin = best - ranked[1][0] if len(ranked) > 1 else None
        return Verdict(name if best >= 0.35 else None, best, margin, 0.35)

    return Tracker(decide)


def _told(events: Sequence[Event]) -> list[tuple[int, EventKind, str | None]]:
    return [(of.track, of.kind, of.verdict.user_id if of.verdict else None) for of in events]


APPEARED, RECOGNISED, UNKNOWN, LEFT = EventKind


async def test_one_of_each_event_is_told_when_a_user_passes() -> None:
    ada = _Person(1)
    tracker = _knowing(ada=ada, bob=_Person(2))
    events = []
    for frame in range(20):
        events += await tracker.see(frame * _FRAME_S, [ada.at(frame, 10 + 12 * frame)])
    events += await tracker.end()
    assert _told(events) == [
        (1, APPEARED, None),
        (1, RECOGNISED, "ada"),
        (1, LEFT, "ada"),
    ]
    assert events[-1].frames_seen == 20
    assert events[-1].frames_pooled == 10
    assert events[-1].at_s == pytest.approx(19 * _FRAME_S)


async def test_a_stranger_is_told_once_when_the_similarity_stays_low() -> None:
    stranger = _Person(3)
    tracker = _knowing(ada=_Person(1), bob=_Person(2))
    events = []
    for frame in range(30):
        events += await tracker.see(frame * _FRAME_S, [stranger.at(frame, 10 + 6 * frame)])
    events += await tracker.end()
    assert [of.kind for of in events] == [APPEARED, UNKNOWN, LEFT]


async def test_names_stay_with_their_faces_when_two_people_cross() -> None:
    ada, bob = _Person(1), _Person(2)
    tracker = _knowing(ada=ada, bob=bob)
    events = []
    for frame in range(40):
        seen = [ada.at(frame, 10 * frame)]
        if not 18 <= frame <= 22:  # she hides him
            seen.append(bob.at(frame, 400 - 10 * frame))
        events += await tracker.see(frame * _FRAME_S, seen)
    events += await tracker.end()
    left = {of.verdict.user_id: of.box[0] for of in events if of.kind is LEFT and of.verdict}
    assert left == {"ada": 390, "bob": 10}
    assert len({of.track for of in events}) == 2


async def test_two_visits_are_told_when_somebody_leaves_and_comes_back() -> None:
    ada = _Person(1)
    tracker = _knowing(ada=ada)
    events = []
    for frame in [*range(10), *range(40, 50)]:
        events += await tracker.see(frame * _FRAME_S, [ada.at(frame, 100)])
    events += await tracker.end()
    assert [of.kind for of in events] == [APPEARED, RECOGNISED, LEFT] * 2


async def test_one_visit_is_told_when_a_face_is_hidden_for_a_moment() -> None:
    ada = _Person(1)
    tracker = _knowing(ada=ada)
    events = []
    for frame in [*range(10), *range(20, 30)]:
        events += await tracker.see(frame * _FRAME_S, [ada.at(frame, 100 + 8 * frame)])
    events += await tracker.end()
    assert [of.kind for of in events] == [APPEARED, RECOGNISED, LEFT]


async def test_a_track_is_split_when_another_person_takes_the_place() -> None:
    ada, bob = _Person(1), _Person(2)
    tracker = _knowing(ada=ada, bob=bob)
    events = []
    for frame in range(30):
        person = ada if frame < 12 else bob
        events += await tracker.see(frame * _FRAME_S, [person.at(frame, 100)])
    events += await tracker.end()
    assert [of[1:] for of in _told(events) if of[1] is RECOGNISED] == [
        (RECOGNISED, "ada"),
        (RECOGNISED, "bob"),
    ]
    came = next(of for of in events if of.verdict and of.verdict.user_id == "bob")
    assert came.since_s == pytest.approx(12 * _FRAME_S)


async def test_a_track_goes_on_when_one_frame_of_it_is_a_bad_one() -> None:
    ada, nobody = _Person(1), _Person(9)
    tracker = _knowing(ada=ada)
    events = []
    for frame in range(20):
        person = nobody if frame in {5, 11} else ada
        events += await tracker.see(frame * _FRAME_S, [person.at(frame, 100)])
    events += await tracker.end()
    assert [of.kind for of in events] == [APPEARED, RECOGNISED, LEFT]
    assert events[-1].frames_seen == 18


async def test_one_visit_is_told_when_somebody_turns_round_and_runs() -> None:
    ada = _Person(1)
    tracker = _knowing(ada=ada)
    events = []
    for frame in range(20):
        x = 100 + 20 * frame if frame < 10 else 280 - 40 * (frame - 9)
        events += await tracker.see(frame * _FRAME_S, [ada.at(frame, x)])
    events += await tracker.end()
    assert [of.kind for of in events] == [APPEARED, RECOGNISED, LEFT]


async def test_one_visit_is_told_when_a_face_that_varies_much_was_lost_and_has_moved() -> None:
    ada = _Person(1, different=2.2)  # two frames of her have a cosine of about 0.17
    tracker = _knowing(ada=ada)
    events = []
    for frame in [*range(12), *range(17, 29)]:
        x = 100 if frame < 12 else 304
        events += await tracker.see(frame * _FRAME_S, [ada.at(frame, x)])
    events += await tracker.end()
    assert [of.kind for of in events] == [APPEARED, RECOGNISED, LEFT]


async def test_two_visits_are_told_when_somebody_else_comes_where_another_was_lost() -> None:
    ada, bob = _Person(1), _Person(2)
    tracker = _knowing(ada=ada, bob=bob)
    events = []
    for frame in [*range(12), *range(17, 29)]:
        seen = ada.at(frame, 100) if frame < 12 else bob.at(frame, 304)
        events += await tracker.see(frame * _FRAME_S, [seen])
    events += await tracker.end()
    assert [of.verdict.user_id for of in events if of.kind is LEFT and of.verdict] == ["ada", "bob"]


async def test_two_visits_are_told_when_a_face_is_farther_away_than_anybody_gets() -> None:
    ada = _Person(1)
    tracker = _knowing(ada=ada)
    events = []
    for frame in [*range(12), *range(15, 27)]:
        x = 100 if frame < 12 else 900  # 33 widths in 0.8 s
        events += await tracker.see(frame * _FRAME_S, [ada.at(frame, x)])
    events += await tracker.end()
    assert [of.kind for of in events].count(LEFT) == 2


async def test_a_bad_frame_of_a_face_goes_to_nobody_else_when_somebody_was_lost_before() -> None:
    ada, bob = _Person(1), _Person(2)
    tracker = _knowing(ada=ada, bob=bob)
    events = []
    for frame in range(25):
        seen = [bob.at(frame, 200)]
        if frame < 10:
            seen.append(ada.at(frame, 80))
        if frame == 15:  # like both by chance, and more like her
            likeness = _unit(0.35 * ada.centre + _Person(9).centre)
            seen = [Sighting(seen[0].at_s, seen[0].box, likeness, seen[0].quality)]
        events += await tracker.see(frame * _FRAME_S, seen)
    events += await tracker.end()
    left = {of.verdict.user_id: of for of in events if of.kind is LEFT and of.verdict}
    assert left["ada"].frames_seen == 10
    assert left["ada"].at_s == pytest.approx(9 * _FRAME_S)
    assert left["bob"].frames_seen == 24


async def test_another_track_begins_when_the_same_face_is_much_larger() -> None:
    ada = _Person(1)  # and her picture behind her
    tracker = _knowing(ada=ada)
    events = []
    for frame in range(10):
        seen = [ada.at(frame, 110, 110, size=0.4), ada.at(frame, 100)]
        events += await tracker.see(frame * _FRAME_S, seen[: 1 + frame % 2])
    events += await tracker.end()
    left = sorted((of.frames_seen, of.box[2]) for of in events if of.kind is LEFT)
    assert left == [(5, 20), (10, 8)]


async def test_nothing_is_told_when_a_face_is_seen_in_one_frame_alone() -> None:
    ada = _Person(1)
    tracker = _knowing(ada=ada)
    assert [*await tracker.see(0, [ada.at(0, 100)]), *await tracker.end()] == []


async def test_somebody_stays_when_nothing_moves() -> None:
    ada = _Person(1)
    tracker = _knowing(ada=ada)
    events = []
    for frame in range(4):
        events += await tracker.see(frame * _FRAME_S, [ada.at(frame, 100)])
    for frame in range(4, 200):
        events += await tracker.stay(frame * _FRAME_S)
    events += await tracker.see(200 * _FRAME_S, [ada.at(200, 100)])
    assert [of.kind for of in events] == [APPEARED, RECOGNISED]
    assert tracker.tracks_now() == 1


async def test_somebody_stays_when_something_moves_elsewhere() -> None:
    ada, bob = _Person(1), _Person(2)
    tracker = _knowing(ada=ada, bob=bob)
    events = []
    for frame in range(100):
        parts = None if frame < 4 else [(300, 0, 900, 400)]
        seen = [bob.at(frame, 400 + frame)] + ([ada.at(frame, 100)] if frame < 4 else [])
        events += await tracker.see(frame * _FRAME_S, seen, parts)
    assert tracker.tracks_now() == 2
    for frame in range(100, 120):
        events += await tracker.see(frame * _FRAME_S, [bob.at(frame, 500)], [(0, 0, 900, 400)])
    assert [(of.kind, of.verdict and of.verdict.user_id) for of in events][-1] == (LEFT, "ada")
    assert tracker.tracks_now() == 1


async def test_a_picture_on_a_wall_is_one_visit_that_moves_by_nothing() -> None:
    ada = _Person(1)
    tracker = _knowing(ada=ada)
    events = []
    for frame in range(300):
        events += await tracker.see(frame * _FRAME_S, [ada.at(frame, 100)])
    events += await tracker.end()
    assert [of.kind for of in events] == [APPEARED, RECOGNISED, LEFT]
    assert events[-1].moved == 0


async def test_the_faces_in_the_last_frame_are_told_with_names_when_they_are_followed() -> None:
    ada, stranger = _Person(1), _Person(3)
    tracker = _knowing(ada=ada, bob=_Person(2))
    for frame in range(12):
        await tracker.see(
            frame * _FRAME_S, [ada.at(frame, 10 + 5 * frame), stranger.at(frame, 300)]
        )
        if frame == 1:
            assert [of.verdict for of in tracker.followed()] == [None, None]
    followed = {of.verdict and of.verdict.user_id: of.box[0] for of in tracker.followed()}
    assert followed == {"ada": 65, None: 300}
    await tracker.stay(12 * _FRAME_S)
    assert len(tracker.followed()) == 2
    await tracker.see(13 * _FRAME_S, [ada.at(13, 75)])
    assert [of.box[0] for of in tracker.followed()] == [75]
    await tracker.end()
    assert tracker.followed() == []


async def test_nothing_is_kept_when_everybody_has_left() -> None:
    ada = _Person(1)
    tracker = _knowing(ada=ada)
    for frame in range(5):
        await tracker.see(frame * _FRAME_S, [ada.at(frame, 100)])
    await tracker.see(60, [])
    assert tracker.tracks_now() == 0


async def test_likely_faces_count_more_when_frames_are_pooled() -> None:
    ada, bob = _Person(1), _Person(2)
    mean = pooled([ada.at(0, 0, score=0.9), bob.at(0, 0, score=0.1)])
    assert mean @ ada.centre > mean @ bob.centre + 0.4
