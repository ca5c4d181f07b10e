"""Gallery against probes: all the figures of one face size, with confidence intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.evaluation.pair_counts import (
    MAX_GROUPS,
    Histogram,
    PairCounts,
    person_groups,
    resampling_weights,
)
from app.evaluation.person_figures import BestMatches
from app.evaluation.pooled import ONE_BY_ONE, PooledPhotos, Pooling, pool_photos
from app.evaluation.verification import (
    FALSE_ACCEPT_RATES,
    NOT_COMPARABLE,
    Doubles,
    Roc,
    Searches,
    balanced_accuracy,
    equal_error_rate,
    fold_verdicts,
    tar_at_far,
    threshold_at_far,
)

# The rates at which the identification rate is reported, by their names in reports.
FALSE_POSITIVE_IDENTIFICATION_RATES = {"1e-1": 1e-1, "1e-2": 1e-2}

# A rate that rests on fewer accepted impostor pairs than this is marked in reports.
FEW_PAIRS = 10

# Similarities held at once: 4 million take about 150 MB with what is made from them.
_PAIRS_PER_BLOCK = 4_000_000

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison, a row per photo.

    Attributes:
        embeddings: (n, 512) float32, unit length where a face was found.
        found: (n,) whether one was.
    """

    embeddings: NDArray[np.float32]
    found: NDArray[np.bool_]

    def rows(self, indices: NDArray[np.integer]) -> "Side":
        """The photos at these places, in this order."""
        return Side(self.embeddings[indices], self.found[indices])

    def pooled(self, pools: PooledPhotos) -> "Side":
        """A row per set of photos; one without any face is not found."""
        seen = np.where(self.found[:, None], self.embeddings, np.float32(0))
        return Side(pools.vectors(seen), np.any(self.found[pools.photos], axis=1))


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 % confidence intervals of the figures of the same names.

    None where no bootstrap sample has both kinds of pairs, or the figure itself is None.
    """

    accuracy: Interval | None
    eer: Interval | None
    tar_at_far: Mapping[str, Interval | None]
    rank1: Interval | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What one comparison shows; rates are fractions.

    Attributes:
        n_genuine: Pairs of one person.
        n_impostor: Pairs of two people.
        accuracy: People: balanced, at the best threshold. Pairs: LFW's, over held-out folds.
        eer: Equal error rate.
        tar_at_far: By the name of the false-accept rate.
        threshold_at_far: The lowest similarity that keeps that rate.
        rank1: Closed set; None for pairs and where nobody has a second photo.
        dir_at_fpir: Open set, by the name of the false-positive identification rate.
        impostor_mean: Of similarities of different people; None if there are none.
        impostor_std: Their standard deviation.
        ci95: Their 95 % intervals, resampled by person.
    """

    n_genuine: int
    n_impostor: int
    accuracy: float
    eer: float
    tar_at_far: Mapping[str, float]
    threshold_at_far: Mapping[str, float]
    rank1: float | None
    dir_at_fpir: Mapping[str, float]
    impostor_mean: float | None
    impostor_std: float | None
    ci95: Intervals


@dataclass(frozen=True, slots=True)
class Comparison:
    """The figures, the similarities for plots, and what searches found (not for listed pairs)."""

    figures: Figures
    histogram: Histogram
    matches: BestMatches | None = None


def compare_people(
    gallery: Side, probes: Side, people: NDArray[np.integer], pooling: Pooling = ONE_BY_ONE
) -> Comparison:
    """Every probe against every template that has no photo in common with it.

    A photo without a face cannot be enrolled, so no template is made of it; as a probe it is a
    miss. Of a probe of several frames, those without a face do not count.

    Args:
        gallery: (n,) sharp photos.
        probes: (n,) the same photos, shrunk.
        people: (n,) the number of the person on each, from 0.
        pooling: How many photos templates and probes are made of.

    Raises:
        ValueError: No genuine or no impostor pair, or no template.
    """
    templates = pool_photos(people, pooling.template_photos, gallery.found)
    if not len(templates.owner):
        raise ValueError(f"nobody has {pooling.template_photos} for a template")
    frames = pool_photos(people, pooling.frames, from_last=True)
    references = gallery.pooled(templates).embeddings.T
    probes = probes.pooled(frames)
    groups, template_groups = person_groups(frames.owner), person_groups(templates.owner)
    counts = PairCounts(min(int(people.max()) + 1, MAX_GROUPS))
    best_genuine = np.full(len(frames.owner), NOT_COMPARABLE)
    best_impostor = np.full(len(frames.owner), NOT_COMPARABLE)
    rival = np.zeros(len(frames.owner), dtype=np.int64)
    has_mate = np.zeros(len(frames.owner), dtype=np.bool_)
    step = max(1, _PAIRS_PER_BLOCK // max(1, len(templates.owner)))
    for start in range(0, len(frames.owner), step):
        rows = np.arange(start, min(start + step, len(frames.owner)))
        similarities = probes.embeddings[rows] @ references
        similarities[~probes.found[rows]] = NOT_COMPARABLE
        pairs = templates.pairs(similarities, frames.rows(rows))
        genuine, impostor = pairs.genuine, pairs.impostor
        row_groups = np.broadcast_to(groups[rows, None], similarities.shape)
        column_groups = np.broadcast_to(template_groups, similarities.shape)
        counts.add_genuine(similarities[genuine], row_groups[genuine])
        counts.add_impostor(similarities[impostor], row_groups[impostor], column_groups[impostor])
        best_genuine[rows] = similarities.max(axis=1, initial=NOT_COMPARABLE, where=genuine)
        of_others = np.where(impostor, similarities, NOT_COMPARABLE)
        nearest = of_others.argmax(axis=1)
        best_impostor[rows] = of_others[np.arange(len(rows)), nearest]
        rival[rows] = templates.owner[nearest]
        has_mate[rows] = genuine.any(axis=1)
    figures = _figures(counts, list(counts.resampled()))
    searches = Searches(best_genuine[has_mate], best_impostor[has_mate])
    found = searches.found()
    weights = resampling_weights(counts.groups)[:, groups[has_mate]]
    figures = replace(
        figures,
        rank1=float(found.mean()),
        dir_at_fpir={
            name: float(searches.identified(rate).mean())
            for name, rate in FALSE_POSITIVE_IDENTIFICATION_RATES.items()
        },
        ci95=replace(figures.ci95, rank1=_interval(_weighted_means(found, weights))),
    )
    matches = BestMatches(frames.owner, has_mate, best_genuine, best_impostor, rival)
    return Comparison(figures, counts.histogram(), matches)


def compare_pairs(
    first: Side,
    second: Side,
    people: tuple[NDArray[np.integer], NDArray[np.integer]],
    folds: NDArray[np.integer],
) -> Comparison:
    """Listed pairs only.

    Args:
        first: (n,) the sharp photos.
        second: (n,) the probes.
        people: (n,) and (n,) the numbers of the people on them, from 0.
        folds: (n,) the pair's fold.

    Raises:
        ValueError: No genuine or no impostor pair.
    """
    similarities = np.einsum("nd,nd->n", first.embeddings, second.embeddings, dtype=np.float64)
    similarities[~(first.found & second.found)] = NOT_COMPARABLE
    genuine = people[0] == people[1]
    groups = person_groups(people[0]), person_groups(people[1])
    counts = PairCounts(min(int(max(people[0].max(), people[1].max())) + 1, MAX_GROUPS))
    counts.add_genuine(similarities[genuine], groups[0][genuine])
    counts.add_impostor(similarities[~genuine], groups[0][~genuine], groups[1][~genuine])
    right = fold_verdicts(similarities, genuine, folds)
    drawn = resampling_weights(counts.groups)
    weights = drawn[:, groups[0]] * np.where(genuine, 1.0, drawn[:, groups[1]])
    figures = _figures(counts, list(counts.resampled()))
    figures = replace(
        figures,
        accuracy=float(right.mean()),
        ci95=replace(figures.ci95, accuracy=_interval(_weighted_means(right, weights))),
    )
    return Comparison(figures, counts.histogram())


def _figures(counts: PairCounts, samples: Sequence[Roc]) -> Figures:
    """The figures that both protocols read from the counted pairs."""
    roc = counts.roc()
    moments = counts.impostor_mean_and_std()
    return Figures(
        n_genuine=counts.n_genuine,
        n_impostor=counts.n_impostor,
        accuracy=balanced_accuracy(roc),
        eer=equal_error_rate(roc),
        tar_at_far={name: tar_at_far(roc, far) for name, far in FALSE_ACCEPT_RATES.items()},
        threshold_at_far={
            name: threshold_at_far(roc, far) for name, far in FALSE_ACCEPT_RATES.items()
        },
        rank1=None,
        dir_at_fpir={},
        impostor_mean=moments and moments[0],
        impostor_std=moments and moments[1],
        ci95=Intervals(
            accuracy=_interval([balanced_accuracy(sample) for sample in samples]),
            eer=_interval([equal_error_rate(sample) for sample in samples]),
            tar_at_far={
                name: _interval([_tar_between_edges(sample, far) for sample in samples])
                for name, far in FALSE_ACCEPT_RATES.items()
            },
            rank1=None,
        ),
    )


def _tar_between_edges(sample: Roc, far: float) -> float:
    """TAR at FAR on the straight line between a sample's coarse thresholds.

    Going up to the next threshold instead, as `tar_at_far` must, would shift the interval.
    """
    return float(np.interp(far, sample.far[::-1], sample.tar[::-1]))


def _weighted_means(right: NDArray[np.bool_], weights: Doubles) -> list[float]:
    """The share of `right` (n,) in each sample of `weights` (samples, n) that draws any."""
    totals = weights.sum(axis=1)
    drawn = totals > 0
    means = (weights[drawn] @ right) / totals[drawn]
    return [float(mean) for mean in means]


def _interval(values: Sequence[float]) -> Interval | None:
    """The middle 95 % of a figure's bootstrap samples (percentile interval)."""
    if not values:
        return None
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
