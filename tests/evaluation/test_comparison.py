"""Blocked comparison against the plain one, on embeddings made up for the purpose."""

import numpy as np
import pytest

from app.evaluation import comparison
from app.evaluation.comparison import Side, compare_pairs, compare_people
from app.evaluation.verification import (
    FALSE_ACCEPT_RATES,
    equal_error_rate,
    roc_from_scores,
    tar_at_far,
)

PEOPLE = np.repeat(np.arange(12), 5)


def side(people: np.ndarray, noise: float, seed: int) -> Side:
    """Embeddings that scatter around a centre per person."""
    centres = np.random.default_rng(0).normal(size=(people.max() + 1, 512))
    raw = centres[people] + np.random.default_rng(seed).normal(size=(len(people), 512)) * noise
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return Side(unit.astype(np.float32), np.ones(len(people), dtype=np.bool_))


@pytest.mark.parametrize("pairs_per_block", [1, 200, 1_000_000])
def test_people_figures_equal_brute_force_when_compared_in_blocks(
    monkeypatch: pytest.MonkeyPatch, pairs_per_block: int
) -> None:
    monkeypatch.setattr(comparison, "_PAIRS_PER_BLOCK", pairs_per_block)
    gallery, probes = side(PEOPLE, 2.5, 1), side(PEOPLE, 5, 2)
    figures = compare_people(gallery, probes, PEOPLE).figures

    similarities = (probes.embeddings @ gallery.embeddings.T).astype(np.float64)
    same = PEOPLE[:, None] == PEOPLE
    own = np.eye(len(PEOPLE), dtype=np.bool_)
    roc = roc_from_scores(similarities[same & ~own], similarities[~same])
    assert figures.n_genuine == (same & ~own).sum() == 240
    assert figures.n_impostor == (~same).sum() == 3300
    for name, far in FALSE_ACCEPT_RATES.items():
        assert figures.tar_at_far[name] == pytest.approx(tar_at_far(roc, far), abs=1e-9)
    assert figures.eer == pytest.approx(equal_error_rate(roc), abs=1e-4)
    assert figures.impostor_mean == pytest.approx(similarities[~same].mean(), abs=1e-6)
    assert figures.impostor_std == pytest.approx(similarities[~same].std(), abs=1e-6)
    nearest = np.where(own, -2, similarities).argmax(axis=1)
    assert figures.rank1 == (PEOPLE[nearest] == PEOPLE).mean()
    assert figures.rank1 not in {0, 1}


def test_photo_never_meets_itself_when_it_is_its_own_only_likeness() -> None:
    # Every photo equals itself and nothing else: comparing it with itself would look perfect.
    unit = Side(np.eye(512, dtype=np.float32)[:8], np.ones(8, dtype=np.bool_))
    figures = compare_people(unit, unit, np.repeat(np.arange(4), 2)).figures
    assert figures.tar_at_far["1e-3"] == 0
    assert figures.rank1 == 0


def test_missing_probe_is_a_miss_when_its_face_was_lost() -> None:
    gallery, probes = side(PEOPLE, 0.1, 1), side(PEOPLE, 0.1, 2)
    assert compare_people(gallery, probes, PEOPLE).figures.tar_at_far["1e-3"] == 1
    probes.found[:6] = False
    figures = compare_people(gallery, probes, PEOPLE).figures
    assert figures.n_genuine == 240
    assert figures.tar_at_far["1e-3"] == pytest.approx(1 - 6 / 60)
    assert figures.rank1 == pytest.approx(1 - 6 / 60)
    assert figures.impostor_mean == pytest.approx(0, abs=0.1)


def test_missing_gallery_photo_is_left_out_when_it_cannot_be_enrolled() -> None:
    gallery, probes = side(PEOPLE, 0.1, 1), side(PEOPLE, 0.1, 2)
    gallery.found[0] = False
    figures = compare_people(gallery, probes, PEOPLE).figures
    assert figures.n_genuine == 240 - 4
    assert figures.n_impostor == 3300 - 55
    assert figures.tar_at_far["1e-3"] == 1


def test_person_with_one_photo_counts_as_impostor_only_when_compared() -> None:
    people = np.array([0, 0, 1])
    figures = compare_people(side(people, 0.1, 1), side(people, 0.1, 2), people).figures
    assert (figures.n_genuine, figures.n_impostor) == (2, 4)
    assert figures.rank1 == 1


@pytest.mark.parametrize("people", [[0, 0, 0], [0, 1, 2]])
def test_comparison_is_refused_when_a_kind_of_pair_is_missing(people: list[int]) -> None:
    numbers = np.array(people)
    with pytest.raises(ValueError, match="genuine and impostor"):
        compare_people(side(numbers, 1, 1), side(numbers, 1, 2), numbers)


def test_intervals_hold_the_figures_and_narrow_when_people_are_more() -> None:
    widths = []
    for n_people in (12, 60):
        people = np.repeat(np.arange(n_people), 5)
        figures = compare_people(side(people, 3, 1), side(people, 5, 2), people).figures
        intervals = figures.ci95
        checked = {
            figures.eer: intervals.eer,
            figures.accuracy: intervals.accuracy,
            figures.rank1: intervals.rank1,
            figures.tar_at_far["1e-2"]: intervals.tar_at_far["1e-2"],
        }
        for figure, interval in checked.items():
            assert interval is not None
            assert figure is not None
            # Coarse bins may move an end by their width.
            assert interval[0] - 2e-3 <= figure <= interval[1] + 2e-3
        tar = intervals.tar_at_far["1e-2"]
        assert tar is not None
        widths.append(tar[1] - tar[0])
    assert widths[1] < widths[0]


def test_pairs_figures_equal_brute_force_when_listed() -> None:
    random = np.random.default_rng(5)
    first = random.integers(0, 60, 600)
    second = np.where(np.arange(600) % 2, first // 5 * 5 + (first + 1) % 5, (first + 5) % 60)
    gallery, probes = side(PEOPLE, 2.5, 1), side(PEOPLE, 5, 2)
    probes.found[0] = False
    figures = compare_pairs(
        gallery.rows(first),
        probes.rows(second),
        (PEOPLE[first], PEOPLE[second]),
        np.repeat(np.arange(10), 60),
    ).figures
    similarities = (gallery.embeddings[first] * probes.embeddings[second]).sum(axis=1)
    similarities[second == 0] = -2
    genuine = np.arange(600) % 2 == 1
    roc = roc_from_scores(similarities[genuine], similarities[~genuine])
    assert (figures.n_genuine, figures.n_impostor) == (300, 300)
    assert figures.tar_at_far["1e-2"] == pytest.approx(tar_at_far(roc, 1e-2), abs=1e-9)
    assert figures.eer == pytest.approx(equal_error_rate(roc), abs=1e-4)
    assert figures.rank1 is None
    assert figures.ci95.rank1 is None
    interval = figures.ci95.accuracy
    assert interval is not None
    assert interval[0] < figures.accuracy < interval[1]
