"""What a new bundle's manifest must show; test_enrolled judges by people."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.evaluation.gate import binomial_tail, judge_manifests
from app.vision.manifest import (
    EdgeFaceEntry,
    Manifest,
    Networks,
    SizeMetrics,
    WeightFile,
    measured_on,
)
from tests.measured import measured

MAX_LOSS = 0.01


def manifest(*metrics: SizeMetrics, name: str = "new", measured_on: str | None = None) -> Manifest:
    file = WeightFile(name="edgeface.safetensors", size_bytes=1, sha256="0" * 64)
    return Manifest(
        name=name,
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
        networks=Networks(edgeface=EdgeFaceEntry(variant="edgeface_xxs", weights=file)),
        metrics=metrics,
        measured_on=measured_on,
        licence="none",
        attribution="nobody",
    )


@pytest.mark.parametrize(
    ("new", "serving"),
    [
        ([], []),
        ([measured()], []),
        ([measured()], [measured()]),
        ([measured(tar=0.941)], [measured(tar=0.95)]),
        ([measured(tar=0.9), measured("16", 0.8)], [measured("16", 0.8), measured("12", 0.7)]),
        # 40 pairs of photos: 4 of them are chance.
        ([measured(tar=0.86, n_genuine=40)], [measured(tar=0.95, n_genuine=40)]),
        # Measured on others: worse or not, it cannot be told.
        ([measured(tar=0.5, n_genuine=40)], [measured(tar=0.95)]),
        ([], [measured()]),
        ([measured("24")], [measured()]),
        ([measured(tar=None)], [measured()]),
        ([measured(impostor_mean=0.2)], [measured()]),
        ([measured(n_genuine=0, tar=0.0)], [measured(n_genuine=0)]),
    ],
)
def test_manifest_passes_when_it_is_no_worse(
    new: list[SizeMetrics], serving: list[SizeMetrics]
) -> None:
    report = judge_manifests(manifest(*new), manifest(*serving), MAX_LOSS)
    assert report.reasons == ()
    assert report.passed


@pytest.mark.parametrize(
    ("new", "serving", "reason"),
    [
        ([measured(tar=0.939)], [measured()], "at hr px fell from 0.9500 to 0.9390"),
        ([measured("16", 0.5)], [measured("16", 0.6)], ", more than 0.01"),
        ([measured(tar=0.8, n_genuine=40)], [measured(n_genuine=40)], ", more than 0.1"),
        ([measured("12", impostor_mean=0.21)], [], "impostor mean 0.210 at 12 px is above 0.2"),
    ],
)
def test_manifest_is_refused_with_figures_when_worse(
    new: list[SizeMetrics], serving: list[SizeMetrics], reason: str
) -> None:
    report = judge_manifests(manifest(*new), manifest(*serving, name="old"), MAX_LOSS)
    assert not report.passed
    assert len(report.reasons) == 1
    assert reason in report.reasons[0]


def test_figures_are_compared_only_when_they_are_of_the_same_people() -> None:
    worse, better = measured(tar=0.5), measured(tar=0.95)
    here, there = measured_on(["a", "b"]), measured_on(["c"])
    assert measured_on(["b", "a"]) == here
    for on, passes in ((here, False), (there, True)):
        new, serving = manifest(worse, measured_on=on), manifest(better, measured_on=here)
        report = judge_manifests(new, serving, MAX_LOSS)
        assert (report.passed, report.figures.same_people) == (passes, not passes)


def test_figures_are_told_size_by_size() -> None:
    new, serving = manifest(measured(tar=0.9)), manifest(measured(), measured("16", 0.5))
    report = judge_manifests(new, serving, MAX_LOSS)
    assert [(of.size, of.tar_before, of.tar_after) for of in report.figures.sizes] == [
        ("hr", 0.95, 0.9),
        ("16", 0.5, None),
    ]
    json.dumps(asdict(report), allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_binomial_tail_is_the_sum_of_its_terms(data: st.DataObject) -> None:
    trials = data.draw(st.integers(0, 60))
    count = data.draw(st.integers(0, trials))
    probability = data.draw(st.sampled_from([0.0, 1e-4, 1e-3, 0.1, 0.5, 0.9]))
    expected = sum(
        comb(trials, k) * probability**k * (1 - probability) ** (trials - k)
        for k in range(count, trials + 1)
    )
    assert binomial_tail(count, trials, probability) == pytest.approx(expected, rel=1e-9)


def test_binomial_tail_is_right_when_trials_are_many() -> None:
    # Poisson with mean 500 and a normal deviation of 22.4: 3.1 of them up, 0.13 %.
    assert binomial_tail(570, 500_000, 1e-3) == pytest.approx(1.17e-3, rel=0.05)
    assert binomial_tail(400, 500_000, 1e-3) == pytest.approx(1, abs=1e-5)
    assert 0 <= binomial_tail(500_000, 500_000, 1e-3) < 1e-300
