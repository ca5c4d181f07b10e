"""Frames of a video file, a webcam or a stream, as they are wanted; a lost stream is opened again.

A thread of its own reads, because FFmpeg blocks. It holds one frame at most: a newer one of a
camera takes the place of one that nobody has fetched; a file waits.
"""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import av
import numpy as np
from av.container import InputContainer

from app.commands.camera import CameraError
from app.vision.image import Image

_log = logging.getLogger(__name__)

_STREAM = re.compile(r"(rtsps?|https?|rtmps?|srt|udp|tcp)://", re.IGNORECASE)
_OPEN_WITHIN_S = 10.0
_READ_WITHIN_S = 10.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
# A stream that has lasted so long was no accident: the next pause is a short one again.
_STEADY_S = 30.0
_JOINED_WITHIN_S = 2.0
_TOLERANCE_S = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class SourceFrame:
    """A frame.

    Attributes:
        image: (height, width, 3) uint8 RGB.
        at_s: Of a file, its own time; of a camera, seconds since it was started.
        taken_at: By the clock; None for a file.
        read_s: `time.monotonic()` when it was read.
        share: Of a file, how much is behind it, 0..1; None where nobody knows.
    """

    image: Image
    at_s: float
    taken_at: datetime | None
    read_s: float
    share: float | None


@dataclass(slots=True)
class Counts:
    """What became of frames: read in time to be looked at, dropped for newer ones; lost streams."""

    seen: int = 0
    dropped: int = 0
    lost: int = 0


class Source:
    """One camera or file.

    Args:
        address: A file, a webcam (`/dev/video0`, or its number), or an address of a stream.
        fps: Frames a second that are wanted.
        pause_s: Before a lost stream is opened again, the first time; doubled up to 30 s.

    Attributes:
        counts: What became of frames.
    """

    def __init__(self, address: str, fps: float, pause_s: float = _FIRST_PAUSE_S) -> None:
        self.address = address
        self.is_file = not _STREAM.match(address) and not _webcam(address)
        self.counts = Counts()
        self._every_s = 1 / fps
        self._pause_s = pause_s
        self._frame: SourceFrame | None = None
        self._error: CameraError | None = None
        self._ended = False
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._started_s = 0.0

    def start(self) -> None:
        """Begins to read; call it in the event loop that fetches."""
        self._loop = asyncio.get_running_loop()
        self._started_s = time.monotonic()
        self._thread.start()

    async def fetch(self) -> SourceFrame | None:
        """The newest frame that was not fetched, as soon as there is one; None after the last.

        Raises:
            CameraError: The file is no video.
        """
        while True:
            await self._news.wait()
            with self._changed:
                frame, self._frame = self._frame, None
                self._changed.notify_all()
                if frame is None and self._error is not None:
                    raise self._error
                if frame is not None or self._ended:
                    self.counts.seen += frame is not None
                    return frame
                self._news.clear()

    def close(self) -> None:
        """Ends the thread; one that FFmpeg holds up is left behind."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_JOINED_WITHIN_S)

    def _run(self) -> None:
        pause_s = self._pause_s
        while not self._stop.is_set():
            began_s = time.monotonic()
            try:
                self._read()
            except (av.FFmpegError, OSError, ValueError):
                # Their messages contain addresses, and those contain passwords.
                if self.is_file:
                    self._error = CameraError(f"{Path(self.address).name} is not a readable video.")
            if self.is_file:
                break
            if self._stop.is_set():
                break
            self.counts.lost += 1
            if time.monotonic() - began_s > _STEADY_S:
                pause_s = self._pause_s
            _log.warning("%s: no pictures; trying again in %.1f s", name_of(self.address), pause_s)
            self._stop.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        self._tell(lambda: setattr(self, "_ended", True))

    def _read(self) -> None:
        with _open(self.address) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO" if self.is_file else "SLICE"
            length_s = container.duration / av.time_base if container.duration else None
            next_s = -np.inf
            for frame in container.decode(stream):
                if self._stop.is_set():
                    return
                now_s = time.monotonic()
                at_s = (frame.time or 0.0) if self.is_file else now_s - self._started_s
                if at_s < next_s - _TOLERANCE_S:
                    continue
                # By the plan, or a camera of 10 frames a second would give 3.3 where 4 are wanted.
                behind_s = at_s - next_s
                next_s = (at_s if behind_s > self._every_s else next_s) + self._every_s
                self._offer(
                    SourceFrame(
                        np.asarray(frame.to_ndarray(format="rgb24"), np.uint8),
                        at_s,
                        None if self.is_file else datetime.now(UTC),
                        now_s,
                        min(1.0, at_s / length_s) if self.is_file and length_s else None,
                    )
                )

    def _offer(self, frame: SourceFrame) -> None:
        with self._changed:
            if self.is_file:
                self._changed.wait_for(lambda: self._frame is None or self._stop.is_set())
            self.counts.dropped += self._frame is not None

        def put() -> None:
            self._frame = frame

        self._tell(put)

    def _tell(self, change: Callable[[], None]) -> None:
        assert self._loop is not None
        with self._changed:
            change()
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop has ended before this thread
            self._stop.set()


def name_of(address: str) -> str:
    """What a camera is called unless it has a name: never with a password."""
    if _STREAM.match(address):
        parts = urlsplit(address)
        return f"{parts.hostname or 'camera'}{parts.path}".rstrip("/")
    return _webcam(address) or Path(address).name


def _webcam(address: str) -> str | None:
    """The device of a webcam, by its number or path."""
    if address.isdecimal():
        return f"/dev/video{address}"
    return address if address.startswith("/dev/video") else None


def _open(address: str) -> InputContainer:
    if device := _webcam(address):
        return av.open(device, format="v4l2", timeout=(_OPEN_WITHIN_S, _READ_WITHIN_S))
    if not _STREAM.match(address):
        # No FFmpeg protocol by a file's name, and no playlist that names other files.
        return av.open(f"file:{address}", options={"protocol_whitelist": "file"})
    options = {"fflags": "nobuffer"}
    if address.lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    return av.open(address, options=options, timeout=(_OPEN_WITHIN_S, _READ_WITHIN_S))
