"""Thresholds in use, and what they mean for a gallery."""

from pathlib import Path

import numpy as np
import pytest

from app.gallery.gallery import Enrolled, Gallery
from app.recognition.serving import Serving
from app.services.odds import thresholds_in_use
from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder
from tests.conftest import TRAINED


def test_more_strangers_are_named_when_there_are_more_users() -> None:
    vector = np.zeros(512, np.float32)
    vector[0] = 1
    embedder = Embedder(load_bundle(TRAINED), "cpu")

    def strangers_named(users: int) -> float:
        gallery = Gallery((f"u{index}", Enrolled(vector)) for index in range(users))
        items = thresholds_in_use(Serving(embedder, gallery, 1e-4, 0.35))
        assert [of.min_face_px for of in items] == [0, 14, 20, 28, 40]
        assert {of.false_accept_rate for of in items} == {1e-4}
        (named,) = {of.strangers_named for of in items}
        assert named is not None
        return named

    assert strangers_named(0) == 0
    assert strangers_named(1) == pytest.approx(1e-4)
    assert strangers_named(1000) == pytest.approx(0.0952, abs=1e-4)


def test_threshold_rises_with_the_gallery_when_a_rate_of_strangers_is_asked_for() -> None:
    vector = np.zeros(512, np.float32)
    vector[0] = 1
    embedder = Embedder(load_bundle(TRAINED), "cpu")
    manifest = embedder.bundle.manifest

    def similarities(users: int, wanted: float) -> list[float]:
        gallery = Gallery((f"u{index}", Enrolled(vector)) for index in range(users))
        serving = Serving(embedder, gallery, 1e-4, 0.35, wanted, follows_probe=False)
        items = thresholds_in_use(serving)
        assert [of.min_face_px for of in items] == [0, 14, 20, 28, 40]
        if users:
            assert [of.strangers_named for of in items] == pytest.approx([wanted] * 5)
        assert serving.threshold(112, vector) == manifest.threshold(112, 1e-4)  # of verification
        assert serving.search_threshold(112, vector) == items[-1].similarity
        return [of.similarity for of in items]

    one = similarities(1, 1e-3)
    assert one == pytest.approx([manifest.threshold(px, 1e-3) for px in (12, 16, 24, 32, 112)])
    assert similarities(0, 1e-3) == one
    ten = similarities(10, 1e-3)
    assert ten == pytest.approx(
        [manifest.threshold(px, 1e-4) for px in (12, 16, 24, 32, 112)], 1e-3
    )
    hundred = similarities(100, 1e-3)
    # Beyond what the bundle has, each tenth of a rate adds as much as the last one did.
    assert np.subtract(hundred, ten) == pytest.approx(np.subtract(ten, one), rel=1e-2)
    assert all(np.less(similarities(10, 1e-2), ten))


def test_setting_decides_when_the_bundle_has_no_thresholds(stock_bundle: Path) -> None:
    serving = Serving(Embedder(load_bundle(stock_bundle), "cpu"), Gallery(), 1e-4, 0.35, 1e-3)
    assert serving.search_threshold(24, None) == 0.35
    assert [of.similarity for of in thresholds_in_use(serving)] == [0.35]
