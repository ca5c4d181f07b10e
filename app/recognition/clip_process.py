"""A process that decodes one clip for the service, and can be killed at any time.

    python -m app.recognition.clip_process FPS MAX_S MAX_PIXELS MAX_BYTES

The clip comes by stdin; frames go to stdout, each behind its time, height and width. FFmpeg
is given bytes alone, so that no clip can name a file or an address. What the clip says of its own
length counts for nothing: times and frames are counted as they come. The exit code tells how it
ended.
"""

import io
import resource
import sys
from struct import Struct

import av

HEADER = Struct("<dII")
"""Seconds since the clip's beginning, height, width."""

UNREADABLE, TOO_LONG, TOO_LARGE = 3, 4, 5

_MEMORY_BYTES = 1_500_000_000
_CPU_S = 120
# A clip without times, or with thousands of frames for each second, ends as well.
_MOST_FRAMES_PER_S = 130


def main(fps: float, max_s: float, max_pixels: int, max_bytes: int) -> int:
    """Decodes; returns the exit code."""
    data = sys.stdin.buffer.read(max_bytes + 1)
    try:
        with av.open(io.BytesIO(data), "r") as container:
            if not container.streams.video:
                return UNREADABLE
            return _decode(container, fps, max_s, max_pixels)
    except (av.FFmpegError, ValueError, MemoryError):
        return UNREADABLE


def _decode(
    container: av.container.InputContainer, fps: float, max_s: float, max_pixels: int
) -> int:
    first_s: float | None = None
    next_s, count = 0.0, 0
    for frame in container.decode(video=0):
        count += 1
        if frame.width * frame.height > max_pixels:
            return TOO_LARGE
        time_s = frame.time if frame.time is not None else (count - 1) / _MOST_FRAMES_PER_S
        first_s = time_s if first_s is None else first_s
        at_s = max(0.0, time_s - first_s)
        if at_s > max_s or count > max_s * _MOST_FRAMES_PER_S:
            return TOO_LONG
        if at_s < next_s - 1 / 1000:
            continue
        next_s = at_s + 1 / fps
        pixels = frame.to_ndarray(format="rgb24")
        sys.stdout.buffer.write(HEADER.pack(at_s, *pixels.shape[:2]))
        sys.stdout.buffer.write(pixels.tobytes())
    sys.stdout.buffer.flush()
    return 0 if count else UNREADABLE


if __name__ == "__main__":
    av.logging.set_level(av.logging.PANIC)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    fps, max_s, max_pixels, max_bytes = sys.argv[1:]
    sys.exit(main(float(fps), float(max_s), int(max_pixels), int(max_bytes)))
