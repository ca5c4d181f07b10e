"""The pixels of one photo, no more of them than are needed, when there is memory for them."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from app.observability import Stopwatch
from app.runtime.byte_budget import ByteBudget
from app.vision.image import DecodedPhoto, EncodedPhoto, Image, ImageLimits, open_photo
from app.vision.looks import View


class Reading:
    """One photo that is being read.

    Args:
        photo: A file, or pixels that the caller has decoded.
        limits: A file above is not decoded.
        budget: Memory for all photos that are being decoded.
        stopwatch: Times `decode`; waiting for memory is not part of it.

    Attributes:
        width_px: Of the whole photo; upright from the first view on. Before, it is the file's: some
            tell only behind their pixels which way is up.
        height_px: Likewise.

    Raises:
        UnreadableImageError: Not an image.
        ImageTooLargeError: Above the limits.
    """

    def __init__(
        self, photo: bytes | Image, limits: ImageLimits, budget: ByteBudget, stopwatch: Stopwatch
    ) -> None:
        self._budget = budget
        self._stopwatch = stopwatch
        if isinstance(photo, bytes):
            self._file: EncodedPhoto | None = open_photo(photo, limits)
            self.width_px, self.height_px = self._file.width_px, self._file.height_px
        else:
            self._file, self._pixels = None, photo
            self.height_px, self.width_px = photo.shape[:2]

    def shrink_for(self, scale: float) -> int:
        """By how much the photo may be decoded smaller to be looked at `scale` times as large."""
        shrinks = (1,) if self._file is None else self._file.shrinks
        return max((by for by in shrinks if by * scale <= 1), default=1)

    @contextmanager
    def view(self, shrink: int = 1) -> Iterator[View]:
        """The upright photo, `shrink` times smaller. Its memory is reserved inside.

        Views of one thread must not overlap: the second could wait for the first's memory.

        Raises:
            UnreadableImageError: Damaged, or cut off.
        """
        if self._file is None:
            yield _view(DecodedPhoto(self._pixels, 1, (0, 0), self.width_px, self.height_px))
            return
        with self._budget.reserve(self._file.decoding_bytes(shrink)):
            with self._stopwatch.stage("decode"):
                decoded = self._file.decode(shrink)
            self.width_px, self.height_px = decoded.width_px, decoded.height_px
            yield _view(decoded)


def _view(decoded: DecodedPhoto) -> View:
    by, middle = decoded.shrink, (decoded.shrink - 1) / 2
    x, y = decoded.first_px
    to_photo = [[by, 0, x + middle], [0, by, y + middle]]
    return View(decoded.pixels, np.array(to_photo, dtype=np.float64))
