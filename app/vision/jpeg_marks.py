"""The marks in a JPEG file: how many scans it has, and where it breaks off. No pixels are decoded.

ITU-T T.81, annex B: segments begin with 0xFF and a code. After the header of a scan come its
coded pixels, in which 0xFF is followed by 0 or by the code of a restart.
"""

import re
from dataclasses import dataclass

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_WITHOUT_LENGTH = frozenset({0x01, _START, *range(0xD0, 0xD8)})
_END_MARK = bytes((0xFF, _END))
# What may follow the pixels of a scan: tables, the next scan, comments, the end.
_BEHIND_PIXELS = re.compile(rb"\xff[\xc4\xd9-\xdd\xe0-\xef\xfe]")


MAX_SEGMENTS = 5_000
"""Above this the file is not a photo: reading its segments would take longer than its pixels."""


@dataclass(frozen=True, slots=True)
class JpegMarks:
    """What the marks of the first picture in a file say.

    Attributes:
        segments: What lies between its pixels; a few hundred at most, for long profiles.
        scans: How many passes its pixels take: 1, or about 10 in a progressive file.
        whole_bytes: Up to here the file has complete segments, or pixels.
        has_end: Whether it has the mark that ends a picture.
    """

    segments: int
    scans: int
    whole_bytes: int
    has_end: bool

    def ended(self, data: bytes) -> bytes:
        """The file with its end mark added."""
        return data if self.has_end else data[: self.whole_bytes] + _END_MARK


def read_marks(data: bytes) -> JpegMarks:
    """Walks through a file that begins like a JPEG, to MAX_SEGMENTS at most."""
    segments, scans, at = 0, 0, 2
    while True:
        mark = data.find(0xFF, at)
        code_at = mark + 1
        while data[code_at : code_at + 1] == b"\xff":  # any number is allowed
            code_at += 1
        if mark < 0 or code_at >= len(data):
            return JpegMarks(segments, scans, at, has_end=False)
        code = data[code_at]
        if code == _END:
            return JpegMarks(segments, scans, code_at + 1, has_end=True)
        if code in _WITHOUT_LENGTH:
            at = code_at + 1
            continue
        end = code_at + 1 + int.from_bytes(data[code_at + 1 : code_at + 3], "big")
        if end > len(data):
            return JpegMarks(segments, scans, mark, has_end=False)
        at = end
        segments += 1
        if segments > MAX_SEGMENTS:
            return JpegMarks(segments, scans, at, has_end=False)
        if code == _SCAN:
            scans += 1
            behind = _BEHIND_PIXELS.search(data, end)
            if behind is None:
                return JpegMarks(segments, scans, len(data), has_end=False)
            at = behind.start()
