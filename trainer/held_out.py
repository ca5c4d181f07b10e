"""What `publish` measures on people who were not trained on: figures, routing, thresholds.

Gallery side sharp, probe side a crop shrunk to a size; every photo against every other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.evaluation.all_pairs import AllPairs
from app.evaluation.pooled import PooledPhotos, pool_photos
from app.evaluation.probes import shrink_crop
from app.evaluation.sizes import SIZE_RANGES, SIZED_RANGES, Size
from app.evaluation.verification import FALSE_ACCEPT_RATES, roc_from_scores, threshold_at_far
from app.vision.alignment import Crop
from app.vision.cohort import Cohort
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.edgeface import EdgeFace
from app.vision.embedder import Embedder, fused_template
from app.vision.manifest import Threshold
from app.vision.scaling import Floats
from trainer.config import Engine
from trainer.crops import CropSet, clean_labels
from trainer.degradation import Degradation, degrade
from trainer.metrics import embed

ROUTING_SIZES = (12, 16, 20, 24, 28, 32, 40, 48, 56, 64)

DEGRADED_SIZES = (32, 24, 16, 12)
"""Of degraded crops, for the model card."""

SIZES: tuple[Size, ...] = (None, 10, 14, *ROUTING_SIZES)


_DEGRADATION = Degradation(clean=0.0)
_SEED = 7
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


Seen = Mapping[Size, Floats]
"""(n, 512) embeddings of the same crops at each size; None: sharp."""

Likeness = Mapping[Size, Floats]
"""(n,) how much the same crops resemble strangers at each size; see app.vision.cohort."""


def known_people(crops: CropSet, judge: EdgeFace) -> CropSet:
    """The named crops that look like their person.

    Args:
        crops: Of people who were not trained on.
        judge: The published network.
    """
    embeddings = embed(judge, crops.pixels)
    return clean_labels(crops, embeddings, Engine().label_similarity).named()


def degraded(crops: Sequence[Crop], size: int, chance: np.random.Generator) -> list[Crop]:
    """Sharp crops as training makes small ones of them, none left clean.

    Args:
        crops: (112, 112, 3) each.
        size: `face_px`.
        chance: The only source of it.
    """
    return [
        Crop(degrade(crop.pixels, size, _DEGRADATION, chance)[0], float(size)) for crop in crops
    ]


class HeldOut:
    """People who were not trained on.

    Args:
        crops: Their sharp crops, with names.
    """

    def __init__(self, crops: CropSet) -> None:
        self.crops = [Crop(pixels, float(CROP_SIZE_PX)) for pixels in crops.pixels]
        self._people = crops.labels

    def seen(self, embedder: Embedder, sizes: Iterable[Size]) -> Seen:
        """All crops as networks see them, shrunk to each size."""
        return {
            size: embedder.embed([shrink_crop(crop, size) for crop in self.crops])[0]
            for size in sizes
        }

    def degraded(self, embedder: Embedder, sizes: Iterable[int]) -> Seen:
        """All crops degraded, always the same."""
        chance = np.random.default_rng(_SEED)
        return {size: embedder.embed(degraded(self.crops, size, chance))[0] for size in sizes}

    def pairs(self, seen: Seen) -> dict[Size, AllPairs]:
        """All crops of each size against all other sharp ones, which must be among them."""
        gallery = seen[None]
        return {size: AllPairs.among(of @ gallery.T, self._people) for size, of in seen.items()}

    def sized_pairs(self, seen: Seen) -> list[SizedPairs]:
        """Small crops against templates of three photos; none where nobody has four."""
        templates = pool_photos(self._people, _TEMPLATE_PHOTOS)
        plain = templates.vectors(seen[None])
        found = []
        for _, _, sizes in SIZED_RANGES:
            sized = fused_template(plain, templates.vectors(seen[sizes[-1]]))
            compare = partial(self._against, templates, {size: seen[size] for size in sizes})
            found.append(SizedPairs(sizes[-1], compare(plain), compare(sized)))
        return [of for of in found if of.plain[of.template_px].genuine.any()]

    def _against(
        self, templates: PooledPhotos, seen: Seen, vectors: Floats
    ) -> dict[Size, AllPairs]:
        probes = pool_photos(self._people, 1)
        return {size: templates.pairs(of @ vectors.T, probes) for size, of in seen.items()}


def choose_routing(direct: Mapping[Size, AllPairs], restored: Mapping[Size, AllPairs]) -> float:
    """The `dsr_below_px` that recognises most over all sizes; at a tie, with the least work."""
    gains = [restored[size].tar() - direct[size].tar() for size in ROUTING_SIZES]
    # Sizes before place k go through DSR; the last one means that all do.
    gained = [sum(gains[:k]) for k in range(len(ROUTING_SIZES))]
    return float(ROUTING_SIZES[int(np.argmax(gained))])


def choose_thresholds(
    pairs: Mapping[Size, AllPairs],
    template_px: int | None = None,
    likeness: Likeness | None = None,
) -> tuple[Threshold, ...]:
    """For each range of sizes and each rate, the similarity from which the rate is kept.

    Args:
        pairs: Of every size of a range, or the range is left out.
        template_px: The size of the templates in them.
        likeness: Of the probes in them, for thresholds that follow each probe.
    """
    chosen = []
    for low, high, sizes in SIZE_RANGES:
        if not pairs.keys() >= set(sizes):
            continue
        usual = None
        of_range = {size: pairs[size] for size in sizes}
        if likeness is not None:
            usual = float(np.median(_together(likeness[size] for size in sizes)))
            of_range = {size: of.lowered(likeness[size] - usual) for size, of in of_range.items()}
        genuine = _together(of.similarity[of.genuine] for of in of_range.values())
        impostor = _together(of.similarity[of.impostor] for of in of_range.values())
        roc = roc_from_scores(genuine, impostor)
        chosen += [
            Threshold(
                min_face_px=low,
                max_face_px=high,
                false_accept_rate=far,
                similarity=min(1.0, threshold_at_far(roc, far)),
                template_px=template_px,
                likeness=usual,
            )
            for far in FALSE_ACCEPT_RATES.values()
        ]
    return tuple(chosen)


def sized_thresholds(
    found: Iterable[SizedPairs], likeness: Likeness | None = None
) -> tuple[Threshold, ...]:
    """The same for templates of sizes, where they recognise more than those of no size."""
    chosen: tuple[Threshold, ...] = ()
    for of in found:
        if of.sized[of.template_px].tar() > of.plain[of.template_px].tar():
            chosen += choose_thresholds(of.sized, of.template_px, likeness)
    return chosen


def all_thresholds(
    pairs: Mapping[Size, AllPairs],
    sized: Sequence[SizedPairs],
    seen: Seen,
    cohort: Cohort | None,
) -> tuple[Threshold, ...]:
    """What a manifest has: for all probes alike, and with a cohort those that follow each too."""
    chosen = choose_thresholds(pairs) + sized_thresholds(sized)
    if cohort is None:
        return chosen
    likeness = {size: cohort.likeness(of) for size, of in seen.items()}
    following = choose_thresholds(pairs, likeness=likeness)
    return chosen + following + sized_thresholds(sized, likeness)


def _together(parts: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(list(parts))
