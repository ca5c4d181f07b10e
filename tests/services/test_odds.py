"""Thresholds in use, and what they mean for a gallery."""

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
