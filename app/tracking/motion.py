"""What has moved: so cheap that it is asked of every frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.vision.image import Image, Rect

_WIDTH_PX = 160
# Of 255: noise and a lamp's flicker stay below after the picture has been made small.
_CHANGED = 12
# Of all px of the small picture; a face of 16 px in 1280x720 that moves by its width changes 8.
_LEAST_PX = 4


class Motion:
    """Compares each frame with the one before. For one camera."""

    def __init__(self) -> None:
        self._before: NDArray[np.int16] | None = None

    def moved(self, image: Image) -> list[Rect]:
        """Where things are not as they were; the whole frame if it is the first.

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
            return [(0, 0, width, height)]
        change = small - before
        change -= np.int16(np.median(change))  # the whole picture, brighter or darker
        has_changed = (np.abs(change) > _CHANGED).astype(np.uint8)
        if has_changed.sum() < _LEAST_PX:
            return []
        _, _, found, _ = cv2.connectedComponentsWithStats(has_changed)
        times = width / size[0]
        return [
            (round(x * times), round(y * times), round(wide * times), round(high * times))
            for x, y, wide, high, _ in found[1:].tolist()  # the first is what has not changed
        ]
