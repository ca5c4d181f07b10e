"""Following the faces of cameras: frames in, events out. Nothing of them is stored."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import numpy as np

from app.gallery.gallery import Groups
from app.recognition.clips import Clips
from app.recognition.inference import Inference
from app.recognition.recognizer import Finding, FoundFace
from app.recognition.serving import Current, Serving
from app.services.search import Search
from app.services.track_search import deciding
from app.tracking.events import Event, EventKind, Followed
from app.tracking.parts import parts_to_look_at
from app.tracking.rules import DEFAULT_RULES
from app.tracking.sighting import Sighting
from app.tracking.tracker import Tracker
from app.vision.detector import Rectangle
from app.vision.image import Image, Rect

_MOST_FACES = 30
# A face that was overlooked, and has stood still since, is found then.
_EVERYWHERE_EVERY_S = 2.0

Zone = tuple[tuple[float, float], ...]
"""Corners, x and y as shares of the frame's width and height, 0 to 1; three at least."""


@dataclass(frozen=True, slots=True)
class WatchWishes:
    """What is asked of a camera's frames.

    Attributes:
        threshold: Instead of the bundle's.
        min_face_px: The smallest face that is looked for; None: see Recognizer.find.
        groups: Only users who are in one of these are looked for; None: everybody.
        zones: Faces whose middle is in none of them are passed over; empty: the whole frame.
        gone_after_s: A face not seen for so long has left.
        crops: Whether an event brings the pixels of the track's best crop.
    """

    threshold: float | None = None
    min_face_px: float | None = None
    groups: Groups | None = None
    zones: tuple[Zone, ...] = ()
    gone_after_s: float = DEFAULT_RULES.gone_after_s
    crops: bool = False


@dataclass(frozen=True, slots=True)
class WatchedClip:
    """Who passes in a clip.

    Attributes:
        visits: The last event of each.
        frames: How many were looked at.
        seconds: Of the last of them.
    """

    visits: list[Event]
    frames: int
    seconds: float


class Watching:
    """Opens watches.

    Args:
        inference: Where frames are recognised.
        current: Its serving decides.
        clips: Reads clips.
        search: Where users are looked for.
    """

    def __init__(
        self, inference: Inference, current: Current, clips: Clips, search: Search
    ) -> None:
        self._search = search
        self._inference = inference
        self._current = current
        self._clips = clips

    async def watch_clip(self, clip: bytes, fps: float, wishes: WatchWishes) -> WatchedClip:
        """Who passes in a clip.

        Raises:
            UnreadableClipError: See Clips.frames, as for the others.
        """
        watch = self.open(wishes)
        events: list[Event] = []
        frames, at_s = 0, 0.0
        async with aclosing(self._clips.frames(clip, fps)) as pictures:
            async for at_s, picture in pictures:
                events += await watch.see(picture, at_s)
                frames += 1
        events += await watch.end()
        return WatchedClip([of for of in events if of.kind is EventKind.LEFT], frames, at_s)

    def open(self, wishes: WatchWishes) -> "Watch":
        """A watch on one camera."""
        return Watch(self._inference, self._current, self._search, wishes)


class Watch:
    """The faces before one camera, followed from frame to frame; frames come one by one.

    Args:
        inference: Where frames are recognised.
        current: Its serving decides.
        search: Where users are looked for.
        wishes: What is asked.
    """

    def __init__(
        self, inference: Inference, current: Current, search: Search, wishes: WatchWishes
    ) -> None:
        self._search = search
        self._inference = inference
        self._current = current
        self._wishes = wishes
        self._serving = current.serving
        self._looked_everywhere_s = -np.inf
        self._tracker = self._new_tracker(self._serving)

    async def see(
        self, frame: bytes | Image, at_s: float, moved: Sequence[Rect] | None = None
    ) -> list[Event]:
        """Takes a frame.

        Args:
            frame: A file of an image format, or (height, width, 3) uint8 RGB.
            at_s: Its time, not before that of the frame before.
            moved: See Motion.moved, only for pixels: faces are looked for around there, and
                everywhere every two seconds. None: everywhere.

        Raises:
            UnreadableImageError: Not an image.
            ImageTooLargeError: Above the limits.
            OverloadedError: See Inference.admit.
            DeadlineExceededError: See Inference.admit.
        """
        serving = self._current.serving
        events: list[Event] = []
        if serving is not self._serving:
            # Another bundle: embeddings of before cannot be compared with those to come.
            events += await self._tracker.end()
            self._serving, self._tracker = serving, self._new_tracker(serving)
        parts = None if isinstance(frame, bytes) else self._parts(frame, at_s, moved)
        async with self._inference.admit():
            faces = await self._find(frame, parts)
            embeddings = await self._inference.embed(
                [face.crop for face, _ in faces], serving.embedder
            )
        sightings = [
            Sighting(
                at_s,
                box,
                embedding,
                face.quality,
                face.crop.pixels if self._wishes.crops else None,
            )
            for (face, box), embedding in zip(faces, embeddings, strict=True)
        ]
        return [*events, *await self._tracker.see(at_s, sightings, parts)]

    async def stay(self, at_s: float) -> list[Event]:
        """Takes a frame in which nothing has moved."""
        return await self._tracker.stay(at_s)

    async def end(self) -> list[Event]:
        """The camera has ended: everybody has left, and nothing is known of them any more."""
        return await self._tracker.end()

    def followed(self) -> list[Followed]:
        """The faces in the last frame that were told of."""
        return self._tracker.followed()

    def _new_tracker(self, serving: Serving) -> Tracker:
        wishes = self._wishes
        return Tracker(
            deciding(self._search, serving, wishes.threshold, wishes.groups),
            replace(DEFAULT_RULES, gone_after_s=wishes.gone_after_s),
        )

    def _parts(
        self, frame: Image, at_s: float, moved: Sequence[Rect] | None
    ) -> Sequence[Rect] | None:
        """What is looked at; None for everything."""
        if moved is None or at_s - self._looked_everywhere_s >= _EVERYWHERE_EVERY_S:
            self._looked_everywhere_s = at_s
            return None
        height, width = frame.shape[:2]
        known = [face.box for face in self._tracker.followed()]
        return parts_to_look_at(moved, known, width, height)

    async def _find(
        self, frame: bytes | Image, parts: Sequence[Rect] | None
    ) -> list[tuple[FoundFace, Rectangle]]:
        """The faces that count, and where each is in the frame."""
        found = []
        if isinstance(frame, bytes) or parts is None:
            whole = await self._look(frame)
            size = (whole.width_px, whole.height_px)
            found = [(face, face.face.box) for face in whole.faces]
        else:
            size = (frame.shape[1], frame.shape[0])
            for left, top, width, height in parts:
                pixels = np.ascontiguousarray(frame[top : top + height, left : left + width])
                for face in (await self._look(pixels)).faces:
                    x, y, *sides = face.face.box
                    found.append((face, (x + left, y + top, sides[0], sides[1])))
        return [(face, box) for face, box in found if self._counts(box, *size)][:_MOST_FACES]

    async def _look(self, picture: bytes | Image) -> Finding:
        return await self._inference.find(
            picture, max_faces=_MOST_FACES, min_face_px=self._wishes.min_face_px
        )

    def _counts(self, box: Rectangle, width_px: int, height_px: int) -> bool:
        """Whether a face is in a zone."""
        x, y, width, height = box
        middle = ((x + width / 2) / width_px, (y + height / 2) / height_px)
        zones = self._wishes.zones
        return not zones or any(_is_in(middle, zone) for zone in zones)


def _is_in(point: tuple[float, float], zone: Zone) -> bool:
    """Whether a point is in a polygon: a ray from it crosses an odd number of sides."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in zip(zone, (*zone[1:], zone[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside
