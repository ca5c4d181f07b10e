"""The pixels of one photo: no more than needed, and only when there is memory for them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import numpy as np

from app.errors import ImageTooLargeError
from app.observability import Stopwatch
from app.recognition.byte_budget import ByteBudget
from app.recognition.decoders import DecodablePhoto, OpenPhoto
from app.vision.alignment import Crop
from app.vision.detector import Face
from app.vision.image import DecodedPhoto, Image, PhotoWarning, Rect
from app.vision.looks import View
from app.vision.photo_file import ImageLimits

# From the middle of the landmarks a crop's corner is at most 0.9 of its side away.
_REACH = 1.5
MOST_BYTES_PER_PX = 11
"""Times the maximum of pixels: what one photo may take. HEIC needs 10 bytes a pixel, AVIF 12, WebP
18 and JPEG 2000 20; so the largest allowed are smaller for these."""


class Reading:
    """One photo that is being read.

    Args:
        photo: A file, or pixels that the caller has decoded.
        limits: A file above them is not decoded.
        budget: Memory for all photos that are being decoded.
        open_photo: Reads the file's header.
        stopwatch: Times `decode`; without waiting for memory.

    Attributes:
        width_px: Of the whole photo; upright from the first view on. Before that it is the file's:
            some formats say which way is up only behind their pixels.
        height_px: Likewise.
        warnings: Faults of the photo, which is used all the same; known from the first view on.

    Raises:
        UnreadableImageError: Not an image.
        ImageTooLargeError: Above the limits.
    """

    def __init__(
        self,
        photo: bytes | Image,
        limits: ImageLimits,
        budget: ByteBudget,
        open_photo: OpenPhoto,
        stopwatch: Stopwatch,
    ) -> None:
        self._budget = budget
        self._max_bytes = limits.max_pixels * MOST_BYTES_PER_PX
        self._stopwatch = stopwatch
        self.warnings: tuple[PhotoWarning, ...] = ()
        if isinstance(photo, bytes):
            with stopwatch.stage("decode"):
                self._file: DecodablePhoto | None = open_photo(photo, limits)
            header = self._file.header
            self.width_px, self.height_px = header.width_px, header.height_px
        else:
            self._file, self._pixels = None, photo
            self.height_px, self.width_px = photo.shape[:2]

    def shrink_for(self, scale: float) -> int:
        """How much smaller the photo may be decoded to be viewed at `scale`."""
        shrinks = (1,) if self._file is None else self._file.header.shrinks
        return max((by for by in shrinks if by * scale <= 1), default=1)

    @contextmanager
    def view(self, shrink: int = 1) -> Iterator[View]:
        """The upright photo, `shrink` times smaller. Its memory is reserved inside.

        Views of one thread must not overlap: the second could wait for the first's memory.

        Raises:
            UnreadableImageError: Damaged, or cut off.
            ImageTooLargeError: Decoding takes too much memory or time.
        """
        if self._file is None:
            yield _view(DecodedPhoto(self._pixels, 1, (0, 0), self.width_px, self.height_px))
            return
        with self._reserve(self._file.header.decoding_bytes(shrink)):
            with self._stopwatch.stage("decode"):
                decoded = self._file.decode(shrink)
            self.width_px, self.height_px = decoded.width_px, decoded.height_px
            self.warnings = decoded.warnings
            yield _view(decoded)

    @contextmanager
    def all_pixels_of(self, crops: Sequence[tuple[Face, Crop]]) -> Iterator[list[View]]:
        """The photo as it is around each face; otherwise like `view`."""
        assert self._file is not None
        rects = [self._around(face, crop) for face, crop in crops]
        with self._reserve(self._file.header.parts_decoding_bytes(rects)):
            with self._stopwatch.stage("decode"):
                parts = self._file.decode_parts(rects)
            yield [_view(part) for part in parts]

    def _reserve(self, n_bytes: int) -> AbstractContextManager[None]:
        if n_bytes > self._max_bytes:
            raise ImageTooLargeError(
                f"Decoding the photo takes {n_bytes:,} bytes of memory; {self._max_bytes:,} are "
                "allowed. Send it smaller, or as a plain JPEG.",
                bytes=n_bytes,
                max_bytes=self._max_bytes,
            )
        return self._budget.reserve(n_bytes)

    def _around(self, face: Face, crop: Crop) -> Rect:
        """The crop's square with room for turning it, as far as it is in the photo."""
        limits = np.array([self.width_px, self.height_px])
        middle = np.clip(face.landmarks.mean(axis=0), 0, limits - 1)
        reach = _REACH * crop.face_px
        first = np.clip(np.floor(middle - reach), 0, limits - 1).astype(int)
        end = np.clip(np.ceil(middle + reach), first + 1, limits).astype(int)
        return (int(first[0]), int(first[1]), int(end[0] - first[0]), int(end[1] - first[1]))


def _view(decoded: DecodedPhoto) -> View:
    by, middle = decoded.shrink, (decoded.shrink - 1) / 2
    x, y = decoded.first_px
    to_photo = [[by, 0, x + middle], [0, by, y + middle]]
    return View(decoded.pixels, np.array(to_photo, dtype=np.float64))
