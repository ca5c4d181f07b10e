"""How well a face fits a track: by where it is, how alike it is, and how large."""

from collections.abc import Sequence

import numpy as np

from app.tracking.rules import TrackRules
from app.tracking.sighting import Sighting
from app.tracking.track import Track

# Of closeness, against similarity, in the choice between several tracks for a face.
_SHARE_OF_PLACE = 0.5


class Linking:
    """Answers for one frame's faces.

    Args:
        rules: See TrackRules.
        tracks: All that there are.
        at_s: The frame's time.
    """

    def __init__(self, rules: TrackRules, tracks: Sequence[Track], at_s: float) -> None:
        self._rules = rules
        self._tracks = tracks
        self._at_s = at_s

    def fits(self, sightings: Sequence[Sighting]) -> list[tuple[int, Track]]:
        """The faces, by number, and the tracks that they can belong to; the best fit first.

        The farther a face is from where a track's should be, the more alike it must be. Where it
        is in some track's place, any other must be so alike that place does not matter.
        """
        found = []
        for number, sighting in enumerate(sightings):
            away = [self.away_faces(track, sighting) for track in self._tracks]
            is_in_place = min(away, default=np.inf) <= self._rules.near_faces
            for track, faces in zip(self._tracks, away, strict=True):
                similarity = float(track.embedding @ sighting.embedding)
                needed = self._needed(track, faces, is_in_place=is_in_place)
                if similarity >= needed and self._is_of_size(track, sighting):
                    closeness = max(0.0, 1 - faces / self._rules.near_faces)
                    found.append((similarity + _SHARE_OF_PLACE * closeness, number, track))
        found.sort(key=lambda fit: -fit[0])
        return [(number, track) for _, number, track in found]

    def host(self, sighting: Sighting, tracks: Sequence[Track]) -> Track | None:
        """Which of these tracks' place a face is in, though it is not alike."""
        near = [
            (away, track)
            for track in tracks
            if (away := self.away_faces(track, sighting)) <= self._rules.near_faces
        ]
        return min(near, key=lambda pair: pair[0])[1] if near else None

    def resumed(self, new: Track) -> Track | None:
        """The track that was lost before and that a new one goes on with, if there is one.

        Several frames are pooled on both sides: within reach they need not be as alike as a face
        of one frame must be.
        """
        found = [
            (similarity, track)
            for track in self._tracks
            if track.seen_s < new.first.at_s
            and self.away_faces(track, new.first)
            <= self._rules.near_faces + self._reach_faces(new.first.at_s - track.last_s)
            and (similarity := float(track.embedding @ new.embedding))
            >= self._rules.again_similarity
        ]
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def away_faces(self, track: Track, sighting: Sighting) -> float:
        """How far a face is from where a track's should be, or was, in widths of it."""
        places = (track.expected(sighting.at_s, self._rules.reach_s), track.place)
        px = min(float(np.linalg.norm(place - sighting.centre)) for place in places)
        return px / max(track.side_px, sighting.side_px)

    def _needed(self, track: Track, away_faces: float, *, is_in_place: bool) -> float:
        rules = self._rules
        far = max(0.0, away_faces - rules.near_faces)
        if not far:
            return rules.other_similarity
        since_s = max(0.0, self._at_s - track.last_s)
        if far > rules.fastest_faces_per_s * since_s:
            return np.inf
        reach = self._reach_faces(since_s)
        share = 1.0 if is_in_place or far >= reach else far / reach
        return rules.other_similarity + share * (rules.same_similarity - rules.other_similarity)

    def _reach_faces(self, since_s: float) -> float:
        """How much farther than near a face can have got."""
        return self._rules.reach_faces_per_s * min(max(0.0, since_s), self._rules.reach_s)

    def _is_of_size(self, track: Track, sighting: Sighting) -> bool:
        sides = (track.side_px, sighting.side_px)
        return max(sides) <= self._rules.size_ratio * min(sides)
