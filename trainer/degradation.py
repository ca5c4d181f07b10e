"""What happens to a face between the person and a 24-pixel crop of it, drawn at random but seeded.

Written by hand over OpenCV: albumentations and kornia draw from generators of their own, and
kornia's down-samplers are not those of cameras and browsers (docs/decisions/0007).
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.evaluation.damage import add_noise, blur, compress, draw_downsampler, to_bytes
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.scaling import HALF_RANGE, Pixels
from app.vision.shrinking import enlarge, shrink, shrink_and_enlarge
from trainer.errors import SettingsError
from trainer.options import FacePx, Share

_CENTRE = (CROP_SIZE_PX - 1) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """How hard the training faces are. Odds are per face.

    Attributes:
        min_face_px: Smallest size drawn (log-uniform). Below 10 px little is left to restore.
        max_face_px: Largest size drawn. A little above the size from which faces go straight to
            EdgeFace.
        clean: Odds of only area averaging and bicubic enlarging, which is what evaluate
            measures. 1 trains only for its figures, 0 only for cameras.
        misaligned: Odds of inaccurate landmarks, as detectors' do on tiny faces.
        blurred: Odds of blur: round, long or by motion, up to a pixel of the small face.
        relit: Odds of another brightness and contrast.
        grey: Odds of grey pictures.
        noisy: Odds of sensor noise.
        compressed: Odds of JPEG compression at quality 30 to 95.
    """

    min_face_px: FacePx = 10.0
    max_face_px: FacePx = 48.0
    clean: Share = 0.5
    misaligned: Share = 0.5
    blurred: Share = 0.4
    relit: Share = 0.3
    grey: Share = 0.08
    noisy: Share = 0.35
    compressed: Share = 0.4

    def __post_init__(self) -> None:
        if self.min_face_px > self.max_face_px:
            raise SettingsError(
                f"--min-face-px {self.min_face_px:g} is above --max-face-px {self.max_face_px:g}."
            )

    def draw_face_px(self, rng: np.random.Generator) -> int:
        """A face size in source pixels, log-uniform."""
        low, high = math.log(self.min_face_px), math.log(self.max_face_px)
        return round(math.exp(rng.uniform(low, high)))


def degrade(
    crop: Pixels, face_px: int, settings: Degradation, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:
    """Makes a small, damaged view of a crop.

    Args:
        crop: (112, 112, 3) uint8 RGB, sharp.
        face_px: Size of the view in source pixels.
        settings: How hard.
        rng: The only source of chance.

    Returns:
        The view, enlarged (bicubic) to (112, 112, 3) uint8 RGB, and the sharp crop moved as the
        view was, which a pixel loss may compare with it.
    """
    if rng.random() < settings.clean:
        return shrink_and_enlarge(crop, face_px), crop
    if rng.random() < settings.misaligned:
        crop = _misalign(crop, face_px, rng)
    view = crop
    if rng.random() < settings.blurred:
        view = blur(view, CROP_SIZE_PX / face_px, rng)
    small = shrink(view, face_px, draw_downsampler(rng))
    if rng.random() < settings.relit:
        small = _relight(small, rng)
    if rng.random() < settings.grey:
        small = _pixels(cv2.cvtColor(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
    if rng.random() < settings.noisy:
        small = add_noise(small, rng.uniform(1, 10), rng)
    if rng.random() < settings.compressed:
        small = compress(small, int(rng.integers(30, 96)))
    return enlarge(small), crop


def _pixels(image: NDArray[np.number]) -> Pixels:
    return np.asarray(image, dtype=np.uint8)


def _misalign(crop: Pixels, face_px: int, rng: np.random.Generator) -> Pixels:
    """Moves the crop as landmarks half a source pixel off would."""
    source_px = CROP_SIZE_PX / face_px
    shift = rng.normal(0, min(0.35 * source_px, 3.0), size=2)
    angle, scale = rng.normal(0, 2.0), math.exp(rng.normal(0, 0.03))
    matrix = cv2.getRotationMatrix2D((_CENTRE, _CENTRE), angle, scale)
    matrix[:, 2] = matrix[:, 2] + shift
    return _pixels(
        cv2.warpAffine(
            crop,
            matrix,
            (CROP_SIZE_PX, CROP_SIZE_PX),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


def _relight(small: Pixels, rng: np.random.Generator) -> Pixels:
    contrast, brightness = rng.uniform(0.7, 1.3), rng.uniform(-30, 30)
    return to_bytes((small.astype(np.float64) - HALF_RANGE) * contrast + HALF_RANGE + brightness)
