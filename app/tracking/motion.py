"""Has anything moved: so cheap that it is asked of every frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.vision.image import Image

_WIDTH_PX = 160
# Of 255: noise and a lamp's flicker stay below after the picture has been made small.
_CHANGED = 12
# Of all px of the small picture; a face of 16 px in 1280x720 that moves by its width changes 8.
_LEAST_PX = 4


class Motion:
    """Compares each frame with the one before. For one camera."""

    def __init__(self) -> None:
        self._before: NDArray[np.int16] | None = None

    def has_moved(self, image: Image) -> bool:
        """Whether anything is not where it was; True for the first frame.

        Args:
            image: (height, width, 3) uint8.
        """
        height, width = image.shape[:2]
        size = (_WIDTH_PX, max(1, round(height * _WIDTH_PX / width)))
        small = cv2.cvtColor(
            cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
        ).astype(np.int16)
        before, self._before = self._before, np.asarray(small, np.int16)
        if before is None or before.shape != small.shape:
            return True
        change = small - before
        change -= np.int16(np.median(change))  # the whole picture, brighter or darker
        return bool((np.abs(change) > _CHANGED).sum() >= _LEAST_PX)
