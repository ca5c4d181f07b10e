"""What a camera gives of a photo: the same each time, as large as asked for, worse than shrunk."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.evaluation import camera, damage
from app.evaluation.camera import draw_chance, photograph
from app.evaluation.probes import Degrade, detecting_viewer
from app.evaluation.sizes import Size
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.detection import find_faces
from app.vision.detector import Detector, Face
from app.vision.embedder import Embedder
from app.vision.image import Image, decode_image
from app.vision.shrinking import shrink_photo

WAYS: tuple[Degrade, ...] = ("photo", "camera")
TRAINED = Path(__file__).parents[2] / "weights" / "farsight-xxs"


def scene(seed: int = 0, height: int = 240, width: int = 200) -> Image:
    """Soft patches of all colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    size = (width, height)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def taken(photo: Image, size: int, scale: float = 0.2) -> Image:
    return photograph(photo, scale, draw_chance(photo, size))


def test_picture_is_the_same_bytes_when_photo_and_size_are() -> None:
    first, again = taken(scene(), 16), taken(scene().copy(), 16)
    np.testing.assert_array_equal(first, again)
    assert (first != taken(scene(), 17)).any()


def test_damage_differs_when_one_pixel_of_the_photo_does() -> None:
    other = scene()
    other[0, 0, 0] ^= 1
    assert np.abs(taken(scene(), 16).astype(int) - taken(other, 16)).mean() > 1


@pytest.mark.parametrize("video", [0.0, 1.0])
@pytest.mark.parametrize(("height", "width"), [(240, 200), (235, 205), (30, 20), (5, 400)])
def test_picture_shows_the_scene_when_taken(
    monkeypatch: pytest.MonkeyPatch, video: float, height: int, width: int
) -> None:
    monkeypatch.setattr(camera, "VIDEO_SHARE", video)
    photo = scene(1, height, width)
    before = photo.copy()
    clean = shrink_photo(photo, 0.2)
    picture = taken(photo, 16)
    assert picture.shape == clean.shape
    assert picture.dtype == np.uint8
    assert picture.flags["C_CONTIGUOUS"]
    # Colours are neither swapped nor lost, whichever way bits are saved.
    means = picture.mean(axis=(0, 1)), clean.mean(axis=(0, 1))
    assert np.abs(means[0] - means[1]).max() < 12
    assert (picture != clean).any()
    np.testing.assert_array_equal(photo, before)


def test_stated_shares_are_video_and_sharpened_when_many_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    videos: list[int] = []
    qualities: list[int] = []
    amounts: list[float] = []
    last_of_video, compress, sharpen = camera._last_of_video, damage.compress, camera._sharpen

    def encoded(frames: list[Image], quantiser: int) -> Image:
        assert len(frames) == camera.VIDEO_FRAMES
        videos.append(quantiser)
        amounts[-2:] = []  # of three frames
        return last_of_video(frames, quantiser)

    def compressed(picture: Image, quality: int) -> Image:
        qualities.append(quality)
        return compress(picture, quality)

    def sharpened(picture: Image, amount: float) -> Image:
        amounts.append(amount)
        return sharpen(picture, amount)

    monkeypatch.setattr(camera, "_last_of_video", encoded)
    monkeypatch.setattr(camera, "compress", compressed)
    monkeypatch.setattr(camera, "_sharpen", sharpened)
    photo = scene(2, 60, 50)
    for seed in range(300):
        photograph(photo, 0.5, np.random.default_rng(seed))
    assert len(videos) + len(qualities) == len(amounts) == 300
    assert len(videos) / 300 == pytest.approx(camera.VIDEO_SHARE, abs=0.08)
    assert sum(of > 0 for of in amounts) / 300 == pytest.approx(camera.SHARPENED_SHARE, abs=0.08)
    assert (min(videos), max(videos)) == camera.VIDEO_QUANTISER
    assert camera.JPEG_QUALITY[0] <= min(qualities) < 45
    assert 85 < max(qualities) <= camera.JPEG_QUALITY[1]


def test_edges_are_overdrawn_when_sharpened() -> None:
    edge = np.full((10, 10, 3), 80, np.uint8)
    edge[:, 5:] = 160
    halo = camera._sharpen(edge, 1.0)
    assert halo.min() < 70
    assert halo.max() > 170
    np.testing.assert_array_equal(camera._sharpen(edge, 0.0), edge)


def test_video_is_coarser_when_the_quantiser_is_higher() -> None:
    frames = [shrink_photo(scene(3), 0.4)] * 3
    errors = [
        np.abs(camera._last_of_video(frames, qp).astype(int) - frames[-1]).mean()
        for qp in (10, *camera.VIDEO_QUANTISER)
    ]
    assert errors[0] < errors[1] < errors[2] < 20


def test_crop_is_the_same_when_other_sizes_and_photos_are_seen_as_well() -> None:
    def find(image: Image) -> list[Face]:
        height, width = image.shape[:2]
        template = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
        landmarks = (template * (width, height)).astype(np.float32)
        return [Face((0, 0, width, height), landmarks, 0.9)]

    view = detecting_viewer(find, "camera")
    sharp, _, small = view(scene(4), (None, 32, 16))
    view(scene(5), (24,))
    (again,) = view(scene(4), (16,))
    assert sharp is not None
    assert small is not None
    assert again is not None
    np.testing.assert_array_equal(small.pixels, again.pixels)
    # hr is the sharp photo, as for the other ways.
    (untouched,) = detecting_viewer(find, "photo")(scene(4), (None,))
    assert untouched is not None
    np.testing.assert_array_equal(sharp.pixels, untouched.pixels)


@pytest.mark.parametrize("size", [24, 16])
def test_real_faces_are_less_like_themselves_when_a_camera_takes_them(
    people: dict[str, list[bytes]], centerface: Detector, size: int
) -> None:
    embedder = Embedder(load_bundle(TRAINED), "cpu")

    def find(image: Image) -> list[Face]:
        return find_faces(centerface, image).faces

    sizes: tuple[Size, ...] = (None, size)
    similarity: dict[str, list[float]] = {"photo": [], "camera": []}
    for of_person in people.values():
        photo = decode_image(of_person[0])
        crops: list[Crop] = []
        for degrade in WAYS:
            seen = detecting_viewer(find, degrade)(photo, sizes)
            crops += [crop for crop in seen if crop is not None]
        if len(crops) == 4:  # found by both
            sharp, shrunk, _, by_camera = embedder.embed(crops)[0]
            similarity["photo"].append(float(sharp @ shrunk))
            similarity["camera"].append(float(sharp @ by_camera))
    assert len(similarity["photo"]) >= 8
    assert np.mean(similarity["camera"]) < np.mean(similarity["photo"]) - 0.05
    assert np.mean(similarity["camera"]) > 0.15
