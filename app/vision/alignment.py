"""From a face in a photo to the crop that the networks read.

The crop is one warp straight from the photo's pixels, by the similarity (rotation, scale, shift)
that brings the five landmarks closest to the ArcFace template.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.errors import LandmarksError
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.image import Image

ARCFACE_TEMPLATE: NDArray[np.float32] = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    dtype=np.float32,
)
"""(5, 2): where left eye, right eye, nose, left and right mouth corner (image left first) lie in a
112x112 crop, in px; (0, 0) is the centre of the first pixel. Deng et al., "ArcFace", CVPR 2019."""

# Of a spread or scale: no more than this counts as zero.
_NOTHING = np.finfo(np.float32).eps
# A face may reach out of the photo, but landmarks whose crop would be this many times as large as
# the photo are not a face's: mirrored points, for example, fit only with a scale near zero.
_LARGEST_CROP_IN_PHOTOS = 8


@dataclass(frozen=True, slots=True)
class Crop:
    """A face on the ArcFace template.

    Attributes:
        pixels: (112, 112, 3) uint8, RGB.
        face_px: How many source pixels the crop's side covers.
    """

    pixels: NDArray[np.uint8]
    face_px: float


def similarity_transform(
    source: NDArray[np.floating], target: NDArray[np.floating]
) -> NDArray[np.float64]:
    """The similarity that takes `source` to `target` with the least squared error.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    PAMI 1991. In the plane its no-reflection solution has a form without decomposition: with the
    centred points read as complex numbers s and t, rotation and scale are the one complex number
    a = sum(conj(s) t) / sum(|s|^2) that minimises sum(|t - a s|^2), and a product of complex
    numbers cannot reflect.

    Args:
        source: (n, 2) points, x and y, n >= 2.
        target: (n, 2) points that they should go to.

    Returns:
        (2, 3) float64: `target ~ matrix[:, :2] @ source + matrix[:, 2]`.

    Raises:
        LandmarksError: A coordinate is not finite, all source points coincide, or no scale above
            zero fits (a reflection would).
    """
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise LandmarksError("A landmark's coordinate is not a finite number.")
    a, spread = _turn_and_scale(source, target)
    if spread <= _NOTHING:
        raise LandmarksError("All landmarks lie in one place.")
    if np.abs(a) <= _NOTHING:
        raise LandmarksError("The landmarks fit the template at no scale; are they mirrored?")
    linear = np.array([[a.real, -a.imag], [a.imag, a.real]])
    source_mean, target_mean = (
        points.mean(axis=0, dtype=np.float64) for points in (source, target)
    )
    return np.column_stack([linear, target_mean - linear @ source_mean])


def _turn_and_scale(
    source: NDArray[np.floating], target: NDArray[np.floating]
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """`a` of similarity_transform, and sum(|s|^2), for any number of (n, 2) sources."""
    s, t = (
        (points - points.mean(axis=-2, keepdims=True, dtype=np.float64)) @ np.array([1, 1j])
        for points in (source, target)
    )
    spread = (s.conj() * s).real.sum(axis=-1)
    return (s.conj() * t).sum(axis=-1) / np.maximum(spread, _NOTHING), spread


def measure_face_px(landmarks: NDArray[np.floating]) -> float:
    """The `face_px` of the crop that `align` would make of these landmarks.

    Args:
        landmarks: (5, 2) x and y in px.

    Raises:
        LandmarksError: No similarity takes them to the template.
    """
    return _side_px(similarity_transform(landmarks, ARCFACE_TEMPLATE))


def measure_faces_px(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """See measure_face_px, for many faces at once.

    Args:
        landmarks: (n, 5, 2) x and y in px.

    Returns:
        (n,) `face_px`; NaN where no similarity takes the landmarks to the template.
    """
    a, spread = _turn_and_scale(landmarks, ARCFACE_TEMPLATE)
    scale = np.abs(a)
    fits = (spread > _NOTHING) & (scale > _NOTHING)
    return np.where(fits, CROP_SIZE_PX / np.where(fits, scale, 1), np.nan)


def _side_px(matrix: NDArray[np.float64]) -> float:
    return CROP_SIZE_PX / float(np.hypot(matrix[0, 0], matrix[1, 0]))


def align(image: Image, landmarks: NDArray[np.floating]) -> Crop:
    """Warp a face onto the ArcFace template.

    Outside the photo is black, as in the crops that the networks were trained on.

    Args:
        image: (height, width, 3) uint8, RGB.
        landmarks: (5, 2) x and y in px of `image`, in the order of ARCFACE_TEMPLATE; (0, 0) is
            the centre of the first pixel.

    Returns:
        The crop and its `face_px`.

    Raises:
        LandmarksError: The five points are not those of a face in this image.
    """
    matrix = similarity_transform(landmarks, ARCFACE_TEMPLATE)
    face_px = _side_px(matrix)
    if not 1 <= face_px <= _LARGEST_CROP_IN_PHOTOS * max(image.shape[:2]):
        raise LandmarksError(f"The landmarks would make a face of {face_px:.3g} px.")
    return Crop(pixels=warp(image, matrix, CROP_SIZE_PX), face_px=face_px)


def warp(
    image: Image,
    matrix: NDArray[np.float64],
    side_px: int,
    border: int = cv2.BORDER_CONSTANT,
) -> NDArray[np.uint8]:
    """A square picture of a part of an image, by a similarity.

    Bicubic. Where a pixel spans more than two source pixels, the source is first averaged
    over whole blocks, because bicubic looks at 4x4 pixels only and would alias.

    Args:
        image: (height, width, 3) uint8, RGB.
        matrix: (2, 3): where a point of the image goes to in the picture; (0, 0) is the centre of
            the first pixel.
        side_px: The picture's.
        border: What lies outside the image, as OpenCV names it; black by default.

    Returns:
        (side_px, side_px, 3) uint8, RGB.
    """
    block = int(1 / np.hypot(matrix[0, 0], matrix[1, 0]))
    if block >= 2:  # noqa: PLR2004 - "more than two", as told above
        image, matrix = _average_blocks(image, matrix, side_px, block)
    size = (side_px, side_px)
    pixels = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border)
    return np.asarray(pixels, dtype=np.uint8)


def _average_blocks(
    image: Image, matrix: NDArray[np.float64], side_px: int, block: int
) -> tuple[Image, NDArray[np.float64]]:
    """Shrink the part of `image` that the picture shows by `block`, and the matrix to fit."""
    corners = np.array([[0, 0], [0, side_px], [side_px, 0], [side_px, side_px]])
    in_image = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    limits = np.array(image.shape[1::-1])
    margin = 4 * block  # bicubic reaches two blocks; corners are a pixel's centre
    first = np.clip(np.floor(in_image.min(axis=0)) - margin, 0, limits - 1).astype(int)
    last = np.clip(np.ceil(in_image.max(axis=0)) + margin, first + 1, limits).astype(int)
    size = np.maximum((last - first) // block, 1)
    (x, y), (width, height) = first, size * block
    region = image[y : y + height, x : x + width]
    small = cv2.resize(region, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    # Centres: block (i, j) has its centre at first + (i, j) * block + (block - 1) / 2.
    linear = matrix[:, :2] * block
    shift = matrix[:, 2] + matrix[:, :2] @ (first + (block - 1) / 2)
    return np.asarray(small, dtype=np.uint8), np.column_stack([linear, shift])
