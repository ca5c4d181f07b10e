"""The socket for cameras, on a real service."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import websockets
from PIL import Image as PillowImage

from app.services.keys import Scope
from app.settings import Settings
from app.vision.image import Image, decode_image
from farsight_client import ApiError, AsyncClient, CameraEvent, Client, FrameRefused, FrameSeen
from tests.api.conftest import create_key
from tests.service_process import serving

_PATIENCE_S = 120


@dataclass
class _Running:
    url: str
    key: str
    weak_key: str
    log: Path


@pytest.fixture(scope="module")
def running(
    make_settings: Callable[[Path], Settings],
    people: dict[str, list[bytes]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[_Running]:
    """A service that knows anna."""
    folder = tmp_path_factory.mktemp("watch")
    settings = make_settings(folder)
    key = create_key(settings, Scope.ENROLL, Scope.IDENTIFY)
    with serving(settings, folder) as service:
        with Client(service.url, key) as farsight:
            farsight.register("anna", people["anna"][:4])
        yield _Running(service.url, key, create_key(settings, Scope.ENROLL), service.log)


def _jpeg(picture: Image) -> bytes:
    file = BytesIO()
    PillowImage.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture(scope="module")
def small(people: dict[str, list[bytes]]) -> list[bytes]:
    """Frames of anna, with a face of 50 px."""
    return [_jpeg(decode_image(photo)[::2, ::2]) for photo in people["anna"][4:]]


async def test_a_visit_is_told_once_when_frames_are_sent(
    running: _Running, small: list[bytes]
) -> None:
    told: list[CameraEvent] = []
    seen = 0
    async with (
        asyncio.timeout(_PATIENCE_S),
        AsyncClient(running.url, running.key) as farsight,
        farsight.watch() as camera,
    ):
        news = aiter(camera)
        for number in range(5):
            await camera.send(small[number % len(small)], at_s=number / 2)
            while not isinstance(each := await anext(news), FrameSeen):
                assert isinstance(each, CameraEvent)
                told.append(each)
            assert (each.frame, each.dropped) == (number + 1, 0)
            seen += 1
        await camera.stay(20)
        while not isinstance(await anext(news), FrameSeen):
            pass
        await camera.end(21)
        while not isinstance(each := await anext(news), FrameSeen):
            assert isinstance(each, CameraEvent)
            told.append(each)
    assert [(of.event, of.user_id) for of in told] == [
        ("appeared", None),
        ("recognised", "anna"),
        ("left", "anna"),
    ]


async def test_a_socket_is_refused_before_any_frame_when_the_key_is_wrong(
    running: _Running,
) -> None:
    for key, status, code in ((None, 401, "unauthenticated"), (running.weak_key, 403, None)):
        async with asyncio.timeout(_PATIENCE_S), AsyncClient(running.url, key) as farsight:
            with pytest.raises(ApiError) as refused:
                async with farsight.watch():
                    pass
        assert refused.value.status == status
        assert code in {None, refused.value.code}


def test_a_visit_is_told_once_when_the_client_waits(running: _Running, small: list[bytes]) -> None:
    told: list[CameraEvent] = []
    with Client(running.url, running.key) as farsight, farsight.watch() as camera:
        for number in range(4):
            camera.send(small[number % len(small)], at_s=number / 2)
            for each in camera:
                if isinstance(each, FrameSeen):
                    break
                assert isinstance(each, CameraEvent)
                told.append(each)
    assert [of.event for of in told] == ["appeared", "recognised"]


async def test_a_browser_is_let_in_when_the_key_is_a_subprotocol(
    running: _Running, small: list[bytes]
) -> None:
    address = running.url.replace("http", "ws") + "/v1/watch"
    async with (
        asyncio.timeout(_PATIENCE_S),
        websockets.connect(address, subprotocols=["farsight", running.key]) as browser,  # type: ignore[list-item]  # text
    ):
        assert browser.subprotocol == "farsight"  # the key is not sent back
        await browser.send("{}")
        assert json.loads(await browser.recv())["type"] == "ready"
    assert running.key not in running.log.read_text()


async def test_the_next_frames_are_seen_when_one_is_no_image(
    running: _Running, small: list[bytes]
) -> None:
    async with (
        asyncio.timeout(_PATIENCE_S),
        AsyncClient(running.url, running.key) as farsight,
        farsight.watch() as camera,
    ):
        news = aiter(camera)
        await camera.send(b"nothing")
        refused = await anext(news)
        assert isinstance(refused, FrameRefused)
        assert (refused.frame, refused.code) == (1, "unreadable_image")
        await camera.send(small[0])
        assert isinstance(await anext(news), FrameSeen)


async def test_a_sentence_is_told_when_options_are_wrong(running: _Running) -> None:
    address = running.url.replace("http", "ws") + "/v1/watch"
    headers = {"Authorization": f"Bearer {running.key}"}
    async with (
        asyncio.timeout(_PATIENCE_S),
        websockets.connect(address, additional_headers=headers) as camera,
    ):
        await camera.send('{"treshold": 0.5}')
        refused = json.loads(await camera.recv())
        assert (refused["type"], refused["code"]) == ("error", "invalid_request")
        assert "treshold" in refused["detail"]
        with pytest.raises(websockets.ConnectionClosed):
            await camera.recv()


async def test_frames_are_dropped_and_told_when_they_come_faster_than_they_are_seen(
    running: _Running, small: list[bytes]
) -> None:
    async with (
        asyncio.timeout(_PATIENCE_S),
        AsyncClient(running.url, running.key) as farsight,
        farsight.watch() as camera,
    ):
        for _ in range(60):
            await camera.send(small[0])
        dropped = 0
        async for each in camera:
            if isinstance(each, FrameSeen):
                dropped = each.dropped
                if each.frame == 60:
                    break
    assert dropped > 10


async def test_a_socket_is_refused_until_one_ends_when_the_key_has_as_many_as_it_may(
    running: _Running,
) -> None:
    address = running.url.replace("http", "ws") + "/v1/watch"
    headers = {"Authorization": f"Bearer {running.key}"}
    async with asyncio.timeout(_PATIENCE_S), AsyncExitStack() as opened:
        cameras = [
            await opened.enter_async_context(
                websockets.connect(address, additional_headers=headers)
            )
            for _ in range(16)
        ]
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(address, additional_headers=headers)
        assert refused.value.response.status_code == 503
        assert "retry-after" in refused.value.response.headers
        await cameras[0].close()
        while True:  # the service may learn of it a moment later
            with suppress(websockets.InvalidStatus):
                async with websockets.connect(address, additional_headers=headers) as camera:
                    await camera.send("{}")
                    assert json.loads(await camera.recv())["type"] == "ready"
                    break


async def test_others_are_answered_when_a_client_stops_reading(
    running: _Running, small: list[bytes]
) -> None:
    address = running.url.replace("http", "ws") + "/v1/watch"
    headers = {"Authorization": f"Bearer {running.key}"}
    async with (
        asyncio.timeout(_PATIENCE_S),
        websockets.connect(
            address, additional_headers=headers, max_queue=1, compression=None
        ) as deaf,
        AsyncClient(running.url, running.key) as farsight,
        farsight.watch() as camera,
    ):
        await deaf.send("{}")
        raw = deaf.transport.get_extra_info("socket")
        assert isinstance(raw, socket.socket) or raw is not None
        deaf.transport.pause_reading()
        note = json.dumps({"at_s": 1, "instead": "still"})
        for _ in range(5000):  # each is answered with a line that nobody reads
            await deaf.send(note)
        news = aiter(camera)
        for _ in range(3):
            await camera.send(small[0])
            while not isinstance(await anext(news), FrameSeen):
                pass
        found = await farsight.identify([small[0]])
        assert found.faces
        deaf.transport.abort()


def _clip(frames: list[bytes], seconds: float, folder: Path) -> bytes:
    pictures = [decode_image(frame)[:140, :110] for frame in frames]
    count = round(seconds * 5)
    path = folder / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height = 110, 140
        stream.pix_fmt = "yuv420p"
        for number in range(count):
            picture = np.ascontiguousarray(pictures[number % len(pictures)])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def test_a_visit_is_answered_when_a_clip_is_sent(
    running: _Running, small: list[bytes], tmp_path: Path
) -> None:
    with Client(running.url, running.key) as farsight:
        found = farsight.identify_clip(_clip(small[:2], 2, tmp_path), fps=2)
    assert found.frames == 4
    assert [visit.user_id for visit in found.visits] == ["anna"]
    assert found.visits[0].since_s == 0


def test_visits_are_answered_when_photos_are_frames_of_a_video(
    running: _Running, small: list[bytes]
) -> None:
    with Client(running.url, running.key) as farsight:
        found = farsight.identify(small[:3], frames_of="video")
        assert farsight.identify(small[:1]).visits is None
    assert found.visits is not None
    assert [(of.user_id, of.since_s, of.at_s) for of in found.visits] == [("anna", 0, 2)]


def test_a_clip_is_refused_when_it_is_damaged_or_lies_about_its_length(
    running: _Running, small: list[bytes], tmp_path: Path
) -> None:
    long = _clip(small[:1], 63, tmp_path)
    # Its headers say one second now; the frames go on for 63.
    lying = bytearray(long)
    for box in (b"mvhd", b"tkhd", b"mdhd"):
        at = lying.index(box) + (24 if box == b"tkhd" else 20)
        lying[at : at + 4] = (1000).to_bytes(4, "big")
    with Client(running.url, running.key) as farsight:
        for clip, code in (
            (b"nothing", "unreadable_clip"),
            (long[: len(long) // 2], "unreadable_clip"),
            (bytes(lying), "clip_too_large"),
        ):
            with pytest.raises(ApiError) as refused:
                farsight.identify_clip(clip, fps=0.2)
            assert (refused.value.status, refused.value.code) == (422, code)
            assert "/" not in refused.value.detail
        assert farsight.identify(small[0]).faces
