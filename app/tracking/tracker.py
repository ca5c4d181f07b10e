"""Follows faces from frame to frame, and tells once who each visitor is.

Faces are linked by place and embedding. Nothing here knows where frames come from or who is
registered: a function that is handed in answers for a pooled embedding.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.tracking.events import Event, EventKind, Verdict
from app.tracking.sighting import Sighting, pooled
from app.tracking.track import Track

Decide = Callable[[Sequence[Sighting]], Awaitable[Verdict]]
"""Whose face the mean of some sightings is."""


@dataclass(frozen=True, slots=True)
class TrackRules:
    """How faces are linked, and when a track is decided: docs/decisions/0036-tracks.md.

    Attributes:
        best_frames: How many of a track's sightings are kept and pooled.
        min_frames: A track of fewer is not told: most are no faces.
        gone_after_s: A face not seen for so long has left; later it is another visit.
        sure_frames: No track is decided on fewer before its end.
        sure_surplus: How much above the threshold a similarity must be before the track's end.
        sure_stranger_frames: On so many, a similarity far below the threshold is a stranger's.
        sure_stranger_deficit: How far below.
        min_margin: The runner-up must be this much less similar.
        same_similarity: A face this similar is the track's, wherever within reach it is.
        other_similarity: A face less similar than this is somebody else's, where it is too.
        reach_faces: How far a face may be from where it is expected, in widths of it.
        reach_faces_per_s: How much further for each second since it was seen.
    """

    best_frames: int = 10
    min_frames: int = 2
    gone_after_s: float = 3.0
    sure_frames: int = 3
    sure_surplus: float = 0.05
    sure_stranger_frames: int = 10
    sure_stranger_deficit: float = 0.15
    min_margin: float = 0.05
    same_similarity: float = 0.45
    other_similarity: float = 0.08
    reach_faces: float = 1.0
    reach_faces_per_s: float = 4.0


DEFAULT_RULES = TrackRules()
# So many faces in a row that are unlike the track's are judged together.
_FRAMES_OF_ANOTHER = 3
# Of closeness, against similarity, in the choice between several tracks for a face.
_SHARE_OF_PLACE = 0.5


class Tracker:
    """Follows the faces of one camera; its methods are called one after the other.

    What it knows of a face is gone with its track.

    Args:
        decide: Whose face the mean of some sightings is.
        rules: See TrackRules.
    """

    def __init__(self, decide: Decide, rules: TrackRules = DEFAULT_RULES) -> None:
        self._decide = decide
        self._rules = rules
        self._tracks: list[Track] = []
        self._count = 0
        self._last_frame_s = -np.inf

    async def see(self, at_s: float, sightings: Sequence[Sighting]) -> list[Event]:
        """Takes the faces of one frame.

        Args:
            at_s: The frame's time; not before that of the frame before.
            sightings: All faces in it.

        Returns:
            What there is to tell, oldest first.
        """
        events = await self._leave(at_s)
        touched = self._link(at_s, sightings)
        self._last_frame_s = at_s
        for track in touched:
            events += await self._judge(track, at_s)
        return events

    async def stay(self, at_s: float) -> list[Event]:
        """Takes a frame in which nothing has moved: whoever was in the one before is in it, too."""
        for track in self._tracks:
            if track.was_in_frame(self._last_frame_s):
                track.stay(at_s)
        self._last_frame_s = at_s
        return await self._leave(at_s)

    async def end(self) -> list[Event]:
        """The camera has ended: everybody has left."""
        return await self._leave(np.inf)

    def tracks_now(self) -> int:
        """How many faces are followed."""
        return len(self._tracks)

    async def _leave(self, at_s: float) -> list[Event]:
        gone = [of for of in self._tracks if at_s - of.last_s > self._rules.gone_after_s]
        self._tracks = [track for track in self._tracks if track not in gone]
        return [event for track in gone for event in await self._farewell(track)]

    async def _farewell(self, track: Track) -> list[Event]:
        if not track.has_appeared:
            return []
        events = []
        if track.verdict is None:
            verdict = await self._decide(track.best)
            track.verdict = verdict if self._has_margin(verdict) else _nobody(verdict)
            events.append(track.event(_kind(track.verdict), track.last_s))
        return [*events, track.event(EventKind.LEFT, track.last_s)]

    def _link(self, at_s: float, sightings: Sequence[Sighting]) -> list[Track]:
        """Hands every sighting to a track, and gives back the tracks that were added to."""
        pairs = sorted(
            (
                (score, row, track)
                for row, sighting in enumerate(sightings)
                for track in self._tracks
                if (score := self._score(track, sighting, at_s)) is not None
            ),
            key=lambda pair: -pair[0],
        )
        free, waiting, touched = set(range(len(sightings))), list(self._tracks), []
        for _, row, track in pairs:
            if row in free and track in waiting:
                free.discard(row)
                waiting.remove(track)
                track.add(sightings[row])
                touched.append(track)
        for row in sorted(free):
            host = self._host(sightings[row], waiting)
            if host is None:
                touched.append(self._begin(sightings[row]))
                continue
            waiting.remove(host)
            if other := self._doubt(host, sightings[row]):
                touched.append(other)
        return touched

    def _score(self, track: Track, sighting: Sighting, at_s: float) -> float | None:
        """How well a face fits a track; None if it is none of its faces."""
        rules = self._rules
        similarity = float(track.embedding @ sighting.embedding)
        away = self._away(track, sighting, at_s)
        if similarity < rules.other_similarity:
            return None
        if away > 1 and similarity < rules.same_similarity:
            return None
        return similarity + _SHARE_OF_PLACE * max(0.0, 1 - away)

    def _away(self, track: Track, sighting: Sighting, at_s: float) -> float:
        """How far a face is from where the track's is expected; 1 is as far as it may be."""
        rules = self._rules
        px = float(np.linalg.norm(track.expected(at_s) - sighting.centre))
        since_s = max(0.0, at_s - track.last_s)
        reach = rules.reach_faces + rules.reach_faces_per_s * since_s
        return px / (reach * max(track.side_px(), sighting.side_px))

    def _host(self, sighting: Sighting, waiting: Sequence[Track]) -> Track | None:
        """The track that should be right where this face is, whose it does not look like."""
        near = [
            (away, track)
            for track in waiting
            if (away := self._away(track, sighting, track.last_s)) <= 1
        ]
        return min(near, key=lambda pair: pair[0])[1] if near else None

    def _doubt(self, track: Track, sighting: Sighting) -> Track | None:
        """Notes a face that is where a track was, and gives back the track that it went to.

        Three of them are judged together, which is far surer: they are the track's after all, or
        another person's, whose track begins with them.
        """
        track.doubtful.append(sighting)
        if len(track.doubtful) < _FRAMES_OF_ANOTHER:
            return None
        doubtful, track.doubtful = track.doubtful, []
        is_same = float(pooled(doubtful) @ track.embedding) >= self._rules.other_similarity
        home = track if is_same else self._begin(doubtful.pop(0))
        for each in doubtful:
            home.add(each)
        return home

    def _begin(self, first: Sighting) -> Track:
        self._count += 1
        track = Track(self._count, first, self._rules.best_frames)
        self._tracks.append(track)
        return track

    async def _judge(self, track: Track, at_s: float) -> list[Event]:
        events = []
        if not track.has_appeared and track.frames_seen >= self._rules.min_frames:
            track.has_appeared = True
            events.append(track.event(EventKind.APPEARED, at_s))
        if track.verdict is None and track.frames_seen >= self._rules.sure_frames:
            verdict = await self._decide(track.best)
            if self._is_sure(verdict, track):
                track.verdict = verdict
                events.append(track.event(_kind(verdict), at_s))
        return events

    def _is_sure(self, verdict: Verdict, track: Track) -> bool:
        rules = self._rules
        if verdict.user_id is not None and verdict.similarity is not None:
            enough = verdict.similarity >= verdict.threshold + rules.sure_surplus
            return enough and self._has_margin(verdict)
        similarity = -1.0 if verdict.similarity is None else verdict.similarity
        return (
            track.frames_seen >= rules.sure_stranger_frames
            and similarity < verdict.threshold - rules.sure_stranger_deficit
        )

    def _has_margin(self, verdict: Verdict) -> bool:
        return verdict.margin is None or verdict.margin >= self._rules.min_margin


def _nobody(verdict: Verdict) -> Verdict:
    return Verdict(None, verdict.similarity, verdict.margin, verdict.threshold)


def _kind(verdict: Verdict) -> EventKind:
    return EventKind.UNKNOWN if verdict.user_id is None else EventKind.RECOGNISED
