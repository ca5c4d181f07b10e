from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.vision.scaling import Pixels
from app.vision.shrinking import shrink_and_enlarge
from trainer.degradation import Degradation, degrade

ALL = Degradation(clean=0, misaligned=1, blurred=1, relit=1, grey=1, noisy=1, compressed=1)
NOTHING = Degradation(clean=0, misaligned=0, blurred=0, relit=0, grey=0, noisy=0, compressed=0)


def face(seed: int = 0) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (14, 14, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (112, 112), interpolation=cv2.INTER_CUBIC), np.uint8)


def mean_difference(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(float) - other).mean())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), face_px=st.integers(8, 112))
def test_views_are_images_and_the_seed_decides_them(seed: int, face_px: int) -> None:
    crop = face()
    before = crop.copy()
    view, moved = degrade(crop, face_px, Degradation(), np.random.default_rng(seed))
    again, moved_again = degrade(crop, face_px, Degradation(), np.random.default_rng(seed))
    for image in (view, moved):
        assert image.shape == (112, 112, 3)
        assert image.dtype == np.uint8
    np.testing.assert_array_equal(view, again)
    np.testing.assert_array_equal(moved, moved_again)
    np.testing.assert_array_equal(crop, before)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_sizes_stay_within_their_range(seed: int) -> None:
    drawn = Degradation(min_face_px=9, max_face_px=60).draw_face_px(np.random.default_rng(seed))
    assert 9 <= drawn <= 60


def test_sizes_are_log_uniform() -> None:
    rng = np.random.default_rng(0)
    drawn = [Degradation(min_face_px=12, max_face_px=48).draw_face_px(rng) for _ in range(4000)]
    # Half of them on either side of the geometric middle.
    assert np.mean(np.array(drawn) < 24) == pytest.approx(0.5, abs=0.05)


def test_clean_view_is_area_averaging_and_bicubic_enlarging() -> None:
    crop = face()
    view, moved = degrade(crop, 20, replace(ALL, clean=1), np.random.default_rng(0))
    small = cv2.resize(crop, (20, 20), interpolation=cv2.INTER_AREA)
    expected = cv2.resize(small, (112, 112), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(view, expected)
    np.testing.assert_array_equal(moved, crop)
    np.testing.assert_array_equal(shrink_and_enlarge(crop, 20), expected)


@pytest.mark.parametrize(
    "damage", ["misaligned", "blurred", "relit", "grey", "noisy", "compressed"]
)
def test_each_damage_changes_the_view(damage: str) -> None:
    crop = face()
    plain, _ = degrade(crop, 24, NOTHING, np.random.default_rng(5))
    only = replace(NOTHING, **{damage: 1.0})
    damaged, moved = degrade(crop, 24, only, np.random.default_rng(5))
    assert mean_difference(plain, damaged) > 0.3
    # Only landmarks that err move the sharp side too.
    assert (mean_difference(crop, moved) > 0.3) == (damage == "misaligned")


def test_channels_keep_their_order_through_jpeg() -> None:
    red = np.zeros((112, 112, 3), np.uint8)
    red[:, :, 0] = 200
    view, _ = degrade(red, 24, replace(NOTHING, compressed=1), np.random.default_rng(0))
    assert view[:, :, 0].mean() > 180
    assert view[:, :, 2].mean() < 20


def test_misalignment_stays_small() -> None:
    crop = face()
    for seed in range(20):
        _, moved = degrade(crop, 12, replace(NOTHING, misaligned=1), np.random.default_rng(seed))
        shift, _ = cv2.phaseCorrelate(
            cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float64),
            cv2.cvtColor(moved, cv2.COLOR_RGB2GRAY).astype(np.float64),
        )
        assert np.linalg.norm(shift) < 14
