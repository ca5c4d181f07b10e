"""Thresholds of a serving."""

from pathlib import Path

import msgspec

from app.gallery.gallery import Gallery
from app.recognition.serving import Serving
from app.vision.bundle import Bundle, load_bundle
from app.vision.embedder import Embedder
from app.vision.manifest import Threshold


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
    assert serving.threshold(16) == 0.4
    assert serving.threshold(24) == 0.35  # the bundle's is for another rate
    assert serving.threshold(1000) == 0.3
