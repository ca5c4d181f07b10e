"""What `publish` measures on people who were not trained on: figures, routing, thresholds.

Gallery side sharp, probe side a crop shrunk to a size; every photo against every other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.evaluation.all_pairs import AllPairs
from app.evaluation.pooled import pool_photos
from app.evaluation.probes import shrink_crop
from app.evaluation.sizes import SIZE_RANGES, SIZED_RANGES, Size
from app.evaluation.verification import FALSE_ACCEPT_RATES, roc_from_scores, threshold_at_far
from app.vision.alignment import Crop
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder, fused_template
from app.vision.manifest import Threshold
from trainer.crops import CropSet

ROUTING_SIZES = (12, 16, 20, 24, 28, 32, 40, 48, 56, 64)

SIZES: tuple[Size, ...] = (None, 10, 14, *ROUTING_SIZES)


_TEMPLATE_PHOTOS = 3
"""As many as a registered person has at least, unless the settings say otherwise. With more photos
in a template strangers come nearer, and to those of a size more so (docs/decisions/0040)."""


@dataclass(frozen=True, slots=True)
class SizedPairs:
    """Probes of some sizes against templates of no size and of one.

    Attributes:
        template_px: The size of the templates.
        plain: By the probes' size, against templates of no size.
        sized: Against those of the size.
    """

    template_px: int
    plain: Mapping[Size, AllPairs]
    sized: Mapping[Size, AllPairs]


class HeldOut:
    """People who were not trained on.

    Args:
        crops: Their sharp crops, with names.
    """

    def __init__(self, crops: CropSet) -> None:
        self.crops = [Crop(pixels, float(CROP_SIZE_PX)) for pixels in crops.pixels]
        self._people = crops.labels

    def pairs(self, embedder: Embedder, sizes: Iterable[Size]) -> dict[Size, AllPairs]:
        """All crops, shrunk to each size, against all other sharp ones."""
        gallery = embedder.embed(self.crops)[0]
        return {
            size: AllPairs.among(
                embedder.embed([shrink_crop(crop, size) for crop in self.crops])[0] @ gallery.T,
                self._people,
            )
            for size in sizes
        }

    def sized_pairs(self, embedder: Embedder) -> list[SizedPairs]:
        """Small crops against templates of three photos; none where nobody has four."""
        templates = pool_photos(self._people, _TEMPLATE_PHOTOS)
        probes = pool_photos(self._people, 1)
        plain = templates.vectors(embedder.embed(self.crops)[0])
        found = []
        for _, _, sizes in SIZED_RANGES:
            seen = {
                size: embedder.embed([shrink_crop(crop, size) for crop in self.crops])[0]
                for size in sizes
            }
            sized = fused_template(plain, templates.vectors(seen[sizes[-1]]))
            found.append(
                SizedPairs(
                    sizes[-1],
                    {size: templates.pairs(of @ plain.T, probes) for size, of in seen.items()},
                    {size: templates.pairs(of @ sized.T, probes) for size, of in seen.items()},
                )
            )
        return [of for of in found if of.plain[of.template_px].genuine.any()]


def choose_routing(direct: Mapping[Size, AllPairs], restored: Mapping[Size, AllPairs]) -> float:
    """The `dsr_below_px` that recognises most over all sizes; at a tie, with the least work."""
    gains = [restored[size].tar() - direct[size].tar() for size in ROUTING_SIZES]
    # Sizes before place k go through DSR; the last one means that all do.
    gained = [sum(gains[:k]) for k in range(len(ROUTING_SIZES))]
    return float(ROUTING_SIZES[int(np.argmax(gained))])


def choose_thresholds(
    pairs: Mapping[Size, AllPairs], template_px: int | None = None
) -> tuple[Threshold, ...]:
    """For each range of sizes and each rate, the similarity from which the rate is kept.

    Args:
        pairs: Of every size of a range, or the range is left out.
        template_px: The size of the templates in them.
    """
    chosen = []
    for low, high, sizes in SIZE_RANGES:
        if not pairs.keys() >= set(sizes):
            continue
        genuine = _together(pairs[size].similarity[pairs[size].genuine] for size in sizes)
        impostor = _together(pairs[size].similarity[pairs[size].impostor] for size in sizes)
        roc = roc_from_scores(genuine, impostor)
        chosen += [
            Threshold(
                min_face_px=low,
                max_face_px=high,
                false_accept_rate=far,
                similarity=min(1.0, threshold_at_far(roc, far)),
                template_px=template_px,
            )
            for far in FALSE_ACCEPT_RATES.values()
        ]
    return tuple(chosen)


def sized_thresholds(found: Iterable[SizedPairs]) -> tuple[Threshold, ...]:
    """The same for templates of sizes, where they recognise more than those of no size."""
    chosen: tuple[Threshold, ...] = ()
    for of in found:
        if of.sized[of.template_px].tar() > of.plain[of.template_px].tar():
            chosen += choose_thresholds(of.sized, of.template_px)
    return chosen


def _together(parts: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(list(parts))
