"""Pictures as PNG files. Separate from `image`, so that decoding alone does not need OpenCV."""

import cv2

from app.vision.image import Image


def encode_png(image: Image) -> bytes:
    """(height, width, 3) uint8 RGB as a file, without loss."""
    _, content = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return content.tobytes()
