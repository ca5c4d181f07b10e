"""When a face belongs to a track, and when a track is decided: docs/decisions/0036-tracks.md."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrackRules:
    """How faces are linked, and when a track is decided.

    Attributes:
        best_frames: How many of a track's sightings are kept and pooled.
        min_frames: A track of fewer is not told: most are no faces.
        gone_after_s: A face not seen for so long has left; later it is another visit.
        sure_frames: No track is decided on fewer before its end.
        sure_surplus: How much above the threshold a similarity must be before the track's end.
        sure_stranger_frames: On so many, a similarity far below the threshold is a stranger's.
        sure_stranger_deficit: How far below.
        min_margin: The runner-up must be this much less similar.
        near_faces: A face is where a track's should be if it is no farther away, in widths of it.
        other_similarity: A face less similar than this is somebody else's, where it is too.
        same_similarity: A face this similar is the track's, wherever it can have got.
        again_similarity: A new track this similar to one that was lost goes on with it, within
            reach.
        reach_faces_per_s: How much farther than `near_faces` a face may get in a second.
        reach_s: After so many seconds the reach grows no more.
        fastest_faces_per_s: Nobody gets farther than this in a second; inf if the camera moves.
        size_ratio: A face so many times as large as the track's, or as small, is not the track's.
    """

    best_frames: int = 10
    min_frames: int = 2
    gone_after_s: float = 3.0
    sure_frames: int = 3
    sure_surplus: float = 0.05
    sure_stranger_frames: int = 10
    sure_stranger_deficit: float = 0.15
    min_margin: float = 0.05
    near_faces: float = 1.0
    other_similarity: float = 0.05
    same_similarity: float = 0.45
    again_similarity: float = 0.35
    reach_faces_per_s: float = 8.0
    reach_s: float = 1.0
    fastest_faces_per_s: float = 12.0
    size_ratio: float = 2.0


DEFAULT_RULES = TrackRules()
