"""Large photos: decoded smaller where that is enough, and never more than there is room for."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as PillowImage

from app.errors import UnreadableImageError
from app.recognition.byte_budget import ByteBudget
from app.recognition.recognizer import Finding, Recognizer
from app.vision.bundle import load_bundle
from app.vision.detection import DetectionPolicy
from app.vision.detector import Detector
from app.vision.embedder import Embedder
from app.vision.image import decode_image, open_photo
from app.vision.photo_file import ImageLimits

ROOM_BYTES = 100_000_000
# Two megapixels are looked at as half a megapixel: they are decoded by half.
POLICY = DetectionPolicy(budget_px=500_000)


class WatchedBudget(ByteBudget):
    """Knows what is reserved now, what the most was, and every reservation."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self.now = self.most = 0
        self.all: list[int] = []
        self._lock = threading.Lock()

    @contextmanager
    def reserve(self, n_bytes: int) -> Iterator[None]:
        with super().reserve(n_bytes):
            with self._lock:
                self.now += n_bytes
                self.most = max(self.most, self.now)
                self.all.append(n_bytes)
            try:
                yield
            finally:
                with self._lock:
                    self.now -= n_bytes


@pytest.fixture
def budget() -> WatchedBudget:
    return WatchedBudget(ROOM_BYTES)


@pytest.fixture
def recognizer(centerface: Detector, budget: WatchedBudget) -> Recognizer:
    return Recognizer(centerface, POLICY, ImageLimits(), budget)


@pytest.fixture(scope="module")
def embedder(stock_bundle: Path) -> Embedder:
    return Embedder(load_bundle(stock_bundle), "cpu")


def _in_two_megapixels(photo: bytes, height_px: int) -> PillowImage.Image:
    face = PillowImage.fromarray(decode_image(photo))
    page = PillowImage.new("RGB", (1603, 1251), (90, 100, 110))
    page.paste(face.resize((face.width * height_px // face.height, height_px)), (301, 40))
    return page


def _encoded(picture: PillowImage.Image, format_name: str = "JPEG", orientation: int = 1) -> bytes:
    file, exif = BytesIO(), PillowImage.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"quality": 97, "subsampling": 0} if format_name == "JPEG" else {}
    picture.save(file, format_name, exif=exif, **options)
    return file.getvalue()


def _compare(embedder: Embedder, whole: Finding, found: Finding) -> tuple[float, ...]:
    """Cosine, and by how much of its size the face is larger, and farther right and down."""
    (one,), (other,) = whole.faces, found.faces
    assert (whole.width_px, whole.height_px) == (found.width_px, found.height_px)
    assert whole.searched_from_px == found.searched_from_px
    embeddings, _ = embedder.embed([one.crop, other.crop])
    x, y = (other.face.landmarks - one.face.landmarks).mean(axis=0) / one.crop.face_px
    larger = other.crop.face_px / one.crop.face_px - 1
    return float(embeddings[0] @ embeddings[1]), larger, float(x), float(y)


@pytest.mark.parametrize("orientation", [1, 6, 7])
@pytest.mark.parametrize("height_px", [1150, 280], ids=["large face", "small face"])
def test_face_is_the_same_when_its_photo_is_decoded_smaller(
    recognizer: Recognizer,
    budget: WatchedBudget,
    embedder: Embedder,
    people: dict[str, list[bytes]],
    orientation: int,
    height_px: int,
) -> None:
    # What brings an upright photo to the way in which a file of this orientation has it.
    turn = {
        6: PillowImage.Transpose.ROTATE_90,
        7: PillowImage.Transpose.TRANSVERSE,
    }.get(orientation)
    compared = []
    for photos in list(people.values())[:3]:
        picture = _in_two_megapixels(photos[0], height_px)
        data = _encoded(picture if turn is None else picture.transpose(turn), "JPEG", orientation)
        found = recognizer.find(data, max_faces=1)
        assert open_photo(data).header.decoding_bytes(2) in budget.all
        compared.append(_compare(embedder, recognizer.find(decode_image(data), max_faces=1), found))
    # The detector is a little less exact on the smaller picture, but not to one side.
    cosine, *aside = np.median(compared, axis=0)
    assert cosine > (0.98 if height_px > 1000 else 0.9)
    assert np.abs(aside).max() < 0.02


def test_crop_has_the_file_s_pixels_when_the_face_is_small(
    recognizer: Recognizer, budget: WatchedBudget, people: dict[str, list[bytes]]
) -> None:
    data = _encoded(_in_two_megapixels(people["anna"][0], 280))
    found = recognizer.find(data, max_faces=1).faces[0]
    assert found.crop.face_px < 224
    assert len(budget.all) == 2
    large = _encoded(_in_two_megapixels(people["anna"][0], 1150))
    assert recognizer.find(large, max_faces=1).faces[0].crop.face_px > 224
    assert len(budget.all) == 3


def test_whole_photo_is_decoded_once_when_its_format_knows_no_smaller(
    recognizer: Recognizer,
    budget: WatchedBudget,
    embedder: Embedder,
    people: dict[str, list[bytes]],
) -> None:
    picture = _in_two_megapixels(people["anna"][0], 280)
    data = _encoded(picture, "PNG")
    found = recognizer.find(data, max_faces=1)
    assert budget.all == [open_photo(data).header.decoding_bytes()]
    compared = _compare(embedder, recognizer.find(np.asarray(picture), max_faces=1), found)
    assert compared == pytest.approx((1, 0, 0, 0), abs=1e-5)


def test_budget_is_kept_when_many_threads_read_large_photos(
    centerface: Detector, people: dict[str, list[bytes]]
) -> None:
    data = _encoded(_in_two_megapixels(people["anna"][0], 280))
    one = open_photo(data).header.decoding_bytes(2)
    budget = WatchedBudget(3 * one)
    recognizer = Recognizer(centerface, POLICY, ImageLimits(), budget)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: recognizer.find(data, max_faces=1), range(12)))
    assert [len(finding.faces) for finding in found] == [1] * 12
    assert len(budget.all) == 24
    assert one <= budget.most <= 3 * one
    assert budget.now == 0


@pytest.mark.parametrize("reduced", [True, False])
def test_room_is_given_back_when_the_photo_is_cut_off(
    recognizer: Recognizer, budget: WatchedBudget, people: dict[str, list[bytes]], *, reduced: bool
) -> None:
    picture = _in_two_megapixels(people["anna"][0], 280)
    data = _encoded(picture, "JPEG" if reduced else "PNG")
    with pytest.raises(UnreadableImageError):
        recognizer.find(data[: len(data) // 2], max_faces=1)
    assert len(budget.all) == 1
    assert budget.now == 0
