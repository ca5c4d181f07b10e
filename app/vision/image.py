"""From the bytes of a photo to pixels, within limits.

Pillow is the only decoder: it reads the header before any pixel, so that a photo that announces
too many pixels is refused without being decoded. See docs/decisions/0002-image-decoding.md.
"""

import struct
import zlib
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
    """The pixels of a photo, each the mean of `shrink` times `shrink` of the file's.

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
        """The most memory that decoding takes, the result's included and the file's not."""
        height, width = -(-self.height_px // shrink), -(-self.width_px // shrink)
        pixels = height * width * (_PILLOW_BYTES + _OUR_BYTES)
        return pixels + max(_STRIP_PX, width) * _STRIP_BYTES + round(self._bytes_beside)

    def decode(self, shrink: int = 1) -> DecodedPhoto:
        """Decodes to upright 8-bit RGB; see decode_image.

        Args:
            shrink: One of `shrinks`.

        Raises:
            UnreadableImageError: Damaged, or cut off.
        """
        try:
            with _open(self._data) as photo:
                if shrink > 1:
                    photo.draft(photo.mode, (photo.width // shrink, photo.height // shrink))
                photo.load()
                return self._upright(photo, shrink)
        except _DECODER_ERRORS as error:
            raise UnreadableImageError("The photo is damaged or cut off.") from error

    def _upright(self, photo: PillowImage.Image, shrink: int) -> DecodedPhoto:
        """Takes the pixels over in strips: copies of the whole would take as much again."""
        orientation = photo.getexif().get(ExifTags.Base.Orientation, 1)
        is_transposed, row_step, column_step = _TURNED.get(orientation, _AS_IT_IS)
        width, height = photo.size
        first = (
            self.width_px - width * shrink if column_step < 0 else 0,
            self.height_px - height * shrink if row_step < 0 else 0,
        )
        whole = (self.width_px, self.height_px)
        shape = (height, width, 3)
        if is_transposed:
            first, whole, shape = first[::-1], whole[::-1], (width, height, 3)
        pixels = np.empty(shape, np.uint8)
        stored = (pixels.transpose(1, 0, 2) if is_transposed else pixels)[::row_step, ::column_step]
        rows = max(1, _STRIP_PX // width)
        for top in range(0, height, rows):
            strip = photo.crop((0, top, width, min(top + rows, height)))
            stored[top : top + rows] = np.asarray(_to_rgb(strip))
        return DecodedPhoto(pixels, shrink, first, *whole)


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
