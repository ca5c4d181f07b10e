"""Counts similarities of very many pairs in little memory, so that people can be resampled.

10,000 photos against each other are 100 million pairs. They are counted as they come, in two ways:

- in bins of 2^-20 (about 1e-6), all pairs together: thresholds are exact to 1e-6 and rates at them
  are exact, so TAR at FAR is off by at most the genuine pairs within 1e-6 of the threshold;
- in bins of 2^-10, separately for each pair of person groups: enough to weigh the pairs anew for
  every bootstrap sample of people. Its error (some 1e-3 of TAR at worst) is far below the width of
  the intervals made from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.evaluation.verification import NOT_COMPARABLE, Doubles, Roc, roc_from_counts

# Bins over [-1, 1] and one more for similarity 1 itself.
_FINE_BINS = 2**21 + 1
_FINE_PER_COARSE = 2**10
_COARSE_BINS = -(-_FINE_BINS // _FINE_PER_COARSE)
_FINE_EDGES = np.arange(_FINE_BINS + 1) / 2**20 - 1
_COARSE_EDGES = np.arange(_COARSE_BINS + 1) / 2**10 - 1

# Up to this many people, everyone is resampled alone; more people are dealt into this many groups,
# which are resampled as wholes. 64 x 64 groups of coarse bins take 67 MB.
MAX_GROUPS = 64
_REPLICATES = 1000


def person_groups(people: NDArray[np.integer]) -> NDArray[np.int64]:
    """(n,) person numbers from 0 -> (n,) groups, below MAX_GROUPS; all of one person in one."""
    return people.astype(np.int64) % MAX_GROUPS


def resampling_weights(groups: int) -> NDArray[np.float64]:
    """How often each group is drawn in each bootstrap sample, (1000, groups); always the same."""
    random = np.random.default_rng(0)
    drawn = random.multinomial(groups, np.full(groups, 1 / groups), size=_REPLICATES)
    return drawn.astype(np.float64)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counted similarities: bin k holds `edges[k] <= similarity < edges[k + 1]`.

    Attributes:
        edges: (n + 1,) ascending.
        genuine: (n,) pairs of one person; those that cannot be compared are in the first bin.
        impostor: (n,) pairs of two people, likewise.
    """

    edges: Doubles
    genuine: NDArray[np.int64]
    impostor: NDArray[np.int64]


class PairCounts:
    """Genuine and impostor similarities, counted.

    Args:
        groups: How many groups of people there are, MAX_GROUPS at most.
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups
        self._fine_genuine = np.zeros(_FINE_BINS, dtype=np.int64)
        self._fine_impostor = np.zeros(_FINE_BINS, dtype=np.int64)
        self._genuine = np.zeros(groups * _COARSE_BINS, dtype=np.int64)
        self._impostor = np.zeros(groups**2 * _COARSE_BINS, dtype=np.int64)
        # Over the comparable impostor pairs: how many, their sum, their sum of squares.
        self._impostor_sums = np.zeros(3)

    def add_genuine(self, similarities: NDArray[np.floating], groups: NDArray[np.integer]) -> None:
        """Counts pairs of one person each.

        Args:
            similarities: (n,) in [-1, 1], or NOT_COMPARABLE.
            groups: (n,) the person's group.
        """
        fine = _bins(similarities)
        self._fine_genuine += np.bincount(fine, minlength=_FINE_BINS)
        _count_into(self._genuine, groups, fine)

    def add_impostor(
        self,
        similarities: NDArray[np.floating],
        groups: NDArray[np.integer],
        other_groups: NDArray[np.integer],
    ) -> None:
        """Counts pairs of two people each.

        Args:
            similarities: (n,) in [-1, 1], or NOT_COMPARABLE.
            groups: (n,) the group of one person.
            other_groups: (n,) the group of the other.
        """
        fine = _bins(similarities)
        self._fine_impostor += np.bincount(fine, minlength=_FINE_BINS)
        _count_into(self._impostor, groups * self.groups + other_groups, fine)
        comparable = similarities[similarities > NOT_COMPARABLE].astype(np.float64)
        self._impostor_sums += (comparable.size, comparable.sum(), (comparable**2).sum())

    @property
    def n_genuine(self) -> int:
        """Genuine pairs so far."""
        return int(self._fine_genuine.sum())

    @property
    def n_impostor(self) -> int:
        """Impostor pairs so far."""
        return int(self._fine_impostor.sum())

    def impostor_mean_and_std(self) -> tuple[float, float] | None:
        """Of the impostor pairs in which both faces were found; None if there are none."""
        count, total, squares = self._impostor_sums
        if not count:
            return None
        mean = total / count
        return float(mean), float(np.sqrt(max(squares / count - mean**2, 0.0)))

    def roc(self) -> Roc:
        """The ROC of all pairs; thresholds are multiples of 2^-20."""
        return roc_from_counts(_FINE_EDGES, self._fine_genuine, self._fine_impostor)

    def histogram(self) -> Histogram:
        """All pairs in bins of 2^-10."""
        return Histogram(
            edges=_COARSE_EDGES,
            genuine=self._genuine.reshape(-1, _COARSE_BINS).sum(axis=0),
            impostor=self._impostor.reshape(-1, _COARSE_BINS).sum(axis=0),
        )

    def resampled(self) -> Iterator[Roc]:
        """The ROC of each bootstrap sample of people.

        Pairs that share a person are not independent, so people are drawn, not pairs: a genuine
        pair counts as often as its person was drawn, an impostor pair as often as the one times
        the other (the two-way bootstrap of Owen, "The pigeonhole bootstrap", 2007). Samples
        without genuine or without impostor pairs are left out.
        """
        weights = resampling_weights(self.groups)
        genuine = weights @ self._genuine.reshape(self.groups, _COARSE_BINS)
        products = (weights[:, :, None] * weights[:, None, :]).reshape(len(weights), -1)
        impostor = products @ self._impostor.reshape(-1, _COARSE_BINS)
        for of_genuine, of_impostor in zip(genuine, impostor, strict=True):
            if of_genuine.any() and of_impostor.any():
                yield roc_from_counts(_COARSE_EDGES, of_genuine, of_impostor)


def _bins(similarities: NDArray[np.floating]) -> NDArray[np.int64]:
    # Rounding may carry a cosine of unit vectors past 1; NOT_COMPARABLE lands in the lowest bin.
    scaled = (similarities.astype(np.float64) + 1) * 2**20
    return np.clip(np.floor(scaled), 0, _FINE_BINS - 1).astype(np.int64)


def _count_into(
    table: NDArray[np.int64], rows: NDArray[np.integer], fine: NDArray[np.int64]
) -> None:
    cells = rows * _COARSE_BINS + fine // _FINE_PER_COARSE
    table += np.bincount(cells, minlength=len(table))
