"""A process that decodes photos for the service, one by one, and can be killed at any time.

    python -m app.recognition.decoder_process DESCRIPTOR

The descriptor is one end of a socket pair. The process ends when the other end closes.
"""

import resource
import signal
import socket
import sys
import traceback
from pathlib import Path

import msgspec

from app.errors import ImageTooLargeError, UnreadableImageError
from app.recognition.decoder_messages import Pixels, Reply, Request, receive, receive_bytes, send
from app.recognition.memory import keep_little_freed_memory
from app.vision.image import DecodedPhoto, open_photo


def serve(service: socket.socket) -> None:
    """Answers requests until the other side is gone."""
    send(service, b"")  # ready
    while True:
        try:
            request = msgspec.msgpack.decode(receive(service), type=Request)
            data = receive_bytes(service, request.file_bytes)
        except (EOFError, ConnectionError):
            return
        _answer(service, request, data)
        del data  # it may be long until the next one


def _answer(service: socket.socket, request: Request, data: bytes) -> None:
    _limit_memory(request.max_bytes)
    # Without a handler this ends the process, whatever a decoder is doing.
    signal.setitimer(signal.ITIMER_PROF, request.max_s)
    try:
        reply, decoded = _carry_out(request, data)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        _limit_memory(None)
    send(service, msgspec.msgpack.encode(reply))
    for photo in decoded:
        service.sendall(photo.pixels.data)


def _carry_out(request: Request, data: bytes) -> tuple[Reply, list[DecodedPhoto]]:
    try:
        photo = open_photo(data, request.limits)
        if request.shrink is not None:
            decoded = [photo.decode(request.shrink)]
        elif request.rects is not None:
            decoded = photo.decode_parts(request.rects)
        else:
            return Reply(header=photo.header), []
        return Reply(pixels=[_described(photo) for photo in decoded]), decoded
    except (ImageTooLargeError, UnreadableImageError) as error:
        return Reply(refused=(error.code, error.detail, error.facts)), []
    except MemoryError:
        return Reply(out_of_memory=True), []
    except Exception as error:  # noqa: BLE001 - told to the service, which logs it
        at = traceback.extract_tb(error.__traceback__)[-1]
        return Reply(failure=f"{type(error).__name__} in {at.name}, line {at.lineno}"), []


def _described(photo: DecodedPhoto) -> Pixels:
    return Pixels(
        photo.pixels.shape,
        photo.shrink,
        photo.first_px,
        photo.width_px,
        photo.height_px,
        photo.warnings,
    )


def _limit_memory(max_bytes: int | None) -> None:
    """How much more memory the process may map than now; None for no limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = hard
    if max_bytes is not None:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
        soft = int(pages) * resource.getpagesize() + max_bytes
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


if __name__ == "__main__":
    keep_little_freed_memory()
    # Signals to the service may reach this process too; the service ends it when all is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))
