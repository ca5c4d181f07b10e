"""One person's way through consecutive frames."""

import numpy as np
from numpy.typing import NDArray

from app.tracking.events import Event, EventKind, Verdict
from app.tracking.sighting import Sighting, pooled
from app.vision.detector import Rectangle

# Of the face's speed, from one frame to the next.
_INERTIA = 0.5


class Track:
    """The sightings of one person, of which the best are kept.

    Args:
        number: Its name.
        first: The sighting that begins it.
        most: How many of the best sightings are kept.
    """

    def __init__(self, number: int, first: Sighting, most: int) -> None:
        self.number = number
        self.frames_seen = 0
        self.verdict: Verdict | None = None
        self.has_appeared = False
        # Where the track was, but with another face; in a row, the latest last.
        self.doubtful: list[Sighting] = []
        self.best: list[Sighting] = []
        self.embedding: NDArray[np.float32] = first.embedding
        self._most = most
        self._first = first
        self._last = first
        self._last_s = first.at_s
        self._speed = np.zeros(2)
        self._face_px = 0.0
        self._moved = 0.0
        self.add(first)

    @property
    def last_s(self) -> float:
        """When it was last seen."""
        return self._last_s

    @property
    def first(self) -> Sighting:
        """The sighting that began it."""
        return self._first

    @property
    def seen_s(self) -> float:
        """When its face was last seen; it may have stayed since."""
        return self._last.at_s

    @property
    def place(self) -> NDArray[np.float64]:
        """(2,) where the middle of the face was last seen."""
        return self._last.centre

    @property
    def side_px(self) -> float:
        """How large the face's box was when it was last seen."""
        return self._last.side_px

    @property
    def box(self) -> Rectangle:
        """Where it was last seen, in px of the frame."""
        return self._last.box

    def expected(self, at_s: float, within_s: float) -> NDArray[np.float64]:
        """(2,) where the middle of the face should be at this time.

        Args:
            at_s: When.
            within_s: It goes straight on for so long at most.
        """
        return self._last.centre + self._speed * min(at_s - self._last.at_s, within_s)

    def add(self, sighting: Sighting) -> None:
        """One more frame of this person."""
        since_s = sighting.at_s - self._last.at_s
        if since_s > 0:
            speed = (sighting.centre - self._last.centre) / since_s
            known = _INERTIA if self.frames_seen > 1 else 0.0
            self._speed = known * self._speed + (1 - known) * speed
        self._last, self._last_s = sighting, sighting.at_s
        self.doubtful = []
        self.frames_seen += 1
        self._face_px = max(self._face_px, sighting.quality.face_px)
        away = float(np.linalg.norm(sighting.centre - self._first.centre))
        self._moved = max(self._moved, away / self._first.side_px)
        self.best = sorted([*self.best, sighting], key=lambda of: -of.weight)[: self._most]
        self.embedding = pooled(self.best)

    def stay(self, at_s: float) -> None:
        """Nothing has moved: whoever was there still is."""
        self._last_s = max(self._last_s, at_s)

    def was_in_frame(self, at_s: float) -> bool:
        """Whether it was seen, or stayed, at this time."""
        return self._last_s == at_s

    def event(self, kind: EventKind, at_s: float) -> Event:
        """Something to tell about it."""
        return Event(
            kind=kind,
            track=self.number,
            at_s=at_s,
            since_s=self._first.at_s,
            box=self._last.box,
            face_px=self._face_px,
            moved=self._moved,
            frames_seen=self.frames_seen,
            frames_pooled=len(self.best),
            verdict=self.verdict,
            crop=self.best[0].crop,
        )
