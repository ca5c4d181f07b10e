"""Galleries that are made up, for files."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.gallery.portable import PortableGallery, PortablePhoto, PortableUser
from app.gallery.user_fields import Metadata
from app.vision.embedder import mean_embedding
from app.vision.quality import Quality

SPACE = "0123456789abcdef"
QUALITY = Quality(0.9, 0.5, -3.0, 2.0, 0.1, 0.99, 48.5)


def _embedding(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(512)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def _crop_png(seed: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (112, 112, 3), np.uint8)
    PillowImage.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _user(user_id: str, seed: int, *, with_crops: bool) -> PortableUser:
    photos = tuple(
        PortablePhoto(
            embedding=_embedding(seed + index),
            crop_png=_crop_png(seed + index) if with_crops else None,
            face_px=48.5 + index,
            quality=QUALITY,
            sha256=f"{seed + index:064x}",
        )
        for index in range(2)
    )
    template = mean_embedding([photo.embedding for photo in photos])
    metadata: Metadata = {"door": 3, "name": "Zoë", "hours": 1.5, "guest": False, "note": None}
    return PortableUser(user_id, template, 2, f"Mr {user_id}", metadata, photos)


@pytest.fixture(scope="session")
def embedding_of() -> Callable[[int], np.ndarray]:
    """(512,) float32 of unit length; another for every seed."""
    return _embedding


@pytest.fixture(scope="session")
def gallery() -> PortableGallery:
    """Anna with crops, Bert with photos but no crops, Carl with nothing but a template."""
    return PortableGallery(
        SPACE,
        "stock",
        (
            _user("anna", 10, with_crops=True),
            _user("bert", 20, with_crops=False),
            PortableUser("carl", _embedding(30), 4),
        ),
    )
