"""Every probe against every photo of a gallery, all similarities in memory at once.

`comparison` streams any number of photos through here in blocks, and adds confidence intervals.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.evaluation.sizes import Size, size_name
from app.evaluation.verification import (
    FALSE_ACCEPT_RATES,
    NOT_COMPARABLE,
    USUAL_FAR,
    Roc,
    Searches,
    equal_error_rate,
    roc_from_scores,
    tar_at_far,
)
from app.vision.manifest import SizeMetrics


@dataclass(frozen=True, slots=True)
class AllPairs:
    """Similarities of n probes to m gallery photos; no photo is compared with itself.

    Attributes:
        similarity: (n, m), a row per probe.
        genuine: (n, m) whether a pair shows one person in two photos.
        impostor: (n, m) whether it shows two people.
    """

    similarity: NDArray[np.float32]
    genuine: NDArray[np.bool_]
    impostor: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        similarity: NDArray[np.float32],
        people: tuple[NDArray[np.integer], NDArray[np.integer]],
        photos: tuple[NDArray[np.integer], NDArray[np.integer]],
    ) -> "AllPairs":
        """Sorts the pairs into genuine and impostor.

        Args:
            similarity: (n, m).
            people: (n,) and (m,) the number of the person on each probe and gallery photo.
            photos: (n,) and (m,) the number of each photo, the same on both sides.
        """
        impostor = people[0][:, None] != people[1]
        return cls(similarity, ~impostor & (photos[0][:, None] != photos[1]), impostor)

    @classmethod
    def among(cls, similarity: NDArray[np.float32], people: NDArray[np.integer]) -> "AllPairs":
        """The same photos on both sides.

        Args:
            similarity: (n, n), the diagonal being each photo's similarity to itself.
            people: (n,) the number of the person on each.
        """
        photos = np.arange(len(people))
        return cls.of(similarity, (people, people), (photos, photos))

    def lowered(self, raised_by: NDArray[np.float32]) -> "AllPairs":
        """The same with similarities as one threshold for all probes sees them.

        Args:
            raised_by: (n,) how much higher each probe's threshold is.
        """
        return replace(self, similarity=self.similarity - raised_by[:, None])

    def roc(self) -> Roc:
        """The exact ROC of all pairs.

        Raises:
            ValueError: There are no genuine or no impostor pairs.
        """
        return roc_from_scores(self.similarity[self.genuine], self.similarity[self.impostor])

    def tar(self) -> float:
        """TAR at the usual false-accept rate, 1e-3."""
        return tar_at_far(self.roc(), FALSE_ACCEPT_RATES[USUAL_FAR])

    def rank1(self) -> float:
        """Share of probes whose own person comes first; one without another photo never does."""
        return float(self.searches().found().mean())

    def searches(self) -> Searches:
        """What a search of the gallery with each probe finds."""
        return Searches(
            self._best(self.genuine).astype(np.float64),
            self._best(self.impostor).astype(np.float64),
        )

    def metrics(self, size: Size) -> SizeMetrics:
        """The figures that a manifest holds for probes of one size."""
        impostor, roc = self.similarity[self.impostor], self.roc()
        return SizeMetrics(
            size=size_name(size),
            n_genuine=int(self.genuine.sum()),
            n_impostor=impostor.size,
            eer=equal_error_rate(roc),
            tar_at_far={name: tar_at_far(roc, far) for name, far in FALSE_ACCEPT_RATES.items()},
            rank1=self.rank1(),
            impostor_mean=float(impostor.mean(dtype=np.float64)),
            impostor_std=float(impostor.std(dtype=np.float64)),
        )

    def _best(self, pairs: NDArray[np.bool_]) -> NDArray[np.float32]:
        best: NDArray[np.float32] = self.similarity.max(axis=1, initial=NOT_COMPARABLE, where=pairs)
        return best
