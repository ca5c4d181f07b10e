"""The file of a photo: its format, what its header announces, and what is refused unread.

Pillow is the only decoder. No pixels are decoded here.
"""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import AvifImagePlugin, PngImagePlugin
from PIL import Image as PillowImage
from PIL.JpegImagePlugin import JpegImageFile
from pillow_heif import register_heif_opener

from app.errors import ImageTooLargeError, UnreadableImageError
from app.vision import png_chunks
from app.vision.jpeg_marks import MAX_SEGMENTS, JpegMarks, read_marks

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "HEIF", "AVIF")
IN_WORDS = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, JPEG 2000, GIF or BMP"

MAX_SIDE_PX = 65_535
"""The maximum of a JPEG. Longer photos are made to cost time: decoders work in rows."""

MAX_SCANS = 32
"""How many scans a JPEG may have; writers make about 10."""

MAX_SCANNED_PX = 1_000_000_000
"""Pixels times scans: 50 megapixels in 20 scans."""

# `PhotoFile` checks every header against its own limit. Pillow's process-wide one would only
# add a second, undocumented limit: a warning on stderr above 89 megapixels.
PillowImage.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_CHUNK = png_chunks.LARGEST_PROFILE_BYTES
# One thread per photo, as everywhere: photos are decoded side by side.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)

DECODER_ERRORS = (
    OSError,
    AssertionError,
    SyntaxError,
    ValueError,
    IndexError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders for FORMATS raise on damaged files.

OSError for truncated and unidentified ones, the others for fields that make no sense; found by
tests/vision/test_image.py, which damages files of every format.
"""

# JPEG is made of blocks of 8 px, which can be decoded to 4, 2 or 1 px as well.
_JPEG_SHRINKS = (1, 2, 4, 8)
_JPEG_START = b"\xff\xd8\xff"
# Per pixel, what decoders keep besides Pillow's pixels (docs/decisions/0002-image-decoding.md).
_BYTES_BESIDE = {"WEBP": 11, "HEIF": 3, "AVIF": 5, "JPEG2000": 13, "TIFF": 1}


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Which files are decoded at all.

    Attributes:
        max_bytes: Largest file, in bytes.
        max_pixels: Largest width times height. Phones write up to 50 megapixels, which take 150 MB
            as RGB.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 52_000_000


DEFAULT_LIMITS = ImageLimits()


class PhotoFile:
    """A photo whose header has been read, but no pixels.

    Args:
        data: A whole file of one of FORMATS; its name does not matter.
        limits: Above them nothing is decoded.

    Attributes:
        size_px: Width and height as in the header.
        shrinks: Factors by which the photo can be decoded smaller, rising from 1.
        bytes_beside: What the decoder keeps beside the pixels, at any size.
        breaks_off: Whether a JPEG's end mark is missing; rows may be missing too.

    Raises:
        ImageTooLargeError: The file, its announced size, or the work to decode it is above limits.
        UnreadableImageError: Empty, or not one of the formats.
    """

    def __init__(self, data: bytes, limits: ImageLimits) -> None:
        refuse_size(data, limits)
        marks = read_marks(data) if data.startswith(_JPEG_START) else None
        if marks is not None and marks.segments > MAX_SEGMENTS:
            raise ImageTooLargeError(
                f"The photo is a JPEG of more than {MAX_SEGMENTS:,} segments.",
                max_segments=MAX_SEGMENTS,
            )
        self.breaks_off = marks is not None and not marks.has_end
        if marks is not None:
            data = marks.ended(data)
        elif data.startswith(png_chunks.SIGNATURE):
            data = png_chunks.only_the_photo(data)
        self._data = data
        try:
            with self.open() as photo:
                self.size_px = photo.size
                _refuse_if_too_large(photo, limits)
                if marks is not None:
                    _refuse_if_scanned_too_often(photo, marks)
                self.shrinks, self.bytes_beside = _decoding_of(photo, data)
        except DECODER_ERRORS as error:
            raise UnreadableImageError(f"The photo is not a readable {IN_WORDS} file.") from error

    def open(self) -> PillowImage.Image:
        """As Pillow's; raises DECODER_ERRORS."""
        return PillowImage.open(BytesIO(self._data), formats=FORMATS)


def is_jpeg_or_png(data: bytes) -> bool:
    """Whether a file is in one of the formats of most photos."""
    return data.startswith((_JPEG_START, png_chunks.SIGNATURE))


def is_photo(path: Path) -> bool:
    """Whether a file is of one of FORMATS, by what it begins with: its name does not matter."""
    try:
        with PillowImage.open(path, formats=FORMATS):
            return True
    except DECODER_ERRORS:
        return False


def has_known_cost(data: bytes) -> bool:
    """Whether a file is in a format whose header, and our limits, bound the work to decode it."""
    return is_jpeg_or_png(data) or data.startswith((b"GIF8", b"RIFF"))


def refuse_size(data: bytes, limits: ImageLimits) -> None:
    """Refuses a file by its length alone.

    Raises:
        ImageTooLargeError: Above the limits.
        UnreadableImageError: Empty.
    """
    if not data:
        raise UnreadableImageError("The photo is empty: 0 bytes.")
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(
            f"The photo has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted.",
            bytes=len(data),
            max_bytes=limits.max_bytes,
        )


def _decoding_of(photo: PillowImage.Image, data: bytes) -> tuple[tuple[int, ...], int]:
    """Factors to decode it smaller by, and what the decoder keeps beside the pixels."""
    shrinks: tuple[int, ...] = (1,)
    bytes_beside = float(_BYTES_BESIDE.get(photo.format or "", 0))
    if isinstance(photo, JpegImageFile):
        # Not below one pixel: there Pillow decodes at another size than it is asked for.
        shrinks = tuple(by for by in _JPEG_SHRINKS if by <= min(photo.size))
        bytes_beside = _coefficient_bytes(data, photo)
    return shrinks, round(photo.width * photo.height * bytes_beside)


def _coefficient_bytes(data: bytes, header: JpegImageFile) -> float:
    """Per pixel, what the decoder keeps of a JPEG in several scans."""
    count = len(header.layer)
    # Of a scan's header: its marker, its length, the number of colours. Pillow has read just that.
    assert header.fp is not None
    first_scan = b"\xff\xda" + struct.pack(">HB", 6 + 2 * count, count)
    has_all_colours = data.startswith(first_scan, header.fp.tell() - 8 - 2 * count)
    if has_all_colours and not header.info.get("progressive"):
        return 0.0
    across, down = (max(layer[axis] for layer in header.layer) for axis in (1, 2))
    coefficients = sum(layer[1] * layer[2] for layer in header.layer) / max(1, across * down)
    return 2 * coefficients


def _refuse_if_too_large(photo: PillowImage.Image, limits: ImageLimits) -> None:
    announced = f"The photo announces {photo.width} x {photo.height} pixels; "
    facts = {"width": photo.width, "height": photo.height}
    if photo.width * photo.height > limits.max_pixels:
        raise ImageTooLargeError(
            f"{announced}at most {limits.max_pixels:,} are accepted.",
            **facts,
            max_pixels=limits.max_pixels,
        )
    if max(photo.size) > MAX_SIDE_PX:
        raise ImageTooLargeError(
            f"{announced}at most {MAX_SIDE_PX:,} a side are accepted.",
            **facts,
            max_side_px=MAX_SIDE_PX,
        )


def _refuse_if_scanned_too_often(photo: PillowImage.Image, marks: JpegMarks) -> None:
    max_scans = min(MAX_SCANS, MAX_SCANNED_PX // (photo.width * photo.height))
    if marks.scans > max_scans:
        raise ImageTooLargeError(
            f"The photo is a JPEG in {marks.scans:,} scans; at most {max_scans:,} are decoded of "
            f"{photo.width} x {photo.height} pixels. Save it as a non-progressive one.",
            scans=marks.scans,
            max_scans=max_scans,
        )
