"""Frames of a clip that somebody has sent, decoded in a process of its own."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator

import numpy as np

from app.clip_errors import ClipTooLargeError, UnreadableClipError
from app.errors import DeadlineExceededError
from app.recognition.clip_process import HEADER, TOO_LARGE, TOO_LONG
from app.setting_groups import LimitSettings
from app.vision.image import Image

# Of two cores, one is for photos.
_AT_ONCE = 1


class Clips:
    """Reads clips, one at a time.

    Args:
        limits: What a clip may be.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def frames(self, clip: bytes, fps: float) -> AsyncGenerator[tuple[float, Image], None]:
        """Seconds since the beginning, and pixels (height, width, 3) uint8 RGB.

        Close it when it is not read to its end: the process ends with it.

        Args:
            clip: A video file.
            fps: Frames a second that are wanted.

        Raises:
            UnreadableClipError: Not a video, or damaged.
            ClipTooLargeError: More bytes, seconds or pixels than the limits.
            DeadlineExceededError: It was not looked at in time.
        """
        limits = self._limits
        if len(clip) > limits.max_clip_bytes:
            raise ClipTooLargeError(f"A clip may have {limits.max_clip_bytes:,} bytes.")
        try:
            async with (
                asyncio.timeout(limits.clip_deadline_s),
                self._turn,
                contextlib.aclosing(self._decoded(clip, fps)) as frames,
            ):
                async for frame in frames:
                    yield frame
        except TimeoutError:
            raise DeadlineExceededError(
                f"The clip was not looked at within {limits.clip_deadline_s:g} s.", retry_after_s=1
            ) from None

    async def _decoded(self, clip: bytes, fps: float) -> AsyncGenerator[tuple[float, Image], None]:
        limits = self._limits
        words = (fps, limits.max_clip_s, limits.max_clip_pixels, limits.max_clip_bytes)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "app.recognition.clip_process", *map(str, words)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        feeder = asyncio.create_task(_feed(process, clip))
        try:
            while True:
                try:
                    at_s, height, width = HEADER.unpack(
                        await process.stdout.readexactly(HEADER.size)
                    )
                    pixels = await process.stdout.readexactly(height * width * 3)
                except asyncio.IncompleteReadError:
                    break
                yield at_s, np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
            code = await process.wait()
            if code == TOO_LONG:
                raise ClipTooLargeError(f"A clip may last {limits.max_clip_s:g} s.")
            if code == TOO_LARGE:
                raise ClipTooLargeError(f"A frame may have {limits.max_clip_pixels:,} pixels.")
            if code:
                raise UnreadableClipError("The file is not a video that can be decoded.")
        finally:
            feeder.cancel()
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                process.kill()
            await process.wait()


async def _feed(process: asyncio.subprocess.Process, clip: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # it has read enough to know what is wrong
        process.stdin.write(clip)
        await process.stdin.drain()
    process.stdin.close()
