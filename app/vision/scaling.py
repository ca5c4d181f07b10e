"""From pixels to what the networks take, and back: the one place that knows 127.5."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

HALF_RANGE = 127.5
"""Middle of the bytes, and how far they reach from it."""


def to_input(pixels: Pixels) -> Floats:
    """(n, 112, 112, 3) uint8 RGB -> (n, 3, 112, 112) float32 in [-1, 1].

    Only the axes are renamed: in memory the channels of a place still lie side by side, which
    torch calls channels-last.
    """
    return ((pixels.astype(np.float32) - HALF_RANGE) / HALF_RANGE).transpose(0, 3, 1, 2)


def to_pixels(output: Floats) -> Pixels:
    """(n, 3, 112, 112) float32 -> (n, 112, 112, 3) uint8 RGB; what lies outside [-1, 1] is cut."""
    pixels = (output.transpose(0, 2, 3, 1) + 1) * HALF_RANGE
    return pixels.round().clip(0, 255).astype(np.uint8)
