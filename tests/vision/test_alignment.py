"""The similarity transform is exact, closed and never mirrors; face_px follows the photo."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from app.errors import LandmarksError
from app.vision.alignment import (
    ARCFACE_TEMPLATE,
    align,
    measure_face_px,
    similarity_transform,
)

angles = st.floats(-math.pi, math.pi)
scales = st.floats(0.05, 50)
shifts = st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000))
points = hnp.arrays(np.float64, (5, 2), elements=st.floats(-100, 100))
# Five landmarks as a detector may give them: the template, every point up to 6 px off.
faces = hnp.arrays(np.float64, (5, 2), elements=st.floats(-6, 6)).map(
    lambda jitter: ARCFACE_TEMPLATE + jitter
)


def similarity(angle: float, scale: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])


def moved(matrix: NDArray[np.float64], xy: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(xy @ matrix[:, :2].T + matrix[:, 2])


def squared_error(
    matrix: NDArray[np.float64], source: NDArray[np.floating], target: NDArray[np.floating]
) -> float:
    return float(((moved(matrix, source) - target) ** 2).sum())


@given(angles, scales, shifts, points)
def test_similarity_is_recovered_when_points_were_moved_by_one(
    angle: float, scale: float, shift: tuple[float, float], source: NDArray[np.float64]
) -> None:
    assume(source.std(axis=0).max() > 0.1)
    expected = similarity(angle, scale, shift)
    found = similarity_transform(source, moved(expected, source))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@given(points, points)
def test_points_are_never_mirrored_when_a_transform_is_found(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> None:
    assume(source.std(axis=0).max() > 0.1)
    try:
        matrix = similarity_transform(source, target)
    except LandmarksError:
        return
    (a, b), (c, d) = matrix[:, :2]
    assert a * d - b * c > 0
    assert (a, b) == (d, -c)  # rotation and one scale, nothing else


@given(faces, st.floats(-0.05, 0.05), st.floats(0.95, 1.05), st.floats(-2, 2), st.floats(-2, 2))
def test_no_other_similarity_fits_better_when_points_do_not_match_exactly(
    source: NDArray[np.float64], turn: float, stretch: float, dx: float, dy: float
) -> None:
    best = similarity_transform(source, ARCFACE_TEMPLATE)
    other = similarity(turn, stretch, (dx, dy))
    composed = np.column_stack([other[:, :2] @ best[:, :2], moved(other, best[:, 2])])
    assert (
        squared_error(best, source, ARCFACE_TEMPLATE)
        <= squared_error(composed, source, ARCFACE_TEMPLATE) + 1e-9
    )


def test_result_equals_umeyamas_decomposition_when_points_are_noisy() -> None:
    """An independent, slow rewrite: SVD of the covariance with the sign correction of the paper."""
    rng = np.random.default_rng(0)
    template = ARCFACE_TEMPLATE.astype(np.float64)
    for _ in range(50):
        source = template * rng.uniform(0.2, 9) + rng.normal(0, 5, (5, 2))
        centred, goal = source - source.mean(0), template - template.mean(0)
        u, d, vt = np.linalg.svd(goal.T @ centred / 5)
        sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
        linear = (d * sign).sum() / (centred**2).sum(1).mean() * (u * sign @ vt)
        shift = template.mean(0) - linear @ source.mean(0)
        np.testing.assert_allclose(
            similarity_transform(source, template),
            np.column_stack([linear, shift]),
            atol=1e-9,
        )


@given(faces, scales)
def test_face_px_grows_alike_when_photo_is_scaled(
    landmarks: NDArray[np.float64], scale: float
) -> None:
    assert measure_face_px(landmarks * scale) == pytest.approx(
        measure_face_px(landmarks) * scale, rel=1e-9
    )


@given(faces, angles, shifts)
def test_face_px_stays_when_photo_is_turned_or_shifted(
    landmarks: NDArray[np.float64], angle: float, shift: tuple[float, float]
) -> None:
    turned = moved(similarity(angle, 1, shift), landmarks)
    assert measure_face_px(turned) == pytest.approx(measure_face_px(landmarks), rel=1e-6)


def test_face_px_is_112_when_landmarks_are_the_template() -> None:
    assert measure_face_px(ARCFACE_TEMPLATE) == pytest.approx(112)


@pytest.mark.parametrize(
    "landmarks",
    [
        np.full((5, 2), 7.0),
        np.full((5, 2), np.nan),
        np.where(np.eye(5, 2) > 0, np.inf, ARCFACE_TEMPLATE),
        np.zeros((5, 2)),
        ARCFACE_TEMPLATE * 1e-4,
        ARCFACE_TEMPLATE * 1e6,
    ],
    ids=["one place", "nan", "infinite", "zero", "far too small", "far too large"],
)
def test_landmarks_are_refused_when_no_face_can_have_them(landmarks: NDArray[np.float64]) -> None:
    with pytest.raises(LandmarksError):
        align(np.zeros((50, 50, 3), np.uint8), landmarks)


def picture(side: int, scale: float) -> NDArray[np.uint8]:
    """A smooth pattern over the crop's area, as seen by a camera of `scale` px per crop px."""
    centres = (np.arange(side) + 0.5) / scale - 0.5
    x, y = np.meshgrid(centres, centres)
    channels = [np.sin(x / 9), np.cos(y / 11), np.sin((x + y) / 15)]
    return np.round(np.stack(channels, axis=-1) * 100 + 128).astype(np.uint8)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.9, 2.0, 2.1, 3.0, 3.7, 8.0, 20.5])
def test_crop_shows_the_same_face_when_photo_has_another_scale(scale: float) -> None:
    """Pixel centres stay right through the warp and through averaging of blocks."""
    side = round(112 * scale)
    landmarks = (ARCFACE_TEMPLATE + 0.5) * scale - 0.5
    crop = align(picture(side, scale), landmarks)
    assert crop.face_px == pytest.approx(112 * scale)
    inner = slice(4, 108)
    difference = crop.pixels[inner, inner].astype(int) - picture(112, 1)[inner, inner]
    assert np.abs(difference).max() <= 3


def test_crop_is_the_photo_itself_when_landmarks_are_the_template() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    np.testing.assert_array_equal(align(photo, ARCFACE_TEMPLATE).pixels, photo)


def test_fine_stripes_become_grey_when_crop_shrinks_the_photo() -> None:
    """Without averaging, bicubic would pick single stripes: moire."""
    photo = np.zeros((600, 600, 3), np.uint8)
    photo[:, ::2] = 255
    crop = align(photo, (ARCFACE_TEMPLATE + 0.5) * 4 - 0.5)
    assert np.abs(crop.pixels[4:108, 4:108].astype(int) - 128).max() <= 1


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_outside_of_the_photo_is_black_when_face_reaches_over_the_border(scale: float) -> None:
    photo = np.full((round(112 * scale), round(112 * scale), 3), 200, np.uint8)
    landmarks = (ARCFACE_TEMPLATE - [60, 0] + 0.5) * scale - 0.5
    crop = align(photo, landmarks)
    assert (crop.pixels[20:90, :50] == 0).all()
    assert (crop.pixels[20:90, 70:] == 200).all()
