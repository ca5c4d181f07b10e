"""How well similarities tell people apart: ROC and the figures read from it.

Everywhere: two faces are accepted as one person when `similarity >= threshold`. FAR is the share
of impostor pairs (different people) that are accepted, TAR the share of genuine pairs, FRR is
1 - TAR. ISO/IEC 19795-1 calls the first FMR and the last FNMR. All rates are fractions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

# The rates at which TAR is reported, by their names in reports and manifests.
FALSE_ACCEPT_RATES = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4}
USUAL_FAR = "1e-3"
"""The rate at which weights are compared with each other."""

# The similarity of a pair of which one face could not be found: below every cosine, so that the
# pair counts as rejected at every threshold (as NIST FRTE scores a failure to extract).
NOT_COMPARABLE = -2.0


@dataclass(frozen=True, slots=True)
class Roc:
    """The receiver operating characteristic at all thresholds where it changes.

    Attributes:
        thresholds: (n,) similarities, ascending. The first accepts all, the last nothing.
        far: (n,) false-accept rate, from 1 down to 0.
        tar: (n,) true-accept rate, from 1 down to 0.
    """

    thresholds: Doubles
    far: Doubles
    tar: Doubles


def roc_from_scores(genuine: NDArray[np.floating], impostor: NDArray[np.floating]) -> Roc:
    """The exact ROC of similarities that fit in memory.

    Args:
        genuine: (g,) similarities of pairs of one person, any order.
        impostor: (i,) similarities of pairs of two people.

    Raises:
        ValueError: There are no genuine or no impostor pairs.
    """
    if not genuine.size or not impostor.size:
        raise ValueError(
            f"cannot compute a ROC from {genuine.size} genuine and {impostor.size} impostor pairs"
        )
    scores = np.unique(np.concatenate((genuine, impostor)).astype(np.float64))
    thresholds = np.append(scores, np.nextafter(scores[-1], np.inf))

    def accepted(similarities: NDArray[np.floating]) -> Doubles:
        below = np.searchsorted(np.sort(similarities.astype(np.float64)), thresholds)
        return (similarities.size - below) / similarities.size

    return Roc(thresholds, far=accepted(impostor), tar=accepted(genuine))


def roc_from_counts(
    edges: Doubles, genuine: NDArray[np.number], impostor: NDArray[np.number]
) -> Roc:
    """The ROC of similarities counted in bins; exact at the bins' lower edges.

    Args:
        edges: (n + 1,) ascending; bin k holds `edges[k] <= similarity < edges[k + 1]`.
        genuine: (n,) counts or weights per bin.
        impostor: (n,) counts or weights per bin.

    Raises:
        ValueError: A total is zero.
    """
    if not genuine.sum() > 0 or not impostor.sum() > 0:
        raise ValueError("a ROC needs both genuine and impostor pairs")

    def accepted(counts: NDArray[np.number]) -> Doubles:
        from_above = np.append(np.cumsum(counts[::-1], dtype=np.float64)[::-1], 0)
        rates: Doubles = from_above / from_above[0]
        return rates

    # Only edges where something changes: most of two million fine bins are empty.
    filled = np.append((genuine > 0) | (impostor > 0), True)
    far, tar = accepted(impostor), accepted(genuine)
    return Roc(edges[filled], far=far[filled], tar=tar[filled])


def _first_index_at_far(roc: Roc, far: float) -> int:
    # `far` falls along the array: search in the reversed, rising one.
    return len(roc.far) - int(np.searchsorted(roc.far[::-1], far, side="right"))


def tar_at_far(roc: Roc, far: float) -> float:
    """The largest TAR at any threshold whose FAR is at most `far` (in [0, 1])."""
    return float(roc.tar[_first_index_at_far(roc, far)])


def threshold_at_far(roc: Roc, far: float) -> float:
    """The lowest threshold whose FAR is at most `far` (in [0, 1])."""
    return float(roc.thresholds[_first_index_at_far(roc, far)])


def equal_error_rate(roc: Roc) -> float:
    """Where FAR = FRR, on the straight line between the two thresholds that enclose it."""
    difference = roc.far + roc.tar - 1
    after = int(np.argmax(difference <= 0))
    before = after - 1  # the first threshold accepts all: its difference is 1
    part = difference[before] / (difference[before] - difference[after])
    return float(roc.far[before] + part * (roc.far[after] - roc.far[before]))


def balanced_accuracy(roc: Roc) -> float:
    """(TAR + 1 - FAR) / 2 at the best threshold: accuracy with both kinds weighing the same.

    The threshold is chosen on the pairs that are judged; with one parameter and thousands of pairs
    that flatters by less than a tenth of the confidence interval. `fold_accuracies` avoids it.
    """
    return float(np.max(roc.tar - roc.far) / 2 + 0.5)


def fold_verdicts(
    similarities: Doubles, genuine: NDArray[np.bool_], folds: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """LFW's protocol: judges each fold at the threshold that is best on all the others.

    Huang et al., "Labeled Faces in the Wild", UMass 07-49 (view 2). Of several best thresholds the
    middle one is taken.

    Args:
        similarities: (n,) of all pairs.
        genuine: (n,) whether a pair is of one person.
        folds: (n,) the fold of each pair; two folds or more, each with both kinds elsewhere.

    Returns:
        (n,) whether each pair was judged rightly.
    """
    right = np.empty(len(similarities), dtype=np.bool_)
    for fold in np.unique(folds):
        held_out = folds == fold
        threshold = _best_threshold(similarities[~held_out], genuine[~held_out])
        right[held_out] = (similarities[held_out] >= threshold) == genuine[held_out]
    return right


def _best_threshold(similarities: Doubles, genuine: NDArray[np.bool_]) -> float:
    roc = roc_from_scores(similarities[genuine], similarities[~genuine])
    n_genuine = np.count_nonzero(genuine)
    n_right = roc.tar * n_genuine + (1 - roc.far) * (len(genuine) - n_genuine)
    best = np.flatnonzero(np.isclose(n_right, n_right.max(), rtol=0, atol=1e-6))
    middle = best[len(best) // 2]
    # Half-way to the next lower score: the same verdicts here, the widest margin elsewhere.
    return float((roc.thresholds[middle] + roc.thresholds[max(middle - 1, 0)]) / 2)


@dataclass(frozen=True, slots=True)
class Searches:
    """What a search of the gallery with each probe finds; the probe's own photo is left out.

    Attributes:
        best_genuine: (n,) the probe's highest similarity to its own person.
        best_impostor: (n,) its highest similarity to anybody else, which is what a search finds
            when its person is not enrolled.
    """

    best_genuine: Doubles
    best_impostor: Doubles

    def found(self) -> NDArray[np.bool_]:
        """(n,) whether the probe's own person comes first (closed set, rank 1); ties are lost."""
        return self.best_genuine > self.best_impostor

    def threshold_at_fpir(self, fpir: float) -> float:
        """The lowest threshold at which at most `fpir` of strangers' searches name somebody."""
        ranked = np.sort(self.best_impostor)[::-1]
        allowed = int(fpir * len(ranked) + 1e-9)
        if allowed >= len(ranked):
            return float(ranked[-1])
        return float(np.nextafter(ranked[allowed], np.inf))

    def identified(self, fpir: float) -> NDArray[np.bool_]:
        """(n,) whether the own person comes first and above `threshold_at_fpir` (open set).

        The mean of it is the detection and identification rate (DIR; Phillips et al., "Evaluation
        methods in face recognition", Handbook of Face Recognition, 2011).
        """
        return self.found() & (self.best_genuine >= self.threshold_at_fpir(fpir))
