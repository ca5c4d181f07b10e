"""Thresholds from enrolled people: the rate they keep on others, and mislabelled photos."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.evaluation.calibration import (
    Proposal,
    Tail,
    find_mislabelled,
    propose,
    smallest_supported,
)
from app.evaluation.leave_one_out import LeaveOneOut, templates_of
from app.vision.scaling import Floats

SAME_PERSON = 0.5


def crowd(users: int, photos: int, seed: int = 0) -> tuple[NDArray[np.intp], Floats]:
    """Numbers of users and embeddings; strangers spread as those of a trained network do."""
    random = np.random.default_rng(seed)
    people = np.repeat(np.arange(users), photos)
    centres = random.normal(size=(users, 128))
    drawn = np.zeros((len(people), 512))
    drawn[:, :128] = centres[people] + 0.8 * random.normal(size=(len(people), 128))
    lengths = np.linalg.norm(drawn, axis=1, keepdims=True)
    return people, np.asarray(drawn / lengths, dtype=np.float32)


def proposed(compared: LeaveOneOut, rate: float) -> Proposal:
    proposal = propose(compared, rate)
    assert proposal is not None
    return proposal


def test_photos_are_compared_as_one_by_one() -> None:
    people, embeddings = crowd(4, 3)
    people, embeddings = np.append(people, 9), np.append(embeddings, embeddings[:1], axis=0)
    compared = LeaveOneOut.of(people, embeddings)
    assert compared.n_photos.tolist() == [3, 3, 3, 3, 1]
    assert np.isnan(compared.genuine).tolist() == [False] * 12 + [True]
    others = embeddings[1:3].mean(axis=0)
    assert compared.genuine[0] == pytest.approx(
        embeddings[0] @ others / np.linalg.norm(others), abs=1e-6
    )
    templates = templates_of(people, embeddings)
    np.testing.assert_allclose(compared.similarity, embeddings @ templates.T, atol=1e-6)
    assert compared.impostor.shape == (13 * 4,)
    some = LeaveOneOut.of(people, embeddings, embeddings[[5, 0]], np.array([5, 0]))
    np.testing.assert_allclose(some.similarity, compared.similarity[[5, 0]], atol=1e-6)
    np.testing.assert_allclose(some.genuine, compared.genuine[[5, 0]], atol=1e-6)


def test_tail_is_that_of_an_exponential() -> None:
    values = np.random.default_rng(0).exponential(0.04, size=200_000)
    tail = Tail.of(values)
    assert tail is not None
    assert tail.scale == pytest.approx(0.04, rel=0.05)
    assert tail.similarity(1e-4) == pytest.approx(-0.04 * np.log(1e-4), rel=0.05)
    assert Tail.of(values[:10]) is None


@pytest.mark.parametrize("rate", [1e-2, 1e-3])
def test_rate_is_kept_within_a_factor_of_two_on_other_people(rate: float) -> None:
    proposal = proposed(LeaveOneOut.of(*crowd(60, 5)), rate)
    assert proposal.supported
    low, high = proposal.factors
    assert low < 1 < high
    rates = [
        (LeaveOneOut.of(*crowd(200, 5, seed)).impostor >= proposal.similarity).mean()
        for seed in (1, 2)
    ]
    assert all(rate / 2 <= found <= rate * 2 for found in rates)


def test_fewer_people_support_less() -> None:
    many, few = (LeaveOneOut.of(*crowd(users, 3)) for users in (60, 8))
    assert proposed(few, 1e-3).factors[1] > proposed(many, 1e-3).factors[1]
    assert not proposed(few, 1e-3).supported
    # Not below one comparison, however smooth the tail is.
    assert not proposed(many, 1e-5).supported
    least = smallest_supported(many)
    assert least is not None
    assert proposed(many, least).supported
    assert propose(LeaveOneOut.of(*crowd(2, 2)), 1e-2) is None
    assert smallest_supported(LeaveOneOut.of(*crowd(2, 2))) is None


def test_nobody_is_named_when_labels_are_right() -> None:
    for seed in range(10):
        assert find_mislabelled(LeaveOneOut.of(*crowd(30, 3, seed)), SAME_PERSON) == []


@pytest.mark.parametrize("users", [2, 30])
def test_exchanged_photos_are_named_both_ways(users: int) -> None:
    people, embeddings = crowd(users, 4)
    embeddings[[0, 5]] = embeddings[[5, 0]]
    found = find_mislabelled(LeaveOneOut.of(people, embeddings), SAME_PERSON)
    assert {(photo.row, photo.looks_like) for photo in found} == {(0, 1), (5, 0)}
    assert all(photo.own < photo.other for photo in found)


def test_photo_like_nobody_is_not_named() -> None:
    people, embeddings = crowd(30, 4)
    embeddings[0] = 0
    embeddings[0, 500] = 1
    assert find_mislabelled(LeaveOneOut.of(people, embeddings), SAME_PERSON) == []


def test_one_user_or_single_photos_name_nobody() -> None:
    assert find_mislabelled(LeaveOneOut.of(*crowd(1, 3)), SAME_PERSON) == []
    assert find_mislabelled(LeaveOneOut.of(*crowd(5, 1)), SAME_PERSON) == []
