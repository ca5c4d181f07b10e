"""Strangers by whom thresholds follow each probe."""

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from app.errors import BundleError
from app.vision.cohort import Cohort, pack_cohort, read_cohort
from app.vision.scaling import Floats

_MOST_IN_A_MEAN = 1 / 10


def _people(count: int, seed: int = 0) -> Floats:
    """(count, 512) strangers who have nothing in common."""
    vectors = np.random.default_rng(seed).normal(size=(count, 512)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_face_is_as_alike_as_the_fortieth_part_that_it_resembles_most() -> None:
    cohort = Cohort(np.eye(80, 512, dtype=np.float32))
    probe = np.zeros(512, np.float32)
    probe[:4] = 0.1, 0.7, 0.5, 0.5
    assert cohort.likeness(probe) == pytest.approx(0.6)
    both = cohort.likeness(np.stack([probe, -probe]))
    assert both.shape == (2,)
    assert both.tolist() == pytest.approx([0.6, 0.0], abs=1e-6)


def test_likeness_is_nearly_that_of_the_strangers_themselves_when_means_are_published() -> None:
    rng = np.random.default_rng(1)
    kinds = _people(25, 2)
    strangers = kinds[rng.integers(25, size=2000)] + 0.8 * _people(2000, 3)
    strangers /= np.linalg.norm(strangers, axis=1, keepdims=True)
    probes = kinds[:12] + np.linspace(0, 3, 12, dtype=np.float32)[:, None] * _people(12, 4)
    probes /= np.linalg.norm(probes, axis=1, keepdims=True)
    of_people = Cohort(strangers).likeness(probes)
    of_means = read_cohort(pack_cohort(strangers)).likeness(probes)
    assert np.corrcoef(of_people, of_means)[0, 1] > 0.95


def test_nobody_can_be_found_in_a_mean_even_when_somebody_is_like_no_other() -> None:
    crowd = np.tile(_people(1), (60, 1)) + 0.3 * _people(60, 1)
    crowd /= np.linalg.norm(crowd, axis=1, keepdims=True)
    alone = np.zeros((3, 512), np.float32)
    alone[[0, 1, 2], [0, 1, 2]] = 1
    strangers = np.concatenate([crowd - crowd * (np.arange(512) < 3), alone]).astype(np.float32)
    means = safetensors.numpy.load(pack_cohort(strangers))["means"].astype(np.float32)
    assert means[:, :3].max() <= _MOST_IN_A_MEAN + 1e-3


def test_cohort_is_the_same_file_when_it_is_made_again() -> None:
    assert pack_cohort(_people(300)) == pack_cohort(_people(300))


def test_too_few_strangers_are_refused() -> None:
    with pytest.raises(BundleError, match="at least 10"):
        pack_cohort(_people(9))
    assert len(safetensors.numpy.load(pack_cohort(_people(10)))["means"]) == 1


def _file(means: NDArray[np.generic]) -> bytes:
    return safetensors.numpy.save({"means": means})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no tensors", "no means"),
        (safetensors.numpy.save({"other": np.zeros((2, 512), np.float16)}), "no means"),
        (_file(np.zeros((2, 128), np.float16)), r"\(2, 128\)"),
        (_file(np.zeros((0, 512), np.float16)), r"\(0, 512\)"),
        (_file(np.zeros((10_001, 512), np.float16)), "1 to 10000"),
        (_file(np.zeros((2, 512), np.int32)), "int32"),
        (_file(np.full((2, 512), np.nan, np.float16)), "no means"),
        (_file(np.full((2, 512), 1.0, np.float16)), "no means"),
    ],
)
def test_file_is_refused_when_it_is_no_cohort(content: bytes, reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        read_cohort(content)
