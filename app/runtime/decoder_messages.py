"""What the service and its decoder processes say to each other.

Over a socket, in both directions: the length of a message, the message, and the photo's file
behind a request. Decoded pixels come as one descriptor of shared memory.
"""

import socket
import struct

import msgspec

from app.vision.image import PhotoHeader, PhotoWarning, Rect
from app.vision.photo_file import ImageLimits

_LENGTH = struct.Struct(">I")


class Request(msgspec.Struct, frozen=True):
    """What is to be done with the file that follows.

    Attributes:
        file_bytes: Its length.
        limits: See open_photo.
        max_s: Seconds of computing, after which the process ends itself.
        max_bytes: Memory that it may take for this.
        shrink: Decode the whole so many times smaller.
        rects: Decode these parts. With neither, only the header is read.
    """

    file_bytes: int
    limits: ImageLimits
    max_s: float
    max_bytes: int
    shrink: int | None = None
    rects: list[Rect] | None = None


class Pixels(msgspec.Struct, frozen=True):
    """A DecodedPhoto whose pixels are in the shared memory, at `offset`."""

    offset: int
    shape: tuple[int, int, int]
    shrink: int
    first_px: tuple[int, int]
    width_px: int
    height_px: int
    warnings: tuple[PhotoWarning, ...]


class Reply(msgspec.Struct, frozen=True):
    """What became of a request: a header, or pixels, or one of three ways to fail.

    Attributes:
        refused: Whether the photo is too large or unreadable, with detail and facts.
        out_of_memory: `max_bytes` were not enough.
        failure: An error that nobody foresaw: its type and where it was.
    """

    header: PhotoHeader | None = None
    pixels: list[Pixels] = []
    refused: tuple[str, str, dict[str, object]] | None = None
    out_of_memory: bool = False
    failure: str | None = None


def send(to: socket.socket, message: bytes, descriptor: int | None = None) -> None:
    """Sends one message, and a descriptor along with it."""
    framed = _LENGTH.pack(len(message)) + message
    if descriptor is not None:
        sent = socket.send_fds(to, [framed], [descriptor])
        framed = framed[sent:]
    to.sendall(framed)


def receive(of: socket.socket) -> tuple[bytes, list[int]]:
    """Receives one message, and the descriptors that came along.

    Raises:
        EOFError: The other side is gone.
    """
    start, descriptors, _, _ = socket.recv_fds(of, _LENGTH.size, 1)
    if not start:
        raise EOFError
    start += receive_bytes(of, _LENGTH.size - len(start))
    return receive_bytes(of, _LENGTH.unpack(start)[0]), descriptors


def receive_bytes(of: socket.socket, n_bytes: int) -> bytes:
    """Receives so many bytes.

    Raises:
        EOFError: The other side is gone.
    """
    content = bytearray(n_bytes)
    missing = memoryview(content)
    while missing:
        n_received = of.recv_into(missing)
        if not n_received:
            raise EOFError
        missing = missing[n_received:]
    return bytes(content)
