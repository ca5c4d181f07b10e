"""What two bundles make of enrolled people, made up and real."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.errors import BundleError
from app.evaluation.enrolled import EnrolledPhotos
from app.evaluation.gate import EnrolledFigures, GateReport, judge_enrolled
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder
from app.vision.manifest import Manifest, read_manifest
from app.vision.scaling import Floats
from app.vision.torch_networks import TorchNetworks
from tests.changed import changed
from tests.conftest import MakeCrops

SHIPPED = Path(__file__).parents[2] / "weights" / "farsight-xxs"
MAX_LOSS = 0.01
FAR = 1e-3


def manifest(**impostor_std: float) -> Manifest:
    """The shipped bundle's, with other figures: impostor mean 0.02, and a deviation per size."""
    shipped = read_manifest(SHIPPED)
    like = msgspec.structs.replace(shipped.metrics[0], impostor_mean=0.02)
    metrics = tuple(
        msgspec.structs.replace(like, size=size, impostor_std=std)
        for size, std in impostor_std.items()
    )
    return msgspec.structs.replace(shipped, metrics=metrics)


def unit(vectors: NDArray[np.floating]) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float32)


def crowd(
    users: int, photos: int, seed: int = 0, spread: float = 1.0
) -> tuple[NDArray[np.intp], Floats]:
    """People in directions of their own, and their photos around them: cosine about 0.5.

    Returns:
        Numbers of users (n,), embeddings (n, 512).
    """
    random = np.random.default_rng(seed)
    people = np.repeat(np.arange(users), photos)
    centres = random.normal(size=(users, 512))
    return people, unit(centres[people] + spread * random.normal(size=(len(people), 512)))


def judge(
    people: NDArray[np.integer],
    before: Floats,
    after: Floats,
    new: Manifest | None = None,
    threshold: float = 0.3,
    max_loss: float = MAX_LOSS,
) -> tuple[GateReport[EnrolledFigures], EnrolledFigures]:
    thresholds = np.full(len(people), threshold)
    photos = EnrolledPhotos(people, before, after, thresholds, thresholds)
    report = judge_enrolled(photos, new or manifest(), FAR, max_loss)
    assert isinstance(report.figures, EnrolledFigures)
    json.dumps(asdict(report), allow_nan=False)
    return report, report.figures


@settings(max_examples=25, deadline=None)
@given(
    users=st.integers(0, 12),
    photos=st.integers(1, 5),
    seed=st.integers(0, 1000),
    spread=st.floats(0.1, 3),
)
def test_rotation_passes_whoever_is_enrolled(
    users: int, photos: int, seed: int, spread: float
) -> None:
    people, before = crowd(users, photos, seed, spread)
    random = np.random.default_rng(seed)
    mirrors = unit(random.normal(size=(2, 512)))  # two reflections make a rotation
    after = before
    for mirror in mirrors:
        after = unit(after - 2 * np.outer(after @ mirror, mirror))
    order = random.permutation(len(people))
    # Other numbers for the users, in another order: neither is a figure.
    report, figures = judge(people[order] * 7 + 3, before[order], after[order])
    assert report.passed
    assert figures.photos == users * photos
    assert figures.users == users
    assert figures.pairs_of_users == users * (users - 1) // 2
    assert figures.n_genuine == (users * photos if photos > 1 else 0)
    assert figures.n_impostor == users * photos * max(users - 1, 0)
    for name in ("genuine_mean", "impostor_mean", "impostor_std"):
        told = [getattr(of, name) for of in (figures.before, figures.after)]
        assert (told[0] is None) == (told[1] is None)
        if told[0] is not None:
            assert told[0] == pytest.approx(told[1], abs=1e-5)


def test_figures_are_those_of_the_service_when_compared_one_by_one() -> None:
    people, embeddings = crowd(4, 3, spread=1.5)
    _, figures = judge(people, embeddings, embeddings, threshold=0.1)
    genuine, impostor = [], []
    for photo, user in enumerate(people):
        others = [i for i in range(len(people)) if people[i] == user and i != photo]
        genuine.append(embeddings[photo] @ unit(embeddings[others].mean(0, keepdims=True))[0])
        for other in set(people.tolist()) - {user}:
            template = unit(embeddings[people == other].mean(0, keepdims=True))[0]
            impostor.append(embeddings[photo] @ template)
    after = figures.after
    assert after.genuine_mean == pytest.approx(np.mean(genuine), abs=1e-6)
    assert after.genuine_accepted == np.mean(np.array(genuine) >= 0.1)
    assert after.impostor_mean == pytest.approx(np.mean(impostor), abs=1e-6)
    assert after.impostor_std == pytest.approx(np.std(impostor), abs=1e-6)
    assert after.impostor_accepted == np.mean(np.array(impostor) >= 0.1)
    # Every user has three photos: pairs weigh the same as comparisons.
    assert figures.false_accept_rate_after == pytest.approx(after.impostor_accepted)


def test_constant_network_is_refused() -> None:
    people, before = crowd(10, 3)
    report, figures = judge(people, before, np.repeat(before[:1], len(people), axis=0))
    assert figures.after.impostor_mean == pytest.approx(1)
    assert "impostor mean 1.000 on enrolled people is above 0.2" in report.reasons[0]
    assert "of 45 pairs of users 45.0 are taken for one person" in report.reasons[1]


@pytest.mark.parametrize("offset", [0.6, 1.0, 3.0])
def test_network_with_a_common_offset_is_refused(offset: float) -> None:
    people, before = crowd(30, 3)
    aside = unit(np.random.default_rng(5).normal(size=(1, 512)))
    report, _ = judge(people, before, unit(before + offset * aside))
    assert any("impostor mean" in reason for reason in report.reasons)


@pytest.mark.parametrize("noise", [1.0, 2.0, 100.0])
def test_network_that_sees_mostly_noise_is_refused(noise: float) -> None:
    people, before = crowd(30, 3)
    random = np.random.default_rng(5).normal(size=before.shape)
    report, figures = judge(people, before, unit(before + noise * unit(random)), threshold=0.5)
    assert len(report.reasons) == 1
    assert (
        "photos of enrolled people are recognised by their others, before 90" in report.reasons[0]
    )
    assert figures.after.genuine_accepted is not None
    assert figures.after.genuine_accepted < 0.9


def test_impostors_are_held_against_the_manifest() -> None:
    people, before = crowd(30, 3)
    aside = unit(np.random.default_rng(5).normal(size=(1, 512)))
    after = unit(before + 0.35 * aside)
    narrow = manifest(**{"16": 0.001, "hr": 0.02})
    report, figures = judge(people, before, after, narrow)
    assert figures.after.impostor_mean is not None
    assert 0.08 < figures.after.impostor_mean < 0.2
    assert len(report.reasons) == 1
    assert "is above 0.020 + 3 x 0.020, as the manifest says" in report.reasons[0]
    assert judge(people, before, after, manifest(hr=0.06))[0].passed


def test_one_lost_photo_is_chance_and_two_are_a_loss() -> None:
    people, before = crowd(4, 9)
    one, two = before.copy(), before.copy()
    # Of nine photos one may point away: the others are still known.
    one[0], two[[0, 9]] = -one[0], -two[[0, 9]]
    assert judge(people, before, one, max_loss=0.0)[0].passed
    report, figures = judge(people, before, two, max_loss=0.0)
    assert figures.after.genuine_accepted == pytest.approx(34 / 36)
    assert "a loss of 0.0556, more than 0" in report.reasons[0]
    assert judge(people, before, two, max_loss=2 / 36)[0].passed


def test_nothing_is_refused_when_there_is_nobody_to_compare() -> None:
    one_user, embeddings = crowd(1, 3)
    report, figures = judge(one_user, embeddings, embeddings)
    assert report.passed
    assert (figures.n_impostor, figures.after.impostor_mean) == (0, None)
    assert figures.false_accept_rate_after is None
    report, figures = judge(one_user[:1], embeddings[:1], embeddings[:1])
    assert report.passed
    assert (figures.n_genuine, figures.after.genuine_accepted) == (0, None)
    assert judge(one_user[:0], embeddings[:0], embeddings[:0])[0].passed


def test_loss_is_seen_when_there_is_only_one_user() -> None:
    people, before = crowd(1, 3)
    report, _ = judge(people, before, crowd(3, 1)[1])
    assert "0 of 3 photos of enrolled people" in report.reasons[0]


@pytest.mark.parametrize("broken", [np.nan, 0.0, 2.0])
def test_bundle_is_refused_when_it_answers_with_no_embeddings(broken: float) -> None:
    people, before = crowd(3, 3)
    after = before.copy()
    after[4] *= broken
    with pytest.raises(BundleError, match="1 of 9 enrolled crops"):
        judge(people, before, after)


def with_lookalikes(embeddings: Floats, pairs: int) -> Floats:
    """Makes so many pairs of users nearly one person; three photos a user."""
    changed = embeddings.copy()
    for pair in range(pairs):
        changed[6 * pair : 6 * pair + 3] += changed[6 * pair + 3 : 6 * pair + 6]
    return unit(changed)


def test_lookalikes_pass_when_the_serving_bundle_takes_them_for_one_person_too() -> None:
    people, plain = crowd(40, 3)
    twins = with_lookalikes(plain, 12)
    report, figures = judge(people, twins, twins)
    assert report.passed
    assert figures.p_promise < 1e-3
    report, figures = judge(people, plain, twins)
    assert figures.false_accept_rate_after == pytest.approx(12 / 780, rel=0.05)
    assert len(report.reasons) == 1
    assert "of 780 pairs of users 12.0 are taken for one person, more than" in report.reasons[0]
    # One look-alike pair is six comparisons, but one case.
    assert judge(people, plain, with_lookalikes(plain, 1))[0].passed


def test_more_false_accepts_pass_when_the_promise_is_kept() -> None:
    people, plain = crowd(200, 3)
    report, figures = judge(people, plain, with_lookalikes(plain, 15))
    assert report.passed
    assert figures.p_serving < 1e-3 < figures.p_promise


@pytest.fixture(scope="module")
def faces(make_crops: MakeCrops) -> tuple[NDArray[np.int64], list[Crop]]:
    """Four photos of each of 50 people."""
    crops = [Crop(pixels, 112.0) for photos in make_crops(50, 4).values() for pixels in photos]
    return np.repeat(np.arange(50), 4), crops


def rotate(networks: TorchNetworks) -> None:
    rotation, _ = torch.linalg.qr(torch.randn(512, 512, generator=torch.manual_seed(1)))
    for name in ("weight", "bias"):
        parameter = networks.edgeface.get_parameter(f"model.head.fc.{name}")
        parameter.copy_(rotation @ parameter)


def collapse(networks: TorchNetworks) -> None:
    networks.edgeface.get_parameter("model.head.fc.weight").zero_()


def push_aside(networks: TorchNetworks) -> None:
    bias = networks.edgeface.get_parameter("model.head.fc.bias")
    bias.add_(torch.randn(512, generator=torch.manual_seed(1)), alpha=0.5)


def add_noise(networks: TorchNetworks) -> None:
    torch.manual_seed(1)
    for parameter in networks.edgeface.parameters():
        if parameter.ndim > 1:
            parameter.add_(torch.randn_like(parameter) * parameter.std() * 0.1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (rotate, None),
        (collapse, "impostor mean 1.000"),
        (push_aside, "impostor mean"),
        (add_noise, "are taken for one person"),
    ],
)
def test_network_is_judged_by_real_faces(
    change: Callable[[TorchNetworks], None],
    reason: str | None,
    faces: tuple[NDArray[np.int64], list[Crop]],
) -> None:
    people, crops = faces
    serving = Embedder(load_bundle(SHIPPED), "cpu")
    bundle = changed(load_bundle(SHIPPED), change)
    after = Embedder(bundle, "cpu").embed(crops)[0]
    threshold = bundle.manifest.threshold(112, FAR)
    assert threshold is not None
    report, _ = judge(people, serving.embed(crops)[0], after, bundle.manifest, threshold)
    if reason is None:
        assert report.reasons == ()
    else:
        assert reason in " ".join(report.reasons)
