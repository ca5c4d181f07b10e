"""Photos are decoded in separate processes: one that takes too long, or breaks, is killed.

A thread cannot be killed in the middle of a decoder, some decoders hold Python's lock until they
are done, and not every format reveals beforehand what a photo will cost.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import numpy as np

from app.errors import ImageTooLargeError, NotReadyError, UnreadableImageError
from app.recognition.decoder_messages import (
    Pixels,
    Reply,
    Request,
    receive,
    receive_into,
    send,
    socket_pair,
)
from app.vision.image import DecodedPhoto, PhotoHeader, Rect, open_photo
from app.vision.photo_file import ImageLimits, is_jpeg_or_png, refuse_size

# On top of what a header suggests: decoders differ.
_SPARE_FACTOR, _SPARE_BYTES = 1.2, 60_000_000
# The decoder of WebP allocates canvases before it says how large they are, and leaves them empty.
_OPENING_BYTES_PER_PX = 8
# The header of a JPEG or PNG bounds the work: for this many pixels (1920 x 1088) some tens of
# milliseconds, in which other threads go on. Sending them elsewhere would cost more than it saves.
_QUICK_PX = 2_100_000
# A process that computes is killed by its own clock; this is for one that hangs.
_MAX_SILENCE_S = 120.0

_PROGRAM = "app.recognition.decoder_process"
_REFUSALS = {error.code: error for error in (ImageTooLargeError, UnreadableImageError)}

_log = logging.getLogger(__name__)


class DecodablePhoto(Protocol):
    """A photo that can be decoded; see app.vision.image.EncodedPhoto."""

    @property
    def header(self) -> PhotoHeader:
        """What is known before decoding."""

    def decode(self, shrink: int = 1) -> DecodedPhoto:
        """The whole."""

    def decode_parts(self, rects: Sequence[Rect]) -> list[DecodedPhoto]:
        """Parts of it."""


OpenPhoto = Callable[[bytes, ImageLimits], DecodablePhoto]
"""Reads a photo's header: `app.vision.image.open_photo` in this process, or `Decoders.open`."""


class Decoders:
    """Processes that decode photos, one for each thread that asks at the same time.

    They are started when needed, and kept.

    Args:
        max_s: Seconds of computing that one photo may take.
    """

    def __init__(self, max_s: float) -> None:
        self._max_s = max_s
        self._idle: list[_Process] = []
        self._at_work: set[_Process] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def open(self, data: bytes, limits: ImageLimits) -> DecodablePhoto:
        """See app.vision.image.open_photo; small JPEGs and PNGs are decoded in this process.

        Raises:
            ImageTooLargeError: Above the limits, or more work than `max_s`.
            UnreadableImageError: Empty, or not one of the formats.
            NotReadyError: No process can be started.
        """
        refuse_size(data, limits)
        if is_jpeg_or_png(data):
            photo = open_photo(data, limits)
            is_quick = photo.header.width_px * photo.header.height_px <= _QUICK_PX
            return photo if is_quick else RemotePhoto(self, data, limits, photo.header)
        max_bytes = limits.max_pixels * _OPENING_BYTES_PER_PX + _SPARE_BYTES
        reply, _ = self.ask(Request(len(data), limits, self._max_s, max_bytes), data)
        assert reply.header is not None
        return RemotePhoto(self, data, limits, reply.header)

    def decode(
        self,
        data: bytes,
        limits: ImageLimits,
        max_bytes: int,
        *,
        shrink: int | None = None,
        rects: Sequence[Rect] | None = None,
    ) -> list[DecodedPhoto]:
        """The whole, or parts of it; `max_bytes` is what its header suggests."""
        request = Request(
            len(data),
            limits,
            self._max_s,
            round(max_bytes * _SPARE_FACTOR) + _SPARE_BYTES,
            shrink,
            None if rects is None else list(rects),
        )
        return self.ask(request, data)[1]

    def ask(self, request: Request, data: bytes) -> tuple[Reply, list[DecodedPhoto]]:
        """The reply of a process that is free or new, and what it has decoded."""
        process = self._take()
        self._at_work.add(process)
        try:
            reply, decoded = process.ask(request, data)
        except (EOFError, OSError) as error:
            raise self._ended(process.end()) from error
        except BaseException:
            process.end()
            raise
        finally:
            self._at_work.discard(process)
        self._give_back(process)
        if reply.refused is not None:
            code, detail, facts = reply.refused
            raise _REFUSALS[code](detail, **facts)
        if reply.out_of_memory:
            raise ImageTooLargeError("Decoding the photo takes too much memory.")
        if reply.failure is not None:
            _log.error("A decoder failed: %s.", reply.failure)
            raise UnreadableImageError("The decoder failed on this file.")
        return reply, decoded

    def count(self) -> dict[str, int]:
        """How many processes are at work, and how many are idle."""
        return {"busy": len(self._at_work), "idle": len(self._idle)}

    def close(self) -> None:
        """Ends the processes; those at work, when they are done."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def _take(self) -> "_Process":
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.is_alive():
                    return process
                process.end()
        try:
            return _Process()
        except OSError as error:  # no memory or file descriptor for another one
            raise NotReadyError("A process for decoding photos cannot be started.") from error

    def _give_back(self, process: "_Process") -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(process)
                return
        process.end()

    def _ended(self, status: int) -> ImageTooLargeError | UnreadableImageError:
        if status == -signal.SIGPROF:
            return ImageTooLargeError(
                f"Decoding the photo takes more than {self._max_s:g} s of computing. Save it as a "
                "plain JPEG and send that.",
                max_decoding_s=self._max_s,
            )
        _log.error("A decoder process ended with status %d.", status)
        return UnreadableImageError("The decoder failed on this file.")


class RemotePhoto:
    """A photo that is decoded elsewhere; see app.vision.image.EncodedPhoto, also for errors.

    Raises:
        ImageTooLargeError: In addition: decoding took too much time or memory and was stopped.
    """

    def __init__(
        self, decoders: Decoders, data: bytes, limits: ImageLimits, header: PhotoHeader
    ) -> None:
        self.header = header
        self._decoders = decoders
        self._data = data
        self._limits = limits

    def decode(self, shrink: int = 1) -> DecodedPhoto:
        """The whole."""
        max_bytes = self.header.decoding_bytes(shrink)
        return self._decoders.decode(self._data, self._limits, max_bytes, shrink=shrink)[0]

    def decode_parts(self, rects: Sequence[Rect]) -> list[DecodedPhoto]:
        """Parts of it."""
        max_bytes = self.header.parts_decoding_bytes(rects)
        return self._decoders.decode(self._data, self._limits, max_bytes, rects=rects)


class _Process:
    """One process, and this side of the socket to it."""

    def __init__(self) -> None:
        self._socket, theirs = socket_pair()
        self._socket.settimeout(_MAX_SILENCE_S)
        # The same modules as here, and none (-P) out of the folder where the service was started;
        # nothing that a decoder may print; no threads that are not used.
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "OPENBLAS_NUM_THREADS": "1",
        }
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - nothing of a caller's is in it
                [sys.executable, "-P", "-W", "ignore", "-m", _PROGRAM, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        try:
            receive(self._socket)
        except (EOFError, OSError) as error:
            raise NotReadyError(
                f"A decoder process ended at its start, with status {self.end()}."
            ) from error

    def ask(self, request: Request, data: bytes) -> tuple[Reply, list[DecodedPhoto]]:
        """Sends a request, and waits for its reply."""
        send(self._socket, msgspec.msgpack.encode(request))
        self._socket.sendall(data)
        reply = msgspec.msgpack.decode(receive(self._socket), type=Reply)
        return reply, [self._receive(pixels) for pixels in reply.pixels]

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def end(self) -> int:
        """Ends it; its exit status, below zero for a signal."""
        self._socket.close()
        if self._process.poll() is None:
            self._process.kill()
        return self._process.wait()

    def _receive(self, told: Pixels) -> DecodedPhoto:
        pixels = np.empty(told.shape, np.uint8)
        receive_into(self._socket, pixels.data.cast("B"))
        return DecodedPhoto(
            pixels, told.shrink, told.first_px, told.width_px, told.height_px, told.warnings
        )
