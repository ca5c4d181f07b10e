"""All pairs at once against the streaming comparison that `evaluate` makes of them."""

import numpy as np
import pytest

from app.evaluation.all_pairs import AllPairs
from app.evaluation.comparison import Side, compare_people

PEOPLE = np.repeat(np.arange(12), 5)


def photos(noise: float, seed: int) -> np.ndarray:
    """Embeddings that scatter around a centre per person."""
    centres = np.random.default_rng(0).normal(size=(12, 512))
    raw = centres[PEOPLE] + np.random.default_rng(seed).normal(size=(60, 512)) * noise
    unit: np.ndarray = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_metrics_equal_those_of_evaluate_when_photos_are_compared_with_each_other() -> None:
    gallery, probes = photos(2.5, 1), photos(5, 2)
    found = AllPairs.among(probes @ gallery.T, PEOPLE).metrics(24)
    all_found = np.ones(60, dtype=np.bool_)
    expected = compare_people(Side(gallery, all_found), Side(probes, all_found), PEOPLE).figures
    assert (found.size, found.n_genuine, found.n_impostor) == ("24", 240, 3300)
    assert found.rank1 == expected.rank1
    assert 0 < found.rank1 < 1
    assert found.tar_at_far == pytest.approx(dict(expected.tar_at_far), abs=1e-9)
    assert found.eer == pytest.approx(expected.eer, abs=1e-4)
    assert found.impostor_mean == pytest.approx(expected.impostor_mean, abs=1e-6)


def test_photo_never_meets_itself_when_it_is_on_both_sides() -> None:
    # Photos 1 and 2 are of one person; 1 is on both sides.
    similarity = np.array([[1.0, 0.2, 0.3]], dtype=np.float32)
    people = np.array([7]), np.array([7, 7, 8])
    numbers = np.array([1]), np.array([1, 2, 3])
    pairs = AllPairs.of(similarity, people, numbers)
    assert pairs.genuine.tolist() == [[False, True, False]]
    assert pairs.impostor.tolist() == [[False, False, True]]
    assert pairs.rank1() == 0
