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

from app.errors import ImageTooLargeError, UnreadableImageError

Image = NDArray[np.uint8]
"""(height, width, 3), RGB, upright."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

# `decode_image` checks every header against its own limit. Pillow's process-wide one would only
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

# EXIF orientation (TIFF 6.0, tag 274) -> what makes the photo upright. 1 is upright.
_UPRIGHT = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}


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
    if not data:
        raise UnreadableImageError("The photo is empty: 0 bytes.")
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(
            f"The photo has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted.",
            bytes=len(data),
            max_bytes=limits.max_bytes,
        )
    try:
        photo = PillowImage.open(BytesIO(data), formats=FORMATS)
    except _DECODER_ERRORS as error:
        raise UnreadableImageError(
            "The photo is not a readable JPEG, PNG, WebP, GIF or BMP file."
        ) from error
    with photo:
        _refuse_if_too_large(photo, limits)
        try:
            photo.load()
            upright = _apply_orientation(photo)
            return np.array(_to_rgb(upright))
        except _DECODER_ERRORS as error:
            raise UnreadableImageError("The photo is damaged or cut off.") from error


def _refuse_if_too_large(photo: PillowImage.Image, limits: ImageLimits) -> None:
    if photo.width * photo.height > limits.max_pixels:
        raise ImageTooLargeError(
            f"The photo announces {photo.width} x {photo.height} pixels; "
            f"at most {limits.max_pixels:,} are accepted.",
            width=photo.width,
            height=photo.height,
            max_pixels=limits.max_pixels,
        )


def _apply_orientation(photo: PillowImage.Image) -> PillowImage.Image:
    transpose = _UPRIGHT.get(photo.getexif().get(ExifTags.Base.Orientation, 1))
    return photo if transpose is None else photo.transpose(transpose)


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
    return photo.convert("RGB")
