"""A process that decodes photos for the service, one after the other, and can be ended any time.

    python -m app.runtime.decoder_process DESCRIPTOR

The descriptor is one end of a socket pair. The process ends with the other end's.
"""

import math
import mmap
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from app.errors import ImageTooLargeError, UnreadableImageError
from app.runtime.decoder_messages import Pixels, Reply, Request, receive, receive_bytes, send
from app.runtime.memory import return_large_pieces_at_once
from app.vision.image import DecodedPhoto, Image, open_photo


class SharedPixels:
    """Memory for decoded pixels that another process can map as well."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("pixels")
        self._n_bytes = 0
        self._offsets: list[int] = []

    def allocate(self, shape: tuple[int, int, int]) -> Image:
        """Room for pixels of this shape."""
        n_bytes, offset = math.prod(shape), self._n_bytes
        self._n_bytes += -(-n_bytes // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        os.ftruncate(self.descriptor, self._n_bytes)
        self._offsets.append(offset)
        mapped = mmap.mmap(self.descriptor, n_bytes, offset=offset)
        return np.frombuffer(mapped, np.uint8).reshape(shape)

    def describe(self, photos: Sequence[DecodedPhoto]) -> list[Pixels]:
        """Photos whose pixels are here, in the order in which room was made for them."""
        return [
            Pixels(
                offset,
                photo.pixels.shape,
                photo.shrink,
                photo.first_px,
                photo.width_px,
                photo.height_px,
                photo.warnings,
            )
            for offset, photo in zip(self._offsets, photos, strict=True)
        ]


def serve(service: socket.socket) -> None:
    """Answers requests until the other side is gone."""
    send(service, b"")  # ready
    while True:
        try:
            message, _ = receive(service)
            request = msgspec.msgpack.decode(message, type=Request)
            data = receive_bytes(service, request.file_bytes)
        except (EOFError, ConnectionError):
            return
        _answer(service, request, data)


def _answer(service: socket.socket, request: Request, data: bytes) -> None:
    _limit_memory(request.max_bytes)
    # Without a handler this ends the process, whatever a decoder is doing.
    signal.setitimer(signal.ITIMER_PROF, request.max_s)
    shared = SharedPixels()
    try:
        reply = _carry_out(request, data, shared)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        _limit_memory(None)
    send(service, msgspec.msgpack.encode(reply), shared.descriptor if reply.pixels else None)
    os.close(shared.descriptor)


def _carry_out(request: Request, data: bytes, shared: SharedPixels) -> Reply:
    try:
        photo = open_photo(data, request.limits, shared.allocate)
        if request.shrink is not None:
            decoded = [photo.decode(request.shrink)]
        elif request.rects is not None:
            decoded = photo.decode_parts(request.rects)
        else:
            return Reply(header=photo.header)
        return Reply(pixels=shared.describe(decoded))
    except (ImageTooLargeError, UnreadableImageError) as error:
        return Reply(refused=(error.code, error.detail, error.facts))
    except MemoryError:
        return Reply(out_of_memory=True)
    except Exception as error:  # noqa: BLE001 - told to the service, which logs it
        at = traceback.extract_tb(error.__traceback__)[-1]
        return Reply(failure=f"{type(error).__name__} in {at.name}, line {at.lineno}")


def _limit_memory(max_bytes: int | None) -> None:
    """How much more than now the process may map; None: as much as there is."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = hard
    if max_bytes is not None:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
        soft = int(pages) * resource.getpagesize() + max_bytes
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


if __name__ == "__main__":
    return_large_pieces_at_once()
    # Who stops the service may tell this process as well; the service ends it when all is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))
