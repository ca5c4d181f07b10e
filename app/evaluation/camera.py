"""A photo as a surveillance camera gives it that sees the face small: `--degrade camera`.

In the order of reality: optics and movement blur, the sensor samples and adds noise, the camera
sharpens what it sees, and JPEG or H.264 saves bits. What becomes of a photo at a size depends on
its pixels and the size alone: not on other photos, other sizes or their order.

Levels are chosen, not measured on any one camera (docs/decisions/0005). Light and colour stay.
"""

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import av
import cv2
import numpy as np

from app.errors import EvaluationError
from app.evaluation.damage import (
    BLUR_PX,
    LONG_BLUR,
    add_noise,
    blur,
    compress,
    draw_downsampler,
    to_bytes,
)
from app.vision.image import Image
from app.vision.scaling import Pixels
from app.vision.shrinking import shrink_photo

_ENCODER: Final = "libx264"

NOISE_LEVELS = (1.0, 8.0)
"""Standard deviation of the noise, in levels of 0..255, before sharpening."""

SHARPENED_SHARE = 0.5
"""So many photos get a halo as cameras make it."""

SHARPENING = (0.3, 1.0)
"""How much is added of the picture's difference to itself blurred by a pixel (Gaussian)."""

JPEG_QUALITY = (40, 90)
"""Lowest and highest quality, which goes from 0 to 100."""

VIDEO_SHARE = 0.3
"""So many photos are frames of a video, and no JPEG."""

VIDEO_QUANTISER = (24, 36)
"""Lowest and highest QP of H.264, which goes from 0 to 51; each 6 more double the coarseness."""

VIDEO_FRAMES = 3
"""The picture is the last of so many: the first one is coded for itself, the others as changes."""

VIDEO_MOVE_PX = 1.0
"""At most so far does the picture move between two frames, across and along."""

LEVELS = (
    f"blur of {BLUR_PX[0]} to {BLUR_PX[1]} px of the small picture (standard deviation; up to "
    f"{LONG_BLUR[1]} times as much along one direction), area averaging, bilinear, bicubic or "
    f"nearest neighbour, noise of {NOISE_LEVELS[0]:g} to {NOISE_LEVELS[1]:g} levels of 255, a "
    f"sharpening halo with odds of {SHARPENED_SHARE}, then H.264 at QP {VIDEO_QUANTISER[0]} to "
    f"{VIDEO_QUANTISER[1]} with odds of {VIDEO_SHARE}, else JPEG at quality {JPEG_QUALITY[0]} to "
    f"{JPEG_QUALITY[1]}"
)
"""All of it, for people who choose the option."""


def require_encoder() -> None:
    """Says beforehand what `photograph` needs.

    Raises:
        EvaluationError: FFmpeg, as PyAV was built with it, has no libx264.
    """
    if _ENCODER not in av.codecs_available:
        raise EvaluationError(
            f"--degrade camera needs PyAV with {_ENCODER}, as its wheels on PyPI have it."
        )


def draw_chance(photo: Image, size: int) -> np.random.Generator:
    """The chance of this photo at this size, seeded by its pixels.

    Args:
        photo: (height, width, 3) uint8 RGB.
        size: `face_px`.
    """
    digest = hashlib.sha256(np.ascontiguousarray(photo).data).digest()
    return np.random.default_rng([size, int.from_bytes(digest[:16], "big")])


def photograph(photo: Image, scale: float, rng: np.random.Generator) -> Image:
    """What a camera gives of a photo.

    Args:
        photo: (height, width, 3) uint8 RGB, the whole photo.
        scale: How many pixels of the picture one of the photo becomes; below 1.
        rng: The only source of chance.

    Returns:
        The small picture, scale times as large, uint8 RGB.
    """
    sampled = shrink_photo(blur(photo, 1 / scale, rng), scale, draw_downsampler(rng))
    noise, sharpening = rng.uniform(*NOISE_LEVELS), 0.0
    if rng.random() < SHARPENED_SHARE:
        sharpening = rng.uniform(*SHARPENING)
    if rng.random() >= VIDEO_SHARE:
        picture = _sharpen(add_noise(sampled, noise, rng), sharpening)
        return compress(picture, int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1)))
    move = rng.uniform(-VIDEO_MOVE_PX, VIDEO_MOVE_PX, size=2)
    frames = [
        _sharpen(add_noise(_moved(sampled, -before * move), noise, rng), sharpening)
        for before in reversed(range(VIDEO_FRAMES))
    ]
    return _last_of_video(frames, int(rng.integers(VIDEO_QUANTISER[0], VIDEO_QUANTISER[1] + 1)))


def _sharpen(picture: Pixels, amount: float) -> Pixels:
    """An unsharp mask, which leaves a bright and a dark line along each edge."""
    sharp = picture.astype(np.float64)
    soft = cv2.GaussianBlur(sharp, (0, 0), sigmaX=1.0, borderType=cv2.BORDER_REPLICATE)
    return to_bytes(sharp + amount * (sharp - soft))


def _moved(picture: Pixels, by_px: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Pixels:
    matrix = np.array([[1.0, 0.0, by_px[0]], [0.0, 1.0, by_px[1]]])
    height, width = picture.shape[:2]
    moved = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


def _last_of_video(frames: Sequence[Pixels], quantiser: int) -> Pixels:
    """The last of some frames of one size, after H.264 as cameras encode: no frame waits."""
    height, width = frames[0].shape[:2]
    encoder = av.CodecContext.create(_ENCODER, "w")
    # Colour has half the resolution, so sides are even.
    encoder.width, encoder.height = width + width % 2, height + height % 2
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 5)
    encoder.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "qp": str(quantiser),
        "threads": "1",  # the same bytes on every machine
    }
    packets = []
    for number, frame in enumerate(frames):
        even = cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        picture = av.VideoFrame.from_ndarray(np.asarray(even, dtype=np.uint8), format="rgb24")
        picture.pts = number
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    decoded = [picture for packet in packets for picture in decoder.decode(packet)]
    decoded += decoder.decode(None)
    assert len(decoded) == len(frames)
    pixels = decoded[-1].to_ndarray(format="rgb24")[:height, :width]
    return np.ascontiguousarray(pixels, dtype=np.uint8)
