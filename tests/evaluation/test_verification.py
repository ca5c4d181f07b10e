"""The figures against scikit-learn and brute force, and what must always hold of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score, roc_curve

from app.evaluation.verification import (
    NOT_COMPARABLE,
    Roc,
    Searches,
    balanced_accuracy,
    equal_error_rate,
    fold_verdicts,
    roc_from_counts,
    roc_from_scores,
    tar_at_far,
    threshold_at_far,
)

# Few different values, so that ties between and within both kinds are common.
cosines = hnp.arrays(
    np.float64, st.integers(1, 40), elements=st.integers(-10, 10).map(lambda n: n / 10)
)
rates = st.floats(0, 1)


def scores(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    genuine = np.clip(random.normal(0.5, 0.15, 3000), -1, 1)
    impostor = np.clip(random.normal(0.01, 0.08, 50_000), -1, 1)
    return genuine, impostor


def labelled(genuine: np.ndarray, impostor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels = np.concatenate((np.ones(len(genuine)), np.zeros(len(impostor))))
    return labels, np.concatenate((genuine, impostor))


def test_roc_equals_scikit_learns_when_scores_are_many() -> None:
    genuine, impostor = scores()
    roc = roc_from_scores(genuine, impostor)
    far, tar, thresholds = roc_curve(*labelled(genuine, impostor), drop_intermediate=False)
    # scikit-learn starts at "nothing is accepted", with an infinite threshold.
    np.testing.assert_array_equal(roc.far[::-1], far)
    np.testing.assert_array_equal(roc.tar[::-1], tar)
    np.testing.assert_array_equal(roc.thresholds[::-1][1:], thresholds[1:])
    area = np.trapezoid(roc.tar[::-1], roc.far[::-1])
    assert area == pytest.approx(roc_auc_score(*labelled(genuine, impostor)), abs=1e-12)


def test_equal_error_rate_equals_root_of_scikit_learns_curve_when_interpolated() -> None:
    genuine, impostor = scores()
    far, tar, _ = roc_curve(*labelled(genuine, impostor), drop_intermediate=False)
    rate = np.linspace(0, 1, 1_000_001)
    expected = rate[np.argmin(np.abs(rate - (1 - np.interp(rate, far, tar))))]
    assert equal_error_rate(roc_from_scores(genuine, impostor)) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("far", [0.0, 1e-4, 1e-3, 1e-2, 0.5, 1.0])
def test_tar_at_far_is_the_largest_allowed_when_all_thresholds_are_tried(far: float) -> None:
    genuine, impostor = (kind[:400] for kind in scores())
    candidates = [*genuine, *impostor, 2.0]
    allowed = [t for t in candidates if (impostor >= t).mean() <= far]
    roc = roc_from_scores(genuine, impostor)
    assert tar_at_far(roc, far) == max((genuine >= t).mean() for t in allowed)
    threshold = threshold_at_far(roc, far)
    assert (impostor >= threshold).mean() <= far
    assert (genuine >= threshold).mean() == tar_at_far(roc, far)


def test_balanced_accuracy_equals_brute_force_when_all_thresholds_are_tried() -> None:
    genuine, impostor = (kind[:300] for kind in scores(1))
    expected = max(
        ((genuine >= t).mean() + (impostor < t).mean()) / 2 for t in (*genuine, *impostor)
    )
    assert balanced_accuracy(roc_from_scores(genuine, impostor)) == pytest.approx(expected)


def test_figures_are_perfect_when_kinds_do_not_overlap() -> None:
    roc = roc_from_scores(np.array([0.5, 0.6]), np.array([0.1, 0.2]))
    assert equal_error_rate(roc) == 0
    assert balanced_accuracy(roc) == 1
    assert tar_at_far(roc, 0) == 1
    assert threshold_at_far(roc, 0) == 0.5


def test_figures_are_chance_when_kinds_are_the_same() -> None:
    same = np.linspace(-1, 1, 501)
    roc = roc_from_scores(same, same)
    assert equal_error_rate(roc) == pytest.approx(0.5, abs=1e-3)
    assert balanced_accuracy(roc) == 0.5
    assert tar_at_far(roc, 0.25) == pytest.approx(0.25, abs=2e-3)


def test_roc_from_counts_equals_roc_from_scores_when_scores_are_the_bins_edges() -> None:
    genuine, impostor = (np.round(kind, 2) for kind in scores())
    edges = np.round(np.linspace(-1.005, 1.005, 202), 3)
    counted = roc_from_counts(
        edges, np.histogram(genuine, edges)[0], np.histogram(impostor, edges)[0]
    )
    exact = roc_from_scores(genuine, impostor)
    np.testing.assert_allclose(counted.far, exact.far)
    np.testing.assert_allclose(counted.tar, exact.tar)


@pytest.mark.parametrize("kinds", [([], [0.1]), ([0.1], []), ([], [])])
def test_roc_is_refused_when_a_kind_is_missing(kinds: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="genuine"):
        roc_from_scores(np.array(kinds[0]), np.array(kinds[1]))
    edges = np.array([0.0, 0.5, 1.0])
    counts = [np.histogram(kind, edges)[0] for kind in kinds]
    with pytest.raises(ValueError, match="genuine"):
        roc_from_counts(edges, *counts)


@given(cosines, cosines)
def test_roc_stays_when_scores_are_transformed_monotonously(
    genuine: np.ndarray, impostor: np.ndarray
) -> None:
    before = roc_from_scores(genuine, impostor)
    after = roc_from_scores(np.exp(3 * genuine) - 7, np.exp(3 * impostor) - 7)
    np.testing.assert_array_equal(before.far, after.far)
    np.testing.assert_array_equal(before.tar, after.tar)


@given(cosines, cosines, rates, rates)
def test_tar_does_not_fall_when_far_rises(
    genuine: np.ndarray, impostor: np.ndarray, one: float, other: float
) -> None:
    roc = roc_from_scores(genuine, impostor)
    low, high = sorted((one, other))
    assert tar_at_far(roc, low) <= tar_at_far(roc, high)
    assert threshold_at_far(roc, low) >= threshold_at_far(roc, high)


@given(cosines, cosines)
def test_equal_error_rate_stays_when_kinds_and_signs_are_swapped(
    genuine: np.ndarray, impostor: np.ndarray
) -> None:
    there = equal_error_rate(roc_from_scores(genuine, impostor))
    back = equal_error_rate(roc_from_scores(-impostor, -genuine))
    assert there == pytest.approx(back, abs=1e-12)
    assert 0 <= there <= 1


@given(cosines, cosines)
def test_roc_runs_from_all_to_nothing_when_made_of_anything(
    genuine: np.ndarray, impostor: np.ndarray
) -> None:
    roc = roc_from_scores(genuine, impostor)
    assert isinstance(roc, Roc)
    assert (roc.far[0], roc.tar[0], roc.far[-1], roc.tar[-1]) == (1, 1, 0, 0)
    assert (np.diff(roc.far) <= 0).all()
    assert (np.diff(roc.tar) <= 0).all()
    assert (np.diff(roc.thresholds) > 0).all()


def test_fold_verdicts_equal_slow_rewrite_when_folds_are_ten() -> None:
    random = np.random.default_rng(3)
    genuine = np.tile(np.repeat([True, False], 15), 10)
    folds = np.repeat(np.arange(10), 30)
    similarities = np.where(genuine, random.normal(0.3, 0.2, 300), random.normal(0, 0.2, 300))
    right = fold_verdicts(similarities, genuine, folds)
    for fold in range(10):
        seen, held_out = folds != fold, folds == fold
        accuracies = {
            t: ((similarities[seen] >= t) == genuine[seen]).mean() for t in similarities[seen]
        }
        best = [t for t, accuracy in accuracies.items() if accuracy == max(accuracies.values())]
        possible = [
            ((similarities[held_out] >= t) == genuine[held_out]).mean()
            for t in np.linspace(min(best) - 0.02, max(best), 200)
        ]
        assert min(possible) <= right[held_out].mean() <= max(possible)


def test_fold_verdict_ignores_its_own_fold_when_that_one_is_inverted() -> None:
    similarities = np.array([0.9, 0.1] * 9 + [0.1, 0.9])
    genuine = np.array([True, False] * 10)
    right = fold_verdicts(similarities, genuine, np.repeat(np.arange(10), 2))
    assert right.tolist() == [True] * 18 + [False] * 2


def test_searches_equal_brute_force_when_strangers_are_searched() -> None:
    random = np.random.default_rng(4)
    searches = Searches(random.normal(0.4, 0.1, 500), random.normal(0.25, 0.05, 500))
    threshold = searches.threshold_at_fpir(0.01)
    assert np.count_nonzero(searches.best_impostor >= threshold) == 5
    expected = sum(
        own > other and own >= threshold
        for own, other in zip(searches.best_genuine, searches.best_impostor, strict=True)
    )
    assert searches.identified(0.01).sum() == expected
    assert searches.identified(1.0).tolist() == searches.found().tolist()


def test_search_is_lost_when_own_person_only_ties_or_was_not_found() -> None:
    searches = Searches(np.array([0.5, NOT_COMPARABLE]), np.array([0.5, NOT_COMPARABLE]))
    assert not searches.found().any()
