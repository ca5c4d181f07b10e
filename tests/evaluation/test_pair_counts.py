"""Counting in blocks against holding everything at once."""

import numpy as np
import pytest

from app.evaluation.pair_counts import MAX_GROUPS, PairCounts, person_groups, resampling_weights
from app.evaluation.verification import (
    NOT_COMPARABLE,
    equal_error_rate,
    roc_from_scores,
    tar_at_far,
    threshold_at_far,
)


def counted(genuine: np.ndarray, impostor: np.ndarray) -> PairCounts:
    counts = PairCounts(1)
    for part in np.array_split(genuine, 3):
        counts.add_genuine(part, np.zeros(len(part), dtype=np.int64))
    for part in np.array_split(impostor, 7):
        zeros = np.zeros(len(part), dtype=np.int64)
        counts.add_impostor(part, zeros, zeros)
    return counts


def test_figures_equal_the_exact_ones_when_counted_in_blocks() -> None:
    random = np.random.default_rng(0)
    genuine = np.clip(random.normal(0.3, 0.15, 20_000), -1, 1).astype(np.float32)
    impostor = np.clip(random.normal(0, 0.08, 200_000), -1, 1).astype(np.float32)
    exact, counts = roc_from_scores(genuine, impostor), counted(genuine, impostor)
    roc = counts.roc()
    for far in (1e-2, 1e-3, 1e-4):
        assert tar_at_far(roc, far) == pytest.approx(tar_at_far(exact, far), abs=1e-4)
        assert threshold_at_far(roc, far) == pytest.approx(threshold_at_far(exact, far), abs=2e-6)
        accepted = impostor.astype(np.float64) >= threshold_at_far(roc, far)
        assert accepted.mean() <= far
    assert equal_error_rate(roc) == pytest.approx(equal_error_rate(exact), abs=1e-4)
    moments = counts.impostor_mean_and_std()
    assert moments == pytest.approx((impostor.mean(dtype=np.float64), impostor.std()), abs=1e-6)
    assert (counts.n_genuine, counts.n_impostor) == (20_000, 200_000)


def test_every_similarity_is_counted_when_it_lies_on_the_border() -> None:
    beyond = float(np.nextafter(np.float32(1), np.float32(2)))
    counts = counted(np.array([1.0, beyond, -1.0]), np.array([NOT_COMPARABLE, -1.0, 1.0]))
    histogram = counts.histogram()
    assert histogram.genuine.sum() == histogram.impostor.sum() == 3
    assert histogram.impostor[0] == 2
    assert tar_at_far(counts.roc(), 0.34) == pytest.approx(2 / 3)


def test_mean_leaves_out_pairs_when_a_face_was_not_found() -> None:
    counts = counted(np.array([0.5]), np.array([NOT_COMPARABLE, 0.1, 0.3]))
    assert counts.impostor_mean_and_std() == pytest.approx((0.2, 0.1))
    assert counted(np.array([0.5]), np.array([NOT_COMPARABLE])).impostor_mean_and_std() is None


def test_resampled_rocs_equal_repeated_pairs_when_people_are_drawn() -> None:
    random = np.random.default_rng(1)
    people = np.repeat(np.arange(4), 5)
    first, second = np.triu_indices(len(people), 1)
    # Multiples of the coarse bins' width: binning then changes nothing.
    similarities = np.floor(random.uniform(-0.5, 0.9, len(first)) * 1024) / 1024
    genuine = people[first] == people[second]
    counts = PairCounts(4)
    counts.add_genuine(similarities[genuine], people[first[genuine]])
    counts.add_impostor(similarities[~genuine], people[first[~genuine]], people[second[~genuine]])
    drawn = resampling_weights(4).astype(int)
    # A sample of one person alone has no impostor pairs.
    usable = [weights for weights in drawn if np.count_nonzero(weights) > 1]
    samples = list(counts.resampled())
    assert len(samples) == len(usable) < len(drawn)
    for sample, weights in list(zip(samples, usable, strict=True))[:50]:
        times = weights[people[first]] * np.where(genuine, 1, weights[people[second]])
        repeated = np.repeat(similarities, times), np.repeat(genuine, times)
        expected = roc_from_scores(repeated[0][repeated[1]], repeated[0][~repeated[1]])
        for far in (0.01, 0.1):
            assert tar_at_far(sample, far) == pytest.approx(tar_at_far(expected, far))
        assert equal_error_rate(sample) == pytest.approx(equal_error_rate(expected))


def test_weights_draw_as_many_as_there_are_when_resampled() -> None:
    weights = resampling_weights(40)
    assert weights.shape == (1000, 40)
    assert (weights.sum(axis=1) == 40).all()
    np.testing.assert_array_equal(weights, resampling_weights(40))


def test_people_share_groups_when_there_are_more_than_fit() -> None:
    groups = person_groups(np.arange(1000))
    assert len(np.unique(groups)) == MAX_GROUPS
    assert np.bincount(groups).min() >= 1000 // MAX_GROUPS
