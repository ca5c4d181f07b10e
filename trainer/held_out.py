"""What `publish` measures on people who were not trained on: figures, routing, thresholds.

Gallery side sharp, probe side a crop shrunk to a size; every photo against every other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.evaluation.probes import SIZE_RANGES, Size, shrink_crop, size_name
from app.evaluation.verification import (
    Searches,
    equal_error_rate,
    roc_from_scores,
    tar_at_far,
    threshold_at_far,
)
from app.vision.alignment import Crop
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder
from app.vision.manifest import SizeMetrics, Threshold
from trainer.crops import CropSet

Floats = NDArray[np.float32]

FALSE_ACCEPT_RATES = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4}
REPORTED_SIZES: tuple[Size, ...] = (None, 32, 24, 16, 12)
ROUTING_SIZES = (12, 16, 20, 24, 28, 32, 40, 48, 56, 64)

SIZES: tuple[Size, ...] = (None, 10, 14, *ROUTING_SIZES)


class HeldOut:
    """People who were not trained on.

    Args:
        crops: Their sharp crops, with names.
    """

    def __init__(self, crops: CropSet) -> None:
        self.crops = [Crop(pixels, float(CROP_SIZE_PX)) for pixels in crops.pixels]
        same = crops.labels[:, None] == crops.labels
        self._genuine = same & ~np.eye(len(same), dtype=np.bool_)
        self._impostor = ~same

    def scores(self, embedder: Embedder, sizes: Iterable[Size]) -> dict[Size, "Scores"]:
        """All crops, shrunk to each size, against all sharp ones but their own."""
        gallery = embedder.embed(self.crops)[0]
        return {
            size: Scores(
                embedder.embed([shrink_crop(crop, size) for crop in self.crops])[0] @ gallery.T,
                self._genuine,
                self._impostor,
            )
            for size in sizes
        }


@dataclass(frozen=True, slots=True)
class Scores:
    """Probes against gallery photos.

    Attributes:
        similarity: (n, n), a row per probe.
        genuine: (n, n) whether a pair shows one person in two photos.
        impostor: (n, n) whether it shows two people.
    """

    similarity: Floats
    genuine: NDArray[np.bool_]
    impostor: NDArray[np.bool_]

    @property
    def tar(self) -> float:
        """TAR at FAR 1e-3."""
        genuine, impostor = self.similarity[self.genuine], self.similarity[self.impostor]
        return tar_at_far(roc_from_scores(genuine, impostor), FALSE_ACCEPT_RATES["1e-3"])

    def metrics(self, size: Size) -> SizeMetrics:
        """The figures for the manifest."""
        genuine, impostor = self.similarity[self.genuine], self.similarity[self.impostor]
        roc = roc_from_scores(genuine, impostor)
        searches = Searches(self._best(self.genuine), self._best(self.impostor))
        return SizeMetrics(
            size=size_name(size),
            n_genuine=genuine.size,
            n_impostor=impostor.size,
            eer=equal_error_rate(roc),
            tar_at_far={name: tar_at_far(roc, far) for name, far in FALSE_ACCEPT_RATES.items()},
            rank1=float(searches.found().mean()),
            impostor_mean=float(impostor.mean(dtype=np.float64)),
            impostor_std=float(impostor.std(dtype=np.float64)),
        )

    def _best(self, pairs: NDArray[np.bool_]) -> NDArray[np.float64]:
        best: Floats = self.similarity.max(axis=1, initial=-1, where=pairs)
        return best.astype(np.float64)


def choose_routing(direct: Mapping[Size, Scores], restored: Mapping[Size, Scores]) -> float:
    """The `dsr_below_px` that recognises most over all sizes; of several, the least work."""
    gains = [restored[size].tar - direct[size].tar for size in ROUTING_SIZES]
    # Sizes before place k go through DSR; the last one stands for nothing beyond it.
    gained = [sum(gains[:k]) for k in range(len(ROUTING_SIZES))]
    return float(ROUTING_SIZES[int(np.argmax(gained))])


def choose_thresholds(scores: Mapping[Size, Scores]) -> tuple[Threshold, ...]:
    """For each range of sizes and each rate, the similarity from which on the rate is kept."""
    chosen = []
    for low, high, sizes in SIZE_RANGES:
        genuine = _together(scores[size].similarity[scores[size].genuine] for size in sizes)
        impostor = _together(scores[size].similarity[scores[size].impostor] for size in sizes)
        roc = roc_from_scores(genuine, impostor)
        chosen += [
            Threshold(
                min_face_px=low,
                max_face_px=high,
                false_accept_rate=far,
                similarity=min(1.0, threshold_at_far(roc, far)),
            )
            for far in FALSE_ACCEPT_RATES.values()
        ]
    return tuple(chosen)


def _together(parts: Iterable[Floats]) -> Floats:
    return np.concatenate(list(parts))
