"""Crops for evaluation: shrinking, and finding the same face in a shrunk photo."""

import cv2
import numpy as np
import pytest

from app.errors import EvaluationError
from app.evaluation.probes import Degrade, detecting_viewer, shrink_crop, view_aligned
from app.vision.alignment import Crop
from app.vision.detection import find_faces
from app.vision.detector import Detector, Face
from app.vision.image import Image, decode_image


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def face(x: float, y: float, side: float) -> Face:
    """A face of about that size; template-like landmarks."""
    template = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    landmarks = (template * side + (x, y)).astype(np.float32)
    return Face(box=(x, y, side, side), landmarks=landmarks, score=0.9)


def test_crop_is_averaged_and_enlarged_when_shrunk() -> None:
    crop = Crop(noise(112, 112), 112.0)
    shrunk = shrink_crop(crop, 16)
    # 112 = 7 x 16: area averaging is the mean of 7x7 blocks.
    blocks = crop.pixels.reshape(16, 7, 16, 7, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    expected = cv2.resize(blocks, (112, 112), interpolation=cv2.INTER_CUBIC)
    assert shrunk.face_px == 16
    assert np.abs(shrunk.pixels.astype(int) - expected.astype(int)).max() <= 2


@pytest.mark.parametrize("size", [None, 32, 20])
def test_crop_stays_when_it_is_no_larger_than_that(size: int | None) -> None:
    crop = Crop(noise(112, 112), 20.0)
    assert shrink_crop(crop, size) is crop


def test_aligned_file_is_the_crop_when_it_is_112_px() -> None:
    image = noise(112, 112)
    sharp, small = view_aligned(image, (None, 24))
    assert sharp is not None
    assert small is not None
    np.testing.assert_array_equal(sharp.pixels, image)
    assert (sharp.face_px, small.face_px) == (112, 24)


def test_aligned_file_is_refused_when_it_has_another_size() -> None:
    with pytest.raises(EvaluationError, match="250x112"):
        view_aligned(noise(112, 250), (None,))


def test_large_middle_face_is_taken_when_there_are_several() -> None:
    faces = [face(10, 10, 60), face(120, 120, 80), face(150, 20, 20)]
    view = detecting_viewer(lambda _: faces, "crop")
    sharp, small = view(noise(300, 300), (None, 16))
    alone = detecting_viewer(lambda _: [faces[1]], "crop")(noise(300, 300), (None,))[0]
    assert sharp is not None
    assert alone is not None
    assert small is not None
    np.testing.assert_array_equal(sharp.pixels, alone.pixels)
    assert small.face_px == 16


@pytest.mark.parametrize(
    "found", [[], [Face((0, 0, 50, 50), np.zeros((5, 2), dtype=np.float32), 0.9)]]
)
def test_nothing_is_seen_when_no_usable_face_is_found(found: list[Face]) -> None:
    view = detecting_viewer(lambda _: found, "photo")
    assert view(noise(200, 200), (None, 24, 16)) == [None, None, None]


@pytest.mark.parametrize("degrade", ["photo", "camera"])
def test_other_face_does_not_stand_in_when_the_own_is_lost_in_the_small_photo(
    degrade: Degrade,
) -> None:
    def find(image: Image) -> list[Face]:
        if image.shape[0] == 400:
            return [face(150, 150, 100)]
        return [face(0, 0, 10)]  # somebody in the corner

    sharp, lost = detecting_viewer(find, degrade)(noise(400, 400), (None, 16))
    assert sharp is not None
    assert lost is None


@pytest.mark.parametrize("size", [48, 24])
def test_same_face_is_found_at_about_that_size_when_a_real_photo_is_shrunk(
    people: dict[str, list[bytes]], centerface: Detector, size: int
) -> None:
    photos = [of_person[0] for of_person in list(people.values())[:6]]

    def find(image: Image) -> list[Face]:
        return find_faces(centerface, image).faces

    view = detecting_viewer(find, "photo")
    sharp, small = [], []
    for photo in photos:
        views = view(decode_image(photo), (None, size))
        assert views[0] is not None
        assert views[1] is not None
        assert views[1].face_px == pytest.approx(size, rel=0.15)
        sharp.append(shrink_crop(views[0], size).pixels.ravel())
        small.append(views[1].pixels.ravel())
    likeness = np.corrcoef(sharp, small)[:6, 6:]
    assert (likeness.argmax(axis=1) == np.arange(6)).all()
    assert likeness.diagonal().min() > 0.8
