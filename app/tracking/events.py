"""What a tracker tells about people who pass a camera."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.vision.detector import Rectangle


class EventKind(StrEnum):
    """Of one visit there is one of each at most; `recognised` and `unknown` exclude each other."""

    APPEARED = "appeared"
    RECOGNISED = "recognised"
    UNKNOWN = "unknown"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose a track is.

    Attributes:
        user_id: None for a stranger.
        similarity: To the most similar user; None when nobody is registered.
        margin: The runner-up's similarity is this much lower; None if there is none.
        threshold: Minimum similarity at which `user_id` is set.
    """

    user_id: str | None
    similarity: float | None
    margin: float | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Followed:
    """A face that is before the camera now.

    Attributes:
        box: Where it was last seen, in px of the frame.
        verdict: Whose face it is; None before this is decided.
    """

    box: Rectangle
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One thing to tell about one track.

    Attributes:
        kind: What happened.
        track: The track's number; no two tracks of a tracker share one.
        at_s: When: of `left`, when the face was last seen.
        since_s: When the face was first seen.
        box: Where it was last seen, in px of the frame.
        face_px: The largest `face_px` so far.
        moved: How far it has been from where it was first seen, in widths of the face. A picture
            on a wall stays near 0.
        frames_seen: In how many frames.
        frames_pooled: How many of them, the best, the verdict is about.
        verdict: Whose face it is; None before this is decided.
        crop: The best crop's pixels, (112, 112, 3) uint8 RGB, where sightings have crops.
    """

    kind: EventKind
    track: int
    at_s: float
    since_s: float
    box: Rectangle
    face_px: float
    moved: float
    frames_seen: int
    frames_pooled: int
    verdict: Verdict | None
    crop: NDArray[np.uint8] | None = None
