"""The way of one photo, with the real networks."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.errors import ImageTooLargeError, UnreadableImageError
from app.recognition.byte_budget import ByteBudget
from app.recognition.recognizer import FoundFace, Recognizer
from app.vision.bundle import load_bundle
from app.vision.detection import DEFAULT_POLICY
from app.vision.detector import Detector
from app.vision.embedder import Embedder
from app.vision.image import decode_image
from app.vision.photo_file import ImageLimits


@pytest.fixture(scope="module")
def embedder(stock_bundle: Path) -> Embedder:
    return Embedder(load_bundle(stock_bundle), "cpu")


@pytest.fixture(scope="module")
def recognizer(centerface: Detector) -> Recognizer:
    return Recognizer(centerface, DEFAULT_POLICY, ImageLimits(), ByteBudget(10**9))


def _png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    PillowImage.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _side_by_side(first: bytes, second: bytes) -> bytes:
    """Two photos in one, the second half as large."""
    left = PillowImage.fromarray(decode_image(first))
    right = PillowImage.fromarray(decode_image(second)).reduce(2)
    page = PillowImage.new("RGB", (left.width + right.width, max(left.height, right.height)))
    page.paste(left, (0, 0))
    page.paste(right, (left.width, 0))
    return _png(np.asarray(page))


def _similarity(embedder: Embedder, first: FoundFace, second: FoundFace) -> float:
    embeddings, _ = embedder.embed([first.crop, second.crop])
    return float(embeddings[0] @ embeddings[1])


def test_faces_come_largest_first_when_there_are_several(
    recognizer: Recognizer, embedder: Embedder, people: dict[str, list[bytes]]
) -> None:
    (first, *_), (second, *_) = people["anna"], people["bert"]
    both = recognizer.find(_side_by_side(first, second), max_faces=10)
    assert both.faces_found == len(both.faces) == 2
    assert both.faces[0].crop.face_px > both.faces[1].crop.face_px
    one = recognizer.find(_side_by_side(first, second), max_faces=1)
    assert one.faces_found == 2
    assert len(one.faces) == 1
    alone = recognizer.find(first, max_faces=1)
    assert _similarity(embedder, alone.faces[0], one.faces[0]) > 0.95
    assert set(one.timings_ms) == {"decode", "detect", "align"}


def test_nothing_is_found_when_there_is_no_face(recognizer: Recognizer) -> None:
    grey = _png(np.full((200, 200, 3), 128, np.uint8))
    assert recognizer.find(grey, max_faces=10).faces == []


def test_crop_is_taken_as_it_is_when_detection_is_off(
    recognizer: Recognizer, embedder: Embedder, people: dict[str, list[bytes]]
) -> None:
    found = recognizer.find(people["anna"][0], max_faces=1).faces[0]
    again = recognizer.find(_png(found.crop.pixels), max_faces=1, detect=False).faces[0]
    assert again.crop.face_px == 112
    assert np.array_equal(again.crop.pixels, found.crop.pixels)
    assert _similarity(embedder, again, found) > 0.999999


@pytest.mark.parametrize("side_px", [16, 24, 64, 300])
def test_crop_has_its_side_as_face_px_when_detection_is_off(
    recognizer: Recognizer, embedder: Embedder, people: dict[str, list[bytes]], side_px: int
) -> None:
    found = recognizer.find(people["anna"][0], max_faces=1).faces[0]
    resized = PillowImage.fromarray(found.crop.pixels).resize((side_px, side_px))
    face = recognizer.find(_png(np.asarray(resized)), max_faces=1, detect=False).faces[0]
    assert face.crop.face_px == side_px
    assert face.crop.pixels.shape == (112, 112, 3)
    assert _similarity(embedder, face, found) > (0.5 if side_px >= 24 else 0.25)


def test_photo_is_refused_when_it_is_none_or_too_large(
    recognizer: Recognizer, centerface: Detector
) -> None:
    with pytest.raises(UnreadableImageError):
        recognizer.find(b"no photo", max_faces=1)
    strict = Recognizer(
        centerface,
        DEFAULT_POLICY,
        ImageLimits(max_pixels=100),
        ByteBudget(10**9),
    )
    with pytest.raises(ImageTooLargeError):
        strict.find(_png(np.zeros((11, 11, 3), np.uint8)), max_faces=1)
