"""A PNG file without its ballast: texts, times, previews, later frames.

Pillow refuses a whole photo for a text of more than 1 MB, or one with a wrong checksum. Neither
says anything about its pixels.
"""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_PROFILE_BYTES = 4_000_000
"""A larger colour profile is ignored; those of printers have 1 to 3 MB."""

_PIXELS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"tRNS"})
_PROFILE, _EXIF = b"iCCP", b"eXIf"
# Where programs recorded which way is up before eXIf existed.
_TEXTS = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
_LARGEST_TEXT_BYTES = 65_536
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
# Length and name before the content, checksum after it.
_BEFORE_BYTES, _BESIDE_BYTES = 8, 12


def only_the_photo(data: bytes) -> bytes:
    """The same photo: pixels, colours, and which way is up.

    Args:
        data: A file that begins with SIGNATURE.
    """
    return SIGNATURE + b"".join(_kept(data)) + _END


def _kept(data: bytes) -> Iterator[bytes]:
    at = len(SIGNATURE)
    while at + _BESIDE_BYTES <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IEND" or at + _BESIDE_BYTES + length > len(data):
            return
        chunk = data[at : at + _BESIDE_BYTES + length]
        if name in _PIXELS or (_is_of_use(name, chunk[_BEFORE_BYTES:-4]) and _is_sound(chunk)):
            yield chunk
        at += len(chunk)


def _is_of_use(name: bytes, content: bytes) -> bool:
    if name == _PROFILE:
        return _inflated_bytes(content.partition(b"\0")[2][1:]) <= LARGEST_PROFILE_BYTES
    return name == _EXIF or (content.startswith(_TEXTS) and len(content) <= _LARGEST_TEXT_BYTES)


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _inflated_bytes(content: bytes) -> int:
    """Decompresses at most a little more than the largest profile."""
    try:
        return len(zlib.decompressobj().decompress(content, LARGEST_PROFILE_BYTES + 1))
    except zlib.error:
        return LARGEST_PROFILE_BYTES + 1
