"""Thresholds of a serving."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from app.gallery.gallery import Gallery
from app.recognition.serving import Serving
from app.vision.bundle import Bundle, load_bundle, weight_file
from app.vision.cohort import pack_cohort
from app.vision.embedder import Embedder
from app.vision.manifest import CohortEntry, Threshold
from app.vision.scaling import Floats


def _serving(bundle: Bundle) -> Serving:
    return Serving(
        Embedder(bundle, "cpu"),
        Gallery(),
        false_accept_rate=1e-4,
        default_threshold=0.35,
    )


def _threshold(low: float, high: float | None, rate: float, similarity: float) -> Threshold:
    return Threshold(
        min_face_px=low, max_face_px=high, false_accept_rate=rate, similarity=similarity
    )


def test_bundle_decides_the_threshold_when_it_has_one_for_the_size(stock_bundle: Path) -> None:
    bundle = load_bundle(stock_bundle)
    thresholds = (
        _threshold(0, 24, 1e-4, 0.4),
        _threshold(24, 64, 1e-3, 0.2),
        _threshold(64, None, 1e-4, 0.3),
    )
    manifest = msgspec.structs.replace(bundle.manifest, thresholds=thresholds)
    serving = _serving(Bundle(manifest, bundle.files))
    assert serving.threshold(16, None) == 0.4
    assert serving.threshold(24, None) == 0.35  # the bundle's is for another rate
    assert serving.threshold(1000, None) == 0.3


def _axis(place: int, cosine: float = 1.0) -> Floats:
    """(512,) so similar to the axis that all strangers are on, the rest on another one."""
    probe = np.zeros(512, np.float32)
    probe[0], probe[place] = cosine, (1 - cosine**2) ** 0.5 if place else cosine
    return probe


def _following(
    stock_bundle: Path, *, follows_probe: bool = True, rate: float | None = None
) -> Serving:
    """With a cohort of strangers who all look the same, and thresholds that follow it."""
    bundle = load_bundle(stock_bundle)
    content = pack_cohort(np.tile(_axis(0), (40, 1)))
    manifest = msgspec.structs.replace(
        bundle.manifest,
        cohort=CohortEntry(means=weight_file("cohort.safetensors", content), source="nobody"),
        thresholds=(
            _threshold(0, None, 1e-4, 0.4),
            _threshold(0, None, 1e-3, 0.3),
            msgspec.structs.replace(_threshold(0, None, 1e-4, 0.42), likeness=0.25),
            msgspec.structs.replace(_threshold(0, None, 1e-3, 0.32), likeness=0.25),
        ),
    )
    files = {**bundle.files, "cohort.safetensors": content}
    embedder = Embedder(Bundle(manifest, files), "cpu")
    return Serving(embedder, Gallery(), 1e-4, 0.35, rate, follows_probe)


def test_threshold_follows_the_probe_when_it_resembles_strangers(stock_bundle: Path) -> None:
    serving = _following(stock_bundle)
    for likeness in (0.0, 0.25, 0.6):
        expected = 0.42 + likeness - 0.25
        assert serving.threshold(24, _axis(1, likeness)) == pytest.approx(expected, abs=1e-3)
        assert serving.search_threshold(24, _axis(1, likeness)) == pytest.approx(expected, abs=1e-3)
    assert serving.threshold(24, None) == 0.42
    assert serving.threshold(24, _axis(0)) == 1.0  # 0.42 + 0.75, but no cosine is higher


def test_threshold_of_a_search_follows_the_probe_too(stock_bundle: Path) -> None:
    serving = _following(stock_bundle, rate=1e-3)
    assert serving.search_threshold(24, None) == pytest.approx(0.32)
    assert serving.search_threshold(24, _axis(1, 0.35)) == pytest.approx(0.42, abs=1e-3)


def test_threshold_is_the_same_for_everybody_when_none_of_the_bundles_follows(
    stock_bundle: Path,
) -> None:
    """Thresholds of one's own (`farsight calibrate`) in place of a bundle's."""
    bundle = _following(stock_bundle).embedder.bundle
    manifest = msgspec.structs.replace(
        bundle.manifest, thresholds=(_threshold(0, None, 1e-4, 0.4),)
    )
    assert _serving(Bundle(manifest, bundle.files)).threshold(24, _axis(0)) == 0.4


def test_range_without_a_following_threshold_has_its_own_when_others_follow(
    stock_bundle: Path,
) -> None:
    """`farsight calibrate` proposes none for sizes that the people are too few for."""
    bundle = _following(stock_bundle).embedder.bundle
    thresholds = (
        _threshold(0, 20, 1e-4, 0.44),
        _threshold(0, 20, 1e-3, 0.34),
        msgspec.structs.replace(_threshold(20, None, 1e-4, 0.42), likeness=0.25),
        msgspec.structs.replace(_threshold(20, None, 1e-3, 0.31), likeness=0.24),
    )
    manifest = msgspec.structs.replace(bundle.manifest, thresholds=thresholds)
    embedder = Embedder(Bundle(manifest, bundle.files), "cpu")
    one, many = (Serving(embedder, Gallery(), 1e-4, 0.35, rate) for rate in (None, 1e-3))
    assert one.threshold(16, _axis(0)) == 0.44
    assert many.search_threshold(16, _axis(0)) == pytest.approx(0.34)
    assert one.threshold(24, _axis(1, 0.35)) == pytest.approx(0.52, abs=1e-3)
    # Each of the bundle's for its own likeness.
    assert many.search_threshold(24, _axis(1, 0.35)) == pytest.approx(0.42, abs=1e-3)


def test_threshold_is_the_same_for_everybody_when_following_is_off(stock_bundle: Path) -> None:
    serving = _following(stock_bundle, follows_probe=False)
    for probe in (None, _axis(0), _axis(1, 0.1)):
        assert serving.threshold(24, probe) == 0.4
        assert serving.search_threshold(24, probe) == 0.4
