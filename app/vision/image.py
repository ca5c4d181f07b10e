"""From the bytes of a photo to pixels, upright and in sRGB, within limits.

See docs/decisions/0002-image-decoding.md. The service decodes in separate processes, which it can
kill: app.recognition.decoders.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags
from PIL import Image as PillowImage

from app.errors import UnreadableImageError
from app.vision.colours import to_srgb
from app.vision.photo_file import DECODER_ERRORS, DEFAULT_LIMITS, ImageLimits, PhotoFile

Image = NDArray[np.uint8]
"""(height, width, 3), RGB, upright."""

Rect = tuple[int, int, int, int]
"""x, y, width, height of a part of a photo, in px."""

MIN_SHARE = 0.8
"""Share of its rows that a truncated JPEG must have."""

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

# Pillow has 4 bytes for each pixel, whatever the photo's colours; ours is beside it.
_PILLOW_BYTES, _OUR_BYTES = 4, 3
# Pixels are copied from Pillow in strips, which need this much for colours and transparency.
_STRIP_PX = 250_000
_STRIP_BYTES = 26
# What libjpeg leaves where pixels are missing, give or take colour conversion.
_NOTHING, _NEARLY = 128, 1


@dataclass(frozen=True, slots=True)
class PhotoWarning:
    """A fault of a photo that is used all the same.

    Attributes:
        code: For programs: `broken_off`, a JPEG whose last rows are missing; they are grey.
        detail: The same in a sentence.
    """

    code: str
    detail: str


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
        warnings: Faults; it is used all the same.
    """

    pixels: Image
    shrink: int
    first_px: tuple[int, int]
    width_px: int
    height_px: int
    warnings: tuple[PhotoWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """What is known of a photo before it is decoded.

    Attributes:
        width_px: As in the header: a turned photo's upright width may be its `height_px`.
        height_px: Likewise.
        shrinks: Factors by which the photo can be decoded smaller, rising from 1.
        bytes_beside: What the decoder keeps beside the pixels, at any size.
    """

    width_px: int
    height_px: int
    shrinks: tuple[int, ...]
    bytes_beside: int

    @classmethod
    def of(cls, file: PhotoFile) -> Self:
        """The header of an opened file."""
        return cls(*file.size_px, file.shrinks, file.bytes_beside)

    def decoding_bytes(self, shrink: int = 1) -> int:
        """Memory that `EncodedPhoto.decode` takes at most, its result included, not the file."""
        return self._loading_bytes(shrink) + self._pixels(shrink) * _OUR_BYTES

    def parts_decoding_bytes(self, rects: Sequence[Rect]) -> int:
        """The same for `EncodedPhoto.decode_parts`."""
        ours = sum(width * height for _, _, width, height in rects) * _OUR_BYTES
        return self._loading_bytes(1) + ours

    def _loading_bytes(self, shrink: int) -> int:
        strip_px = max(_STRIP_PX, -(-self.width_px // shrink))
        return self._pixels(shrink) * _PILLOW_BYTES + strip_px * _STRIP_BYTES + self.bytes_beside

    def _pixels(self, shrink: int) -> int:
        return -(-self.height_px // shrink) * -(-self.width_px // shrink)


class EncodedPhoto:
    """A photo whose header has been read; see open_photo.

    Attributes:
        header: What it said.
    """

    def __init__(self, file: PhotoFile) -> None:
        self.header = PhotoHeader.of(file)
        self._file = file

    def decode(self, shrink: int = 1) -> DecodedPhoto:
        """Decodes to upright 8-bit sRGB; see decode_image.

        Args:
            shrink: One of the header's `shrinks`.

        Raises:
            UnreadableImageError: Damaged, or cut off.
        """
        with self._loaded(shrink) as photo:
            return photo.take((0, 0, *photo.size))

    def decode_parts(self, rects: Sequence[Rect]) -> list[DecodedPhoto]:
        """Decodes the whole but keeps only parts, in about half the memory.

        Args:
            rects: In px of the upright photo, and within it.

        Raises:
            UnreadableImageError: Damaged, or cut off.
        """
        with self._loaded(1) as photo:
            return [photo.take(photo.lying(rect)) for rect in rects]

    @contextmanager
    def _loaded(self, shrink: int) -> Iterator["_LoadedPhoto"]:
        try:
            with self._file.open() as photo:
                if shrink > 1:
                    photo.draft(photo.mode, (photo.width // shrink, photo.height // shrink))
                photo.load()
                warnings = _warnings(photo) if self._file.breaks_off else ()
                yield _LoadedPhoto(photo, shrink, self._file.size_px, warnings)
        except DECODER_ERRORS as error:
            raise UnreadableImageError("The photo is damaged or cut off.") from error


class _LoadedPhoto:
    """A photo that Pillow has decoded, lying as in its file.

    Args:
        photo: Loaded.
        shrink: The factor by which it was loaded smaller.
        size_px: Of the whole photo, as in its file.
        warnings: See DecodedPhoto.

    Attributes:
        size: Of the loaded pixels.
    """

    def __init__(
        self,
        photo: PillowImage.Image,
        shrink: int,
        size_px: tuple[int, int],
        warnings: tuple[PhotoWarning, ...],
    ) -> None:
        self.size = photo.size
        self._photo = photo
        self._shrink = shrink
        self._width_px, self._height_px = size_px
        self._warnings = warnings
        turn = photo.getexif().get(ExifTags.Base.Orientation, 1)
        self._is_transposed, self._row_step, self._column_step = _TURNED.get(turn, _AS_IT_IS)
        self._to_srgb = to_srgb(photo)

    def lying(self, rect: Rect) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of a part of the upright photo, which was loaded whole."""
        x, y, width, height = rect
        if self._is_transposed:
            x, y, width, height = y, x, height, width
        left = x if self._column_step > 0 else self._width_px - x - width
        top = y if self._row_step > 0 else self._height_px - y - height
        return left, top, left + width, top + height

    def take(self, box: tuple[int, int, int, int]) -> DecodedPhoto:
        """Copies pixels in strips: a copy of the whole would take as much again.

        Args:
            box: Left, top, right and bottom of the loaded pixels.
        """
        left, top, right, bottom = box
        shrink, width, height = self._shrink, self._width_px, self._height_px
        x = left * shrink if self._column_step > 0 else width - right * shrink
        y = top * shrink if self._row_step > 0 else height - bottom * shrink
        shape = (bottom - top, right - left, 3)
        if self._is_transposed:
            x, y, width, height, shape = y, x, height, width, (right - left, bottom - top, 3)
        pixels = np.empty(shape, np.uint8)
        lying = pixels.transpose(1, 0, 2) if self._is_transposed else pixels
        stored = lying[:: self._row_step, :: self._column_step]
        rows = max(1, _STRIP_PX // (right - left))
        for row in range(top, bottom, rows):
            end = min(row + rows, bottom)
            strip = self._photo.crop((left, row, right, end))
            stored[row - top : end - top] = np.asarray(self._to_srgb(strip))
        return DecodedPhoto(pixels, shrink, (x, y), width, height, self._warnings)


def open_photo(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> EncodedPhoto:
    """Reads a photo's header, and no pixels.

    Args:
        data: A whole file of one of `photo_file.FORMATS`.
        limits: Bytes and pixels above which nothing is decoded.

    Raises:
        ImageTooLargeError: The file, its announced size, or the work to decode it is above limits.
        UnreadableImageError: Empty, or not one of the formats.
    """
    return EncodedPhoto(PhotoFile(data, limits))


def decode_image(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> Image:
    """Decode a photo to upright 8-bit sRGB.

    Of an animation the first frame counts; of several pictures in a file the first, or the one that
    the file marks as primary. Colours: see `colours.to_srgb`.

    Args:
        data: A whole file of one of `photo_file.FORMATS`.
        limits: Bytes and pixels above which nothing is decoded.

    Returns:
        (height, width, 3) uint8, RGB, contiguous, turned as the file says.

    Raises:
        ImageTooLargeError: The file, its announced size, or the work to decode it is above limits.
        UnreadableImageError: Empty, not one of the formats, damaged, or cut off.
    """
    return open_photo(data, limits).decode().pixels


def _warnings(photo: PillowImage.Image) -> tuple[PhotoWarning, ...]:
    """Warnings about a loaded JPEG without its end."""
    share = 1 - _missing_rows(photo) / photo.height
    if share == 1:
        return ()
    breaks_off = f"The photo breaks off after {share:.0%} of its rows"
    if share < MIN_SHARE:
        raise UnreadableImageError(f"{breaks_off}; {MIN_SHARE:.0%} are needed. Send it again.")
    return (PhotoWarning("broken_off", f"{breaks_off}; the rest is grey."),)


def _missing_rows(photo: PillowImage.Image) -> int:
    """Rows missing at the bottom."""
    rows = max(1, _STRIP_PX // photo.width)
    for bottom in range(photo.height, 0, -rows):
        strip = np.asarray(photo.crop((0, max(0, bottom - rows), photo.width, bottom)))
        off_px = np.abs(strip.reshape(len(strip), -1).astype(np.int16) - _NOTHING).max(axis=1)
        there = np.flatnonzero(off_px > _NEARLY)
        if there.size:
            return photo.height - bottom + len(strip) - 1 - int(there[-1])
    return photo.height
