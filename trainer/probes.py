"""Validation beyond clean shrinking: naturally soft photos, and simulated camera photos."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from app.evaluation.all_pairs import AllPairs
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from app.vision.scaling import Pixels
from app.vision.shrinking import shrink_and_enlarge
from trainer.crops import CropSet
from trainer.errors import DataError
from trainer.gpu_degradation import GpuDegradation
from trainer.metrics import embed

_FINE_PX, _COARSE_PX = 40, 12
_EDGE_PX = 8
_SOFT_SHARE = 0.3
_CHANCE = 7
_BATCH = 64


@dataclass(frozen=True, slots=True)
class ProbeScores:
    """TAR at FAR 1e-3 and rank-1."""

    tar: float
    rank1: float


@dataclass(frozen=True, slots=True)
class Probes:
    """Small or soft photos that should be found among sharp ones.

    Attributes:
        probes: (n, 112, 112, 3) uint8 RGB.
        gallery: (m, 112, 112, 3) uint8 RGB.
        people: (n,) and (m,) the number of the person on each of them.
        photos: (n,) and (m,) the number of each photo, the same on both sides.
        face_px: Of the probes, where they go through DSR.
    """

    probes: Pixels
    gallery: Pixels
    people: tuple[NDArray[np.int64], NDArray[np.int64]]
    photos: tuple[NDArray[np.int64], NDArray[np.int64]]
    face_px: float | None

    def scores(self, edgeface: EdgeFace, dsr: DSR | None) -> ProbeScores:
        """Measures both networks as they are."""
        through = None if self.face_px is None else dsr
        probes = embed(edgeface, self.probes, through, self.face_px or 0.0)
        similarity = probes @ embed(edgeface, self.gallery).T
        pairs = AllPairs.of(similarity, self.people, self.photos)
        return ProbeScores(pairs.tar(), pairs.rank1())


def soft_probes(crops: CropSet) -> Probes:
    """The softest 30 % of the crops, as probes of the others.

    Args:
        crops: People who are not trained on, all with names.

    Raises:
        DataError: Nobody has a photo on either side.
    """
    details = np.array([detail(crop) for crop in crops.pixels])
    soft = details <= np.quantile(details, _SOFT_SHARE)
    sharp = np.flatnonzero(~soft)
    known = np.flatnonzero(soft & np.isin(crops.labels, crops.labels[sharp]))
    if not len(known):
        raise DataError("Nobody in the soft validation has both a soft and a sharp photo.")
    return Probes(
        crops.pixels[known],
        crops.pixels[sharp],
        (crops.labels[known], crops.labels[sharp]),
        (known, sharp),
        face_px=None,
    )


def photographed_probes(crops: CropSet, face_px: int) -> Probes:
    """All crops as a camera may have seen them, as probes of the other sharp ones.

    Args:
        crops: People who are not trained on, all with names.
        face_px: Size of the probes.
    """
    degradation = GpuDegradation(torch.device("cpu"))
    chance = torch.Generator().manual_seed(_CHANCE)
    parts = []
    for start in range(0, len(crops), _BATCH):
        pixels = torch.from_numpy(crops.pixels[start : start + _BATCH]).permute(0, 3, 1, 2)
        sizes = torch.full((len(pixels),), face_px)
        view = degradation.photograph(pixels.float(), sizes, chance)
        parts.append(view.pixels.byte().permute(0, 2, 3, 1).numpy())
    both = np.arange(len(crops))
    return Probes(
        np.concatenate(parts), crops.pixels, (crops.labels, crops.labels), (both, both), face_px
    )


def detail(crop: Pixels) -> float:
    """The share of a crop's detail finer than 12 px that is finer than 40 px.

    Little is lost when a soft photo is shrunk and enlarged again; sharp ones of `faces/val` have
    0.43, the same shrunk to 40, 24 and 16 px 0.15, 0.13 and 0.12.

    Args:
        crop: (112, 112, 3) uint8 RGB.
    """
    lost = [_lost(crop, size) for size in (_FINE_PX, _COARSE_PX)]
    return float(lost[0] / max(lost[1], 1e-6))


def _lost(crop: Pixels, size_px: int) -> float:
    before, after = (
        cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        for picture in (crop, shrink_and_enlarge(crop, size_px))
    )
    inner = (before - after)[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX]
    return float(np.sqrt((inner**2).mean()))
