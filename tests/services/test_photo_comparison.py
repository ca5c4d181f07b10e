"""The rule that tells outliers, on vectors made to measure."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.services.photo_comparison import outliers

_LIMIT = 0.2
_GENUINE = 0.6


def _photos(persons: list[int], seed: int = 0) -> NDArray[np.float32]:
    """Embeddings: of one person about 0.6 similar, of two persons about 0, as in real photos."""
    random = np.random.default_rng(seed)

    def directions(count: int) -> NDArray[np.float32]:
        return _of_unit_length(random.standard_normal((count, 512)))

    persons_own = directions(max(persons) + 1)[persons]
    photos_own = directions(len(persons))
    mixed = np.sqrt(_GENUINE) * persons_own + np.sqrt(1 - _GENUINE) * photos_own
    return _of_unit_length(mixed)


def _of_unit_length(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize(
    ("persons", "expected"),
    [
        ([0, 0, 0], []),
        ([0, 0, 0, 1], [3]),
        ([1, 0, 0, 0], [0]),
        ([0, 0, 0, 1, 1], [3, 4]),
        ([0, 0, 0, 1, 2], [3, 4]),
        ([0, 0, 1, 1], [0, 1, 2, 3]),
        ([0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 4, 5]),
        ([0, 1, 2], [0, 1, 2]),
        ([0, 1], [0, 1]),
        ([0], []),
    ],
)
def test_minority_is_rejected_and_everybody_when_there_is_no_majority(
    persons: list[int], expected: list[int]
) -> None:
    assert outliers(_photos(persons), _LIMIT) == expected


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 100))
def test_one_person_alone_is_kept_when_photos_are_of_any_persons(
    persons: list[int], seed: int
) -> None:
    embeddings = _photos(persons, seed)
    rejected = outliers(embeddings, _LIMIT)
    kept = [index for index in range(len(persons)) if index not in rejected]
    assert len({persons[index] for index in kept}) <= 1
    counts = [persons.count(person) for person in set(persons)]
    majority = max(counts)
    assert len(kept) == (majority if 2 * majority > len(persons) else 0)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=8), st.randoms())
def test_order_of_photos_does_not_matter(persons: list[int], random: Random) -> None:
    embeddings = _photos(persons)
    order = list(range(len(persons)))
    random.shuffle(order)
    rejected = outliers(embeddings[order], _LIMIT)
    assert sorted(order[index] for index in rejected) == outliers(embeddings, _LIMIT)
