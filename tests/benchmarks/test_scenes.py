"""Scenes are made of squares that stand for faces: where they are is all that counts."""

import numpy as np
import pytest

from benchmarks.faceless import KINDS, make_faceless
from benchmarks.scenes import make_noisy, make_portrait, make_scene, make_turned
from benchmarks.subjects import Subject

FACE = (255, 0, 0)


@pytest.fixture
def subject() -> Subject:
    """A red face of 40x50 px on a grey photo of 120x150."""
    photo = np.full((150, 120, 3), 128, np.uint8)
    photo[50:100, 40:80] = FACE
    return Subject(
        person="red",
        number=0,
        photo=photo,
        box=np.array([40.0, 50.0, 40.0, 50.0]),
        landmarks=np.zeros((5, 2)),
        face_px=50.0,
        score=1.0,
        is_alone=True,
    )


def is_face(pixels: np.ndarray) -> np.ndarray:
    near: np.ndarray = np.abs(pixels.astype(int) - FACE).max(axis=-1) < 40
    return near


def box_of_face(pixels: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(is_face(pixels))
    left, top = columns.min(), rows.min()
    return np.array([left, top, columns.max() + 1 - left, rows.max() + 1 - top])


def test_scene_is_the_same_when_the_seed_is(subject: Subject) -> None:
    one, same, other = (
        make_scene(seed, (640, 480), [subject], 24, 5, big=False).pixels for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_faces_are_where_the_scene_says_when_they_are_many(subject: Subject) -> None:
    scene = make_scene(3, (640, 480), [subject], 24, 8, big=True)
    assert [round(face.face_px) for face in scene.faces] == [160, *[24] * 8]
    unseen = is_face(scene.pixels)
    for face in scene.faces:
        x, y, width, height = np.round(face.box).astype(int)
        assert unseen[y + 1 : y + height - 1, x + 1 : x + width - 1].mean() > 0.95
        unseen[y - 1 : y + height + 1, x - 1 : x + width + 1] = False
    assert not unseen.any()


def test_scene_is_refused_when_the_faces_do_not_fit(subject: Subject) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        make_scene(0, (100, 100), [subject], 40, 4, big=False)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_box_turns_when_the_photo_does(subject: Subject, quarters: int) -> None:
    turned = make_turned(subject, quarters)
    assert np.array_equal(turned.faces[0].box, box_of_face(turned.pixels))


@pytest.mark.parametrize("height_px", [60, 480])
def test_face_takes_its_share_when_it_is_a_portrait(subject: Subject, height_px: int) -> None:
    portrait = make_portrait(subject, height_px, 0.5)
    assert portrait.pixels.shape[0] == height_px
    assert portrait.faces[0].box[3] == pytest.approx(height_px / 2)
    assert np.abs(box_of_face(portrait.pixels) - portrait.faces[0].box).max() <= 2


def test_noise_is_as_strong_as_asked_when_nothing_is_clipped(subject: Subject) -> None:
    noisy = make_noisy(subject, 10, seed=0)
    assert noisy.pixels[:40].std() == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("kind", ["painted over", *KINDS])
def test_faceless_picture_is_full_when_it_is_larger_than_its_parts(kind: str) -> None:
    photos = [np.full((90, 70, 3), 200, np.uint8)]
    picture = make_faceless(kind, 0, (1500, 800), photos)
    assert picture.shape == (800, 1500, 3)
    assert np.array_equal(picture, make_faceless(kind, 0, (1500, 800), photos))
    assert picture[-1].any()
    assert picture[:, -1].any()
