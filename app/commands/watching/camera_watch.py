"""One camera: its frames go to a watch, its events to the outputs."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from app.commands.watching.config import Camera, WatchConfig
from app.commands.watching.outputs import Crops, Output, Told
from app.commands.watching.source import Source, SourceFrame
from app.errors import DeadlineExceededError, OverloadedError, UnusablePhotoError
from app.tracking.events import Event, EventKind, Followed
from app.tracking.motion import Motion
from app.vision.image import Image, Rect

_log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Follows the faces of one camera, here or at a service."""

    async def see(
        self, frame: Image, at_s: float, moved: Sequence[Rect] | None = None
    ) -> Sequence[Event]:
        """See app.services.watching.Watch, as for the others."""

    async def stay(self, at_s: float) -> Sequence[Event]:
        """Nothing has moved."""

    async def end(self) -> Sequence[Event]:
        """The camera has ended."""

    def followed(self) -> Sequence[Followed]:
        """The faces in the last frame; none where the watcher cannot tell."""


Preview = Callable[[Image, Sequence[Followed]], object]
"""Shows a frame, (height, width, 3) uint8 RGB, and the faces in it."""


class CameraWatch:
    """Works until the camera ends.

    Args:
        camera: Which.
        config: What is asked.
        watcher: Follows its faces.
        outputs: Where events go.
        crops: Where crops of unknown people are kept, if they are.
        source: The camera's frames.
        progress: Told how much of a file is done, 0..1.
        preview: Shown every frame that was looked at, if anybody is to see them.
    """

    def __init__(
        self,
        camera: Camera,
        config: WatchConfig,
        watcher: Watcher,
        outputs: Sequence[Output],
        crops: Crops | None,
        source: Source,
        progress: Callable[[float], None] = lambda _share: None,
        preview: Preview | None = None,
    ) -> None:
        self._camera = camera
        self._config = config
        self._watcher = watcher
        self._outputs = outputs
        self._crops = crops
        self._progress = progress
        self._preview = preview
        self._motion = Motion()
        self._named_s: dict[str, float] = {}
        self._last: SourceFrame | None = None
        self.source = source
        self.latencies_s: list[float] = []
        """From a frame's arrival to its events, of frames that had some; the last thousand."""

    async def run(self) -> None:
        """Follows the camera to its end.

        Raises:
            CameraError: The file is no video.
        """
        self.source.start()
        try:
            while (frame := await self.source.fetch()) is not None:
                await self._look(frame)
                if self._preview is not None:
                    self._preview(frame.image, self._watcher.followed())
                if frame.share is not None:
                    self._progress(frame.share)
        finally:
            if self._last is not None:
                self._tell(await self._watcher.end(), self._last)
            self.source.close()

    async def _look(self, frame: SourceFrame) -> None:
        self._last = frame
        if self._is_quiet(frame):
            self._tell(await self._watcher.end(), frame)
            return
        moved = self._motion.moved(frame.image) if self._config.motion else None
        if moved == []:
            self._tell(await self._watcher.stay(frame.at_s), frame)
            return
        try:
            events = await self._watcher.see(frame.image, frame.at_s, moved)
        except (OverloadedError, DeadlineExceededError, UnusablePhotoError) as error:
            _log.warning("%s: a frame was not looked at: %s", self._camera.told_as, error.code)
            return
        if events:
            self.latencies_s = [*self.latencies_s[-999:], time.monotonic() - frame.read_s]
        self._tell(events, frame)

    def _is_quiet(self, frame: SourceFrame) -> bool:
        hours = self._config.quiet_hours
        if hours is None or frame.taken_at is None:
            return False
        begin, end = hours
        now = frame.taken_at.astimezone().time()
        return begin <= now < end if begin < end else now >= begin or now < end

    def _tell(self, events: Sequence[Event], frame: SourceFrame) -> None:
        for event in events:
            if self._is_repeated(event):
                continue
            if event.kind is EventKind.UNKNOWN and self._crops and event.crop is not None:
                self._crops.keep(self._camera.told_as, event.crop)
            told = as_json(self._camera.told_as, event, frame.at_s, frame.taken_at)
            for output in self._outputs:
                output.take(told)

    def _is_repeated(self, event: Event) -> bool:
        """Whether this name was told a short while ago."""
        if event.kind is not EventKind.RECOGNISED or event.verdict is None:
            return False
        user_id, pause_s = event.verdict.user_id, 60 * self._config.repeat_minutes
        assert user_id is not None
        before_s = self._named_s.get(user_id)
        if before_s is not None and event.at_s - before_s < pause_s:
            return True
        self._named_s = {
            name: at_s for name, at_s in self._named_s.items() if event.at_s - at_s < pause_s
        }
        self._named_s[user_id] = event.at_s
        return False


def as_json(camera: str, event: Event, now_s: float, now: datetime | None) -> Told:
    """An event as it is told.

    Args:
        camera: Its name.
        event: What happened.
        now_s: A time by the event's clock.
        now: The same by the calendar; None for a file.
    """

    def by_calendar(at_s: float) -> str | None:
        if now is None:
            return None
        return (now - timedelta(seconds=now_s - at_s)).astimezone(UTC).isoformat()

    x, y, width, height = (round(value, 1) for value in event.box)
    verdict = event.verdict
    return {
        "camera": camera,
        "event": event.kind.value,
        "track": event.track,
        "at": by_calendar(event.at_s),
        "since": by_calendar(event.since_s),
        "at_s": round(event.at_s, 3),
        "since_s": round(event.since_s, 3),
        "user_id": verdict and verdict.user_id,
        "similarity": verdict and verdict.similarity,
        "margin": verdict and verdict.margin,
        "threshold": verdict and verdict.threshold,
        "box": {"x": x, "y": y, "width": width, "height": height},
        "face_px": round(event.face_px, 1),
        "moved": round(event.moved, 2),
        "frames_seen": event.frames_seen,
        "frames_pooled": event.frames_pooled,
    }
