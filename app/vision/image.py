"""From the bytes of a photo to pixels, within limits.

Pillow is the only decoder: it reads the header before any pixel, so that a photo that announces
too many pixels is refused without being decoded. See docs/decisions/0002-image-decoding.md.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags
from PIL import Image as PillowImage
from PIL.JpegImagePlugin import JpegImageFile

from app.errors import ImageTooLargeError, UnreadableImageError

Image = NDArray[np.uint8]
"""(height, width, 3), RGB, upright."""

Rect = tuple[int, int, int, int]
"""x, y, width, height of a part of a photo, in px."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

# `open_photo` checks every header against its own limit. Pillow's process-wide one would only
# add a second, undocumented limit: a warning on stderr above 89 megapixels.
PillowImage.MAX_IMAGE_PIXELS = None

# What Pillow's decoders for FORMATS raise on damaged files: OSError for truncated and unidentified
# ones, the others where a field makes no sense (found by tests/vision/test_image.py, which damages
# files of every format).
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)

# EXIF orientation (TIFF 6.0, tag 274) -> how the file's photo lies in the upright one: whether its
# rows are columns there, and the steps in which its rows and columns follow each other. 1: upright.
_AS_IT_IS = (False, 1, 1)
_TURNED = {
    2: (False, 1, -1),
    3: (False, -1, -1),
    4: (False, -1, 1),
    5: (True, 1, 1),
    6: (True, -1, 1),
    7: (True, -1, -1),
    8: (True, 1, -1),
}

# JPEG is made of blocks of 8 px, which can be decoded to 4, 2 or 1 px as well.
_JPEG_SHRINKS = (1, 2, 4, 8)
# Pillow has 4 bytes for each pixel, whatever the photo's colours; ours is beside it.
_PILLOW_BYTES, _OUR_BYTES = 4, 3
# The WebP decoder has two canvases and two copies of its own in addition (measured: 16 in all).
_WEBP_BYTES = 9
# Pixels are taken over from Pillow in strips, which need this much for colours and transparency.
_STRIP_PX = 250_000
_STRIP_BYTES = 26


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is decoded at all.

    Attributes:
        max_bytes: Largest file, in bytes.
        max_pixels: Largest width times height. 40 megapixels take 120 MB as RGB.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 40_000_000


DEFAULT_LIMITS = ImageLimits()


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPhoto:
    """A photo or a part of it; each pixel is the mean of `shrink` times `shrink` of the file's.

    Attributes:
        pixels: (height, width, 3) uint8, RGB, contiguous, upright.
        shrink: 1, 2, 4 or 8.
        first_px: x and y in the whole photo at which the first pixel begins. Below zero where the
            file's last pixels, which are fewer than `shrink`, have come to the left or top.
        width_px: Of the whole photo, upright.
        height_px: Likewise.
    """

    pixels: Image
    shrink: int
    first_px: tuple[int, int]
    width_px: int
    height_px: int


class EncodedPhoto:
    """A photo whose header has been read; see open_photo.

    Attributes:
        width_px: As in the header: a turned photo's upright width may be its `height_px`.
        height_px: Likewise.
        shrinks: By what the photo can be decoded smaller, rising from 1.
    """

    def __init__(self, data: bytes, header: PillowImage.Image) -> None:
        self._data = data
        self.width_px, self.height_px = header.size
        self.shrinks: tuple[int, ...] = (1,)
        self._bytes_beside = 0.0
        if isinstance(header, JpegImageFile):
            # To no less than a pixel: below, Pillow decodes at another size than it is asked for.
            self.shrinks = tuple(by for by in _JPEG_SHRINKS if by <= min(header.size))
            self._bytes_beside = header.width * header.height * _coefficient_bytes(data, header)
        elif header.format == "WEBP":
            self._bytes_beside = header.width * header.height * _WEBP_BYTES

    def decoding_bytes(self, shrink: int = 1) -> int:
        """The most memory that `decode` takes, its result included and the file not."""
        height, width = -(-self.height_px // shrink), -(-self.width_px // shrink)
        return self._loading_bytes(shrink) + height * width * _OUR_BYTES

    def decode(self, shrink: int = 1) -> DecodedPhoto:
        """Decodes to upright 8-bit RGB; see decode_image.

        Args:
            shrink: One of `shrinks`.

        Raises:
            UnreadableImageError: Damaged, or cut off.
        """
        with self._loaded(shrink) as photo:
            return self._upright(photo, (0, 0, *photo.size), shrink)

    def parts_decoding_bytes(self, rects: Sequence[Rect]) -> int:
        """The same for `decode_parts`."""
        ours = sum(width * height for _, _, width, height in rects) * _OUR_BYTES
        return self._loading_bytes(1) + ours

    def decode_parts(self, rects: Sequence[Rect]) -> list[DecodedPhoto]:
        """Decodes the whole and keeps parts of it, in about half of the memory.

        Args:
            rects: In px of the upright photo, and within it.

        Raises:
            UnreadableImageError: Damaged, or cut off.
        """
        with self._loaded(1) as photo:
            is_transposed, row_step, column_step = _turn_of(photo)
            parts = []
            for rect in rects:
                x, y, width, height = rect
                if is_transposed:
                    x, y, width, height = y, x, height, width
                left = x if column_step > 0 else photo.width - x - width
                top = y if row_step > 0 else photo.height - y - height
                parts.append(self._upright(photo, (left, top, left + width, top + height), 1))
            return parts

    def _loading_bytes(self, shrink: int) -> int:
        height, width = -(-self.height_px // shrink), -(-self.width_px // shrink)
        strip_px = max(_STRIP_PX, width)
        return height * width * _PILLOW_BYTES + strip_px * _STRIP_BYTES + round(self._bytes_beside)

    @contextmanager
    def _loaded(self, shrink: int) -> Iterator[PillowImage.Image]:
        try:
            with _open(self._data) as photo:
                if shrink > 1:
                    photo.draft(photo.mode, (photo.width // shrink, photo.height // shrink))
                photo.load()
                yield photo
        except _DECODER_ERRORS as error:
            raise UnreadableImageError("The photo is damaged or cut off.") from error

    def _upright(
        self, photo: PillowImage.Image, box: tuple[int, int, int, int], shrink: int
    ) -> DecodedPhoto:
        """Takes pixels over in strips: copies of the whole would take as much again.

        Args:
            photo: Loaded, as its file has it.
            box: Left, top, right and bottom in it.
            shrink: By which it was loaded smaller.
        """
        left, top, right, bottom = box
        is_transposed, row_step, column_step = _turn_of(photo)
        width, height = self.width_px, self.height_px
        x = left * shrink if column_step > 0 else width - right * shrink
        y = top * shrink if row_step > 0 else height - bottom * shrink
        shape = (bottom - top, right - left, 3)
        if is_transposed:
            x, y, width, height, shape = y, x, height, width, (right - left, bottom - top, 3)
        pixels = np.empty(shape, np.uint8)
        stored = (pixels.transpose(1, 0, 2) if is_transposed else pixels)[::row_step, ::column_step]
        rows = max(1, _STRIP_PX // (right - left))
        for row in range(top, bottom, rows):
            end = min(row + rows, bottom)
            strip = photo.crop((left, row, right, end))
            stored[row - top : end - top] = np.asarray(_to_rgb(strip))
        return DecodedPhoto(pixels, shrink, (x, y), width, height)


def open_photo(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> EncodedPhoto:
    """Reads a photo's header, and no pixel.

    Args:
        data: A whole JPEG, PNG, WebP, GIF or BMP file.
        limits: Bytes and pixels above which nothing is decoded.

    Raises:
        ImageTooLargeError: The file or its announced size is above the limits.
        UnreadableImageError: Empty, or not one of the formats.
    """
    if not data:
        raise UnreadableImageError("The photo is empty: 0 bytes.")
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(
            f"The photo has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted.",
            bytes=len(data),
            max_bytes=limits.max_bytes,
        )
    try:
        header = _open(data)
    except _DECODER_ERRORS as error:
        raise UnreadableImageError(
            "The photo is not a readable JPEG, PNG, WebP, GIF or BMP file."
        ) from error
    with header:
        _refuse_if_too_large(header, limits)
        return EncodedPhoto(data, header)


def decode_image(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> Image:
    """Decode a photo to upright 8-bit RGB.

    Of an animation the first frame counts. Transparent parts become white, as a page would show
    them. 16-bit grey is scaled to 8 bit. Colour profiles are ignored.

    Args:
        data: A whole JPEG, PNG, WebP, GIF or BMP file.
        limits: Bytes and pixels above which nothing is decoded.

    Returns:
        (height, width, 3) uint8, RGB, contiguous, the EXIF orientation applied.

    Raises:
        ImageTooLargeError: The file or its announced size is above the limits.
        UnreadableImageError: Empty, not one of the formats, damaged, or cut off.
    """
    return open_photo(data, limits).decode().pixels


def _open(data: bytes) -> PillowImage.Image:
    return PillowImage.open(BytesIO(data), formats=FORMATS)


def _turn_of(photo: PillowImage.Image) -> tuple[bool, int, int]:
    return _TURNED.get(photo.getexif().get(ExifTags.Base.Orientation, 1), _AS_IT_IS)


def _coefficient_bytes(data: bytes, header: JpegImageFile) -> float:
    """Per pixel, what the decoder keeps of a JPEG that comes in several scans."""
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
    if photo.width * photo.height > limits.max_pixels:
        raise ImageTooLargeError(
            f"The photo announces {photo.width} x {photo.height} pixels; "
            f"at most {limits.max_pixels:,} are accepted.",
            width=photo.width,
            height=photo.height,
            max_pixels=limits.max_pixels,
        )


def _to_rgb(photo: PillowImage.Image) -> PillowImage.Image:
    if photo.mode.startswith("I;16"):
        grey = np.asarray(photo).astype(np.uint32)
        return PillowImage.fromarray(((grey * 255 + 32_767) // 65_535).astype(np.uint8)).convert(
            "RGB"
        )
    if photo.has_transparency_data:
        cutout = photo.convert("RGBA")
        page = PillowImage.new("RGBA", cutout.size, "white")
        return PillowImage.alpha_composite(page, cutout).convert("RGB")
    return photo if photo.mode == "RGB" else photo.convert("RGB")
