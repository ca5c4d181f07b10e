"""Photos of one person averaged: which ones, and what is compared with what."""

import numpy as np
import pytest

from app.errors import EvaluationError
from app.evaluation.comparison import Side, compare_people
from app.evaluation.pooled import Pooling, pool_photos

PEOPLE = np.array([0, 0, 0, 0, 1, 1, 1, 2])


def embeddings(people: np.ndarray, noise: float) -> np.ndarray:
    """Of unit length, around a centre per person."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(people.max() + 1, 512))
    raw = centres[people] + random.normal(size=(len(people), 512)) * noise
    unit: np.ndarray = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_probe_is_not_compared_with_a_template_that_it_is_in() -> None:
    templates = pool_photos(PEOPLE, 3)
    assert templates.owner.tolist() == [0, 1]
    assert templates.photos.tolist() == [[0, 1, 2], [4, 5, 6]]
    found = templates.pairs(np.zeros((8, 2), np.float32), pool_photos(PEOPLE, 1))
    assert np.argwhere(found.genuine).tolist() == [[3, 0]]
    assert found.impostor.sum() == 4 + 5


def test_template_is_the_mean_of_unit_length_when_photos_are_pooled() -> None:
    vectors = pool_photos(PEOPLE, 3).vectors(np.eye(8, 512, dtype=np.float32))
    expected = np.zeros(512)
    expected[:3] = 3**-0.5
    np.testing.assert_allclose(vectors[0], expected, atol=1e-6)
    assert pool_photos(PEOPLE, 5).vectors(np.eye(8, 512, dtype=np.float32)).shape == (0, 512)


def test_order_stays_when_every_photo_stands_for_itself() -> None:
    people = np.array([3, 1, 3, 2, 1])
    alone = pool_photos(people, 1)
    assert alone.owner.tolist() == people.tolist()
    vectors = embeddings(people, 1)
    np.testing.assert_array_equal(alone.vectors(vectors), vectors)


def test_first_photos_are_left_over_when_taken_from_the_last() -> None:
    assert pool_photos(PEOPLE, 3, from_last=True).photos.tolist() == [[1, 2, 3], [4, 5, 6]]
    usable = np.array([True, False, True, True, True, True, False, True])
    assert pool_photos(PEOPLE, 2, usable).photos.tolist() == [[0, 2], [4, 5]]


@pytest.mark.parametrize(("template_photos", "frames"), [(3, 1), (1, 2), (3, 2), (2, 3)])
def test_figures_equal_those_of_all_pairs_counted_one_by_one(
    template_photos: int, frames: int
) -> None:
    people = np.repeat(np.arange(6), 5)
    gallery, probes = embeddings(people, 2), embeddings(people, 3)
    found = np.ones(30, dtype=np.bool_)
    pooling = Pooling(template_photos, frames)
    figures = compare_people(Side(gallery, found), Side(probes, found), people, pooling).figures

    genuine, impostor = [], []
    for owner in range(6):
        last = list(range(5 * owner, 5 * owner + 5))
        for start in range(5 % frames, 5, frames):
            own = last[start : start + frames]
            probe = probes[own].sum(axis=0) / np.linalg.norm(probes[own].sum(axis=0))
            for other in range(6):
                rows = list(range(5 * other, 5 * other + 5))
                for first in range(0, 5 - template_photos + 1, template_photos):
                    chosen = rows[first : first + template_photos]
                    mean = gallery[chosen].sum(axis=0)
                    similarity = float(probe @ mean / np.linalg.norm(mean))
                    if other != owner:
                        impostor.append(similarity)
                    elif not set(chosen) & set(own):
                        genuine.append(similarity)
    assert (figures.n_genuine, figures.n_impostor) == (len(genuine), len(impostor))
    assert figures.n_genuine > 0
    assert figures.impostor_mean == pytest.approx(np.mean(impostor), abs=1e-5)
    threshold = figures.threshold_at_far["1e-2"]
    assert figures.tar_at_far["1e-2"] == np.mean(np.array(genuine) >= threshold)


def test_probe_is_a_miss_when_none_of_its_frames_has_a_face() -> None:
    people = np.repeat(np.arange(4), 4)
    vectors, everywhere = embeddings(people, 0.5), np.ones(16, dtype=np.bool_)
    seen = everywhere.copy()
    seen[[2, 6, 7]] = False  # one frame of the first person, both of the second
    blank = np.where(seen[:, None], vectors, np.float32(0))
    gallery, probes = Side(vectors, everywhere), Side(blank, seen)
    comparison = compare_people(gallery, probes, people, Pooling(2, 2))
    assert comparison.figures.n_genuine == 8
    assert comparison.figures.tar_at_far["1e-2"] == 7 / 8
    assert comparison.matches is not None
    assert comparison.matches.owner.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert (comparison.matches.genuine < -1).tolist() == [False] * 3 + [True] + [False] * 4


def test_no_template_is_made_of_photos_without_a_face() -> None:
    people = np.repeat(np.arange(3), 4)
    vectors, found = embeddings(people, 0.5), np.ones(12, dtype=np.bool_)
    found[:2] = False
    probes = Side(vectors, np.ones(12, dtype=np.bool_))
    figures = compare_people(Side(vectors, found), probes, people, Pooling(3, 1)).figures
    # The other two have one template each, and one photo that is not in it.
    assert (figures.n_genuine, figures.n_impostor) == (2, 4 * 2 + 2 * 4)
    with pytest.raises(ValueError, match="nobody has 3"):
        compare_people(Side(vectors, ~found), probes, people, Pooling(3, 1))


@pytest.mark.parametrize("pooling", [Pooling(4, 1), Pooling(3, 2), Pooling(1, 4)])
def test_refused_when_nobody_has_enough_photos(pooling: Pooling) -> None:
    with pytest.raises(EvaluationError, match="5 photos, and nobody has more than 4"):
        pooling.check(PEOPLE)


@pytest.mark.parametrize("pooling", [Pooling(3, 1), Pooling(1, 3), Pooling(2, 2)])
def test_somebody_with_just_enough_photos_has_a_pair(pooling: Pooling) -> None:
    pooling.check(PEOPLE)
    vectors, found = embeddings(PEOPLE, 0.5), np.ones(8, dtype=np.bool_)
    assert compare_people(Side(vectors, found), Side(vectors, found), PEOPLE, pooling).figures
