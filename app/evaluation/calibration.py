"""Thresholds from enrolled people, as far as their number supports them.

See docs/decisions/0011-calibration.md for the choice of the tail and its accuracy.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.evaluation.leave_one_out import LeaveOneOut
from app.evaluation.pair_counts import resampling_weights

# The share of impostor comparisons from which the tail is drawn, and their minimum number.
_TAIL_SHARE = 0.02
_FEWEST_IN_TAIL = 10
# Rates that are tried when the wanted one is not supported.
_RATES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
# A rate is supported when it stays below twice the wanted one in nine of ten samples of people.
_NINE_OF_TEN = 90.0
_MIDDLE_90 = (5.0, 95.0)
_MAX_FACTOR = 2.0
# How many photos may be called mislabelled by chance, on average.
_EXPECTED_BY_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class Tail:
    """The upper end of impostors' similarities: exponential above a start.

    Fitted by the mean excess (peaks over threshold, Pickands 1975, with shape 0).

    Attributes:
        start: The similarity from which it holds.
        share: Of the comparisons, how many are above.
        scale: How far above they are on average.
    """

    start: float
    share: float
    scale: float

    @classmethod
    def of(cls, impostor: NDArray[np.floating]) -> "Tail | None":
        """Fits the tail; None if there are too few comparisons.

        Args:
            impostor: (i,) similarities of different people.
        """
        count = max(round(_TAIL_SHARE * len(impostor)), _FEWEST_IN_TAIL)
        if count >= len(impostor):
            return None
        upper = np.sort(np.partition(impostor, -count - 1)[-count - 1 :]).astype(np.float64)
        scale = float((upper[1:] - upper[0]).mean())
        return cls(float(upper[0]), count / len(impostor), max(scale, np.finfo(float).tiny))

    def similarity(self, rate: float) -> float:
        """The similarity that a share `rate` of the comparisons reaches; `start` at least."""
        return self.start + self.scale * max(0.0, math.log(self.share / rate))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A threshold for one false-accept rate.

    Attributes:
        false_accept_rate: Wanted, per comparison of a probe with somebody else's template.
        similarity: The threshold.
        factors: 90 % interval of the true rate at that threshold, as multiples of the wanted one.
        supported: Whether there are enough people to propose it.
        accepted: Share of genuine comparisons that reach it; None where there are none.
    """

    false_accept_rate: float
    similarity: float
    factors: tuple[float, float]
    supported: bool
    accepted: float | None


def propose(compared: LeaveOneOut, rate: float) -> Proposal | None:
    """The threshold for a false-accept rate; None where there is too little to compare.

    Args:
        compared: Probes of one size.
        rate: 0 < rate < 1.
    """
    tail = Tail.of(compared.impostor)
    if tail is None:
        return None
    threshold = tail.similarity(rate)
    factors = _resampled_rates(compared, tail, threshold) / rate
    low, high = np.percentile(factors, _MIDDLE_90)
    # Not below what was seen once: a tail says nothing about look-alikes that are not enrolled.
    seen = rate * len(compared.impostor) >= 1
    genuine = compared.genuine[~np.isnan(compared.genuine)]
    return Proposal(
        false_accept_rate=rate,
        similarity=min(threshold, 1.0),
        factors=(float(low), float(high)),
        supported=bool(seen and np.percentile(factors, _NINE_OF_TEN) <= _MAX_FACTOR),
        accepted=float((genuine >= threshold).mean()) if len(genuine) else None,
    )


def smallest_supported(compared: LeaveOneOut) -> float | None:
    """The smallest of the usual rates that the people support; None if it is not even 1e-2."""
    supported = None
    for rate in _RATES:
        proposal = propose(compared, rate)
        if proposal is None or not proposal.supported:
            break
        supported = rate
    return supported


def _resampled_rates(compared: LeaveOneOut, tail: Tail, threshold: float) -> NDArray[np.float64]:
    """The false-accept rate at a threshold in each bootstrap sample of users.

    People are drawn, not comparisons, as in `PairCounts.resampled`: those that share a person are
    not independent. Samples without a comparison are left out.
    """
    shape = compared.similarity.shape[1], compared.similarity.shape[1]
    above = compared.is_other & (compared.similarity > tail.start)
    excess = np.where(above, compared.similarity - tail.start, 0.0)
    weights = resampling_weights(shape[0])

    def total(values: NDArray[np.generic]) -> NDArray[np.float64]:
        by_users = np.zeros(shape)
        np.add.at(by_users, compared.member, values.astype(np.float64))
        resampled: NDArray[np.float64] = ((weights @ by_users) * weights).sum(axis=1)
        return resampled

    comparisons, accepted, excesses = total(compared.is_other), total(above), total(excess)
    drawn = comparisons > 0
    scale = excesses[drawn] / np.maximum(accepted[drawn], 1.0)
    beyond = (threshold - tail.start) / np.maximum(scale, np.finfo(float).tiny)
    rates: NDArray[np.float64] = accepted[drawn] / comparisons[drawn] * np.exp(-beyond)
    return rates


@dataclass(frozen=True, slots=True)
class Mislabelled:
    """A photo that looks like another user's and not like its own user's.

    Attributes:
        row: Which photo.
        own: Similarity to the mean of its user's other photos.
        other: Similarity to the other user's template.
        looks_like: That user's column.
    """

    row: int
    own: float
    other: float
    looks_like: int


def find_mislabelled(compared: LeaveOneOut, same_person: float) -> list[Mislabelled]:
    """Photos that belong to another enrolled user, beyond what chance explains.

    A photo that is nearer to somebody else's template than to its own user's others may simply be a
    bad photo that looks like nobody: the nearest of many strangers is then a little similar by
    chance. So it must also be nearer than all those strangers would be, in 19 of 20 galleries.
    Where its own user is no more similar than strangers are, few photos are suspected, and only
    their strangers are counted; elsewhere those of all photos.

    People whose photos are all exchanged cannot be found: a gallery cannot say which name is right.

    Args:
        compared: All enrolled photos.
        same_person: From this similarity on it is not chance, whatever the others are like.

    Returns:
        The most similar to the other user first.
    """
    others = np.where(compared.is_other, compared.similarity, -np.inf)
    if others.shape[1] < 2:  # noqa: PLR2004 - there is nobody else
        return []
    nearest = others.argmax(axis=1)
    other = others[np.arange(len(others)), nearest]
    suspects = np.flatnonzero(other > compared.genuine)  # NaN is never suspected
    if not len(suspects):
        return []
    strangers = compared.is_other.copy()
    strangers[suspects, nearest[suspects]] = False
    tail = Tail.of(compared.similarity[strangers])
    found = []
    for row in suspects.tolist():
        level = same_person
        if tail is not None:
            like_a_stranger = compared.genuine[row] <= tail.start
            photos = (compared.genuine <= tail.start).sum() if like_a_stranger else len(others)
            trials = photos * (others.shape[1] - 1)
            level = min(level, tail.similarity(_EXPECTED_BY_CHANCE / trials))
        if other[row] >= level:
            own = float(compared.genuine[row])
            found.append(Mislabelled(row, own, float(other[row]), int(nearest[row])))
    return sorted(found, key=lambda photo: -photo.other)
