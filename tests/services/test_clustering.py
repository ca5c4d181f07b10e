"""Which faces of strangers come together."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.services.clustering import clusters_of

_FAR = 0.3


def _people(similarities: list[float], per_person: int, noise: float) -> NDArray[np.float32]:
    """Embeddings of some people, one after the other: each person's around a direction."""
    generator = np.random.default_rng(0)
    directions = generator.normal(size=(len(similarities), 512))
    directions += np.sqrt(similarities)[:, None] * generator.normal(size=512)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    faces = np.repeat(directions, per_person, axis=0)
    faces += noise * generator.normal(size=faces.shape) / np.sqrt(512)
    unit = faces / np.linalg.norm(faces, axis=1, keepdims=True)
    return np.asarray(unit, dtype=np.float32)


def test_each_person_is_a_cluster_when_people_are_far_apart() -> None:
    faces = _people([0.0] * 20, per_person=6, noise=1.0)
    mixed = np.random.default_rng(1).permutation(len(faces))
    found = clusters_of(faces[mixed], [_FAR] * len(faces))
    assert sorted(sorted(int(mixed[at]) for at in cluster) for cluster in found) == [
        list(range(first, first + 6)) for first in range(0, 120, 6)
    ]
    assert all(cluster == sorted(cluster) for cluster in found)


def test_strangers_are_not_chained_together_when_one_is_between_two() -> None:
    left, right = np.eye(2, 512, dtype=np.float32)
    between = (left + right) / np.sqrt(2, dtype=np.float32)
    faces = np.stack([left, left, left, between, right, right, right])
    assert clusters_of(faces, [0.6] * 7) == [[0, 1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(("strict", "count"), [(0.4, 1), (0.6, 2)])
def test_stricter_threshold_of_the_two_decides_when_sizes_differ(strict: float, count: int) -> None:
    first = np.eye(1, 512, dtype=np.float32)[0]
    second = np.zeros(512, np.float32)
    second[:2] = 0.5, np.sqrt(0.75)
    faces = np.stack([first, second])
    for thresholds in ([0.3, strict], [strict, 0.3]):
        assert len(clusters_of(faces, thresholds)) == count


def test_there_is_no_cluster_when_there_is_no_face() -> None:
    assert clusters_of(np.empty((0, 512), np.float32), []) == []
