"""What the service and its decoder processes say to each other.

Over a socket, in both directions: the length of a message, then the message. A request is followed
by the photo's file, a reply by the decoded pixels.
"""

import socket
import struct

import msgspec

from app.vision.image import PhotoHeader, PhotoWarning, Rect
from app.vision.photo_file import ImageLimits

_LENGTH = struct.Struct(">I")
# Large enough for a picture of 640x480 at once, where the system allows it.
_BUFFER_BYTES = 2**20


class Request(msgspec.Struct, frozen=True):
    """What is to be done with the file that follows.

    Attributes:
        file_bytes: Its length.
        limits: See open_photo.
        max_s: Seconds of computing, after which the process ends itself.
        max_bytes: Memory that it may use for this.
        shrink: Decode the whole, smaller by this factor.
        rects: Decode these parts. With neither, only the header is read.
    """

    file_bytes: int
    limits: ImageLimits
    max_s: float
    max_bytes: int
    shrink: int | None = None
    rects: list[Rect] | None = None


class Pixels(msgspec.Struct, frozen=True):
    """A DecodedPhoto whose pixels follow: as many bytes as the shape has."""

    shape: tuple[int, int, int]
    shrink: int
    first_px: tuple[int, int]
    width_px: int
    height_px: int
    warnings: tuple[PhotoWarning, ...]


class Reply(msgspec.Struct, frozen=True):
    """What became of a request: a header, or pixels, or one of three ways to fail.

    Attributes:
        refused: That the photo is too large or unreadable, with detail and facts.
        out_of_memory: `max_bytes` were not enough.
        failure: An unexpected error: its type and where it was raised.
    """

    header: PhotoHeader | None = None
    pixels: list[Pixels] = []
    refused: tuple[str, str, dict[str, object]] | None = None
    out_of_memory: bool = False
    failure: str | None = None


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """A socket's two ends: the service's and the process's."""
    ends = socket.socketpair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    return ends


def send(to: socket.socket, message: bytes) -> None:
    """Sends one message."""
    to.sendall(_LENGTH.pack(len(message)) + message)


def receive(of: socket.socket) -> bytes:
    """Receives one message.

    Raises:
        EOFError: The other side is gone.
    """
    return receive_bytes(of, _LENGTH.unpack(receive_bytes(of, _LENGTH.size))[0])


def receive_bytes(of: socket.socket, n_bytes: int) -> bytes:
    """Receives this many bytes; see receive."""
    content = bytearray(n_bytes)
    receive_into(of, memoryview(content))
    return bytes(content)


def receive_into(of: socket.socket, missing: memoryview) -> None:
    """Receives as many bytes as there is room for; see receive."""
    while missing:
        n_received = of.recv_into(missing)
        if not n_received:
            raise EOFError
        missing = missing[n_received:]
