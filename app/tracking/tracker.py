"""Follows faces from frame to frame, and tells once who each visitor is.

Faces are linked by place and embedding. Nothing here knows where frames come from or who is
registered: a function that is handed in answers for a pooled embedding.
"""

from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from app.tracking.events import Event, EventKind, Followed, Verdict
from app.tracking.linking import Linking
from app.tracking.parts import is_in
from app.tracking.rules import DEFAULT_RULES, TrackRules
from app.tracking.sighting import Sighting, pooled
from app.tracking.track import Track
from app.vision.image import Rect

Decide = Callable[[Sequence[Sighting]], Awaitable[Verdict]]
"""Whose face the mean of some sightings is."""


# So many faces in a row that are unlike the track's are judged together.
_FRAMES_OF_ANOTHER = 3


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

    async def see(
        self, at_s: float, sightings: Sequence[Sighting], parts: Sequence[Rect] | None = None
    ) -> list[Event]:
        """Takes the faces of one frame.

        Args:
            at_s: The frame's time; not before that of the frame before.
            sightings: All faces in it, or in those parts of it.
            parts: Nothing has moved elsewhere: whoever was there still is. None: everything was
                looked at.

        Returns:
            What there is to tell, oldest first.
        """
        if parts is not None:
            self._stay(at_s, parts)
        events = await self._leave(at_s)
        touched = self._link(at_s, sightings)
        self._last_frame_s = at_s
        for track in touched:
            events += await self._judge(track, at_s)
        return events

    async def stay(self, at_s: float) -> list[Event]:
        """Takes a frame in which nothing has moved: whoever was in the one before is in it, too."""
        self._stay(at_s, ())
        self._last_frame_s = at_s
        return await self._leave(at_s)

    async def end(self) -> list[Event]:
        """The camera has ended: everybody has left."""
        return await self._leave(np.inf)

    def tracks_now(self) -> int:
        """How many faces are followed."""
        return len(self._tracks)

    def followed(self) -> list[Followed]:
        """The faces in the last frame that were told of."""
        return [
            Followed(track.box, track.verdict)
            for track in self._tracks
            if track.has_appeared and track.was_in_frame(self._last_frame_s)
        ]

    def _stay(self, at_s: float, parts: Sequence[Rect]) -> None:
        for track in self._tracks:
            x, y = track.place
            if track.was_in_frame(self._last_frame_s) and not is_in((x, y), parts):
                track.stay(at_s)

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
        linking = Linking(self._rules, tuple(self._tracks), at_s)
        free, waiting, touched = set(range(len(sightings))), list(self._tracks), []
        for number, track in linking.fits(sightings):
            if number in free and track in waiting:
                free.discard(number)
                waiting.remove(track)
                track.add(sightings[number])
                touched.append(track)
        for number in sorted(free):
            host = linking.host(sightings[number], waiting)
            if host is None:
                touched.append(self._begin(sightings[number]))
                continue
            waiting.remove(host)
            if other := self._doubt(host, sightings[number]):
                touched.append(other)
        return [self._resume(track, linking) for track in touched]

    def _resume(self, track: Track, linking: Linking) -> Track:
        """Puts a new track's frames into one that was lost, if they are its; before it is told."""
        if track.has_appeared or track.frames_seen < self._rules.min_frames:
            return track
        lost = linking.resumed(track)
        if lost is None:
            return track
        self._tracks.remove(track)
        for sighting in sorted(track.best, key=lambda of: of.at_s):
            lost.add(sighting)
        return lost

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
