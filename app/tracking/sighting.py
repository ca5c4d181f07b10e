"""One face in one frame, and how much it counts among others of the same person."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.vision.detector import Rectangle
from app.vision.quality import Quality

_LEAST_WEIGHT = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One face in one frame.

    Attributes:
        at_s: When, in seconds of any clock that does not go back.
        box: Where, in px of the frame.
        embedding: (512,) float32 of unit length.
        quality: Of its crop.
        crop: The crop's pixels, (112, 112, 3) uint8 RGB, where somebody wants them.
    """

    at_s: float
    box: Rectangle
    embedding: NDArray[np.float32]
    quality: Quality
    crop: NDArray[np.uint8] | None = None

    @property
    def weight(self) -> float:
        """How much it counts in a mean: as the detector is sure of it (docs/decisions/0036)."""
        return max(self.quality.detection_score, _LEAST_WEIGHT)

    @property
    def centre(self) -> NDArray[np.float64]:
        """(2,) x and y of the box's middle."""
        x, y, width, height = self.box
        return np.array([x + width / 2, y + height / 2])

    @property
    def side_px(self) -> float:
        """The longer side of the box."""
        return max(self.box[2], self.box[3], 1.0)


def pooled(sightings: Sequence[Sighting]) -> NDArray[np.float32]:
    """The weighted mean of some sightings' embeddings, of unit length.

    Args:
        sightings: One at least.
    """
    weights = np.array([each.weight for each in sightings])
    total = weights @ np.stack([each.embedding for each in sightings]).astype(np.float64)
    length = np.linalg.norm(total)
    return np.asarray(total / max(length, np.finfo(np.float32).tiny), dtype=np.float32)
