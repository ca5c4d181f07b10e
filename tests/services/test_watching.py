"""Which parts of frames a watch looks at, and where faces in them are; without networks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from app.recognition.recognizer import Finding
from app.services.watching import Watch, WatchWishes
from app.vision.image import Image
from app.vision.quality import Quality

_FRAME = np.zeros((720, 1280, 3), np.uint8)
_SIDE = 20


class _Inference:
    """Finds a face wherever the first channel is 255: one in each picture at most."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        yield

    async def find(self, picture: Image, **_: object) -> Finding:
        height, width = picture.shape[:2]
        self.sizes.append((width, height))
        y, x = np.nonzero(picture[..., 0] == 255)
        faces = []
        if len(x):
            face = SimpleNamespace(box=(float(x.min()), float(y.min()), _SIDE, _SIDE))
            quality = Quality(0.5, 0.5, 0, 0, 0, 0.9, 24)
            faces.append(SimpleNamespace(face=face, crop=None, quality=quality))
        return Finding(cast(Any, faces), len(faces), width, height, 0, 16, {})

    async def embed(self, crops: Sequence[object], _embedder: object) -> NDArray[np.float32]:
        return np.tile(np.eye(1, 512, dtype=np.float32), (len(crops), 1))


class _Search:
    async def best(self, *_: object) -> list[list[object]]:
        return [[]]


def _watch(inference: _Inference, wishes: WatchWishes | None = None) -> Watch:
    serving = SimpleNamespace(
        embedder=None, search_threshold=lambda *_: 0.35, template_px=lambda _faces_px: None
    )
    current = SimpleNamespace(serving=serving)
    return Watch(
        cast(Any, inference), cast(Any, current), cast(Any, _Search()), wishes or WatchWishes()
    )


def _frame(x: int, y: int) -> Image:
    frame = _FRAME.copy()
    frame[y : y + _SIDE, x : x + _SIDE, 0] = 255
    return frame


async def test_a_face_is_where_it_is_in_the_frame_when_only_a_part_is_looked_at() -> None:
    inference = _Inference()
    watch = _watch(inference)
    for number in range(4):
        x = 600 + 10 * number
        await watch.see(_frame(x, 300), number / 5, [(x - 10, 300, 30, 20)])
    assert [of.box for of in watch.followed()] == [(630, 300, _SIDE, _SIDE)]
    assert inference.sizes[0] == (1280, 720)
    assert all(width * height < 0.1 * 1280 * 720 for width, height in inference.sizes[1:])


async def test_everything_is_looked_at_every_two_seconds_when_something_moves() -> None:
    inference = _Inference()
    watch = _watch(inference)
    for number in range(21):
        await watch.see(_FRAME, number / 5, [(100, 100, 16, 16)])
    whole = [number for number, size in enumerate(inference.sizes) if size == (1280, 720)]
    assert whole == [0, 10, 20]


async def test_everything_is_looked_at_when_nobody_knows_what_has_moved() -> None:
    inference = _Inference()
    watch = _watch(inference)
    for number in range(3):
        await watch.see(_FRAME, number / 5)
    assert inference.sizes == [(1280, 720)] * 3


async def test_a_face_in_a_part_is_passed_over_when_it_is_in_no_zone() -> None:
    left = ((0.0, 0.0), (0.4, 0.0), (0.4, 1.0), (0.0, 1.0))
    watch = _watch(_Inference(), WatchWishes(zones=(left,)))
    for number in range(4):
        await watch.see(_frame(600, 300), number / 5, [(600, 300, 20, 20)])
    assert watch.followed() == []
