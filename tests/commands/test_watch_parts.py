"""Sources, outputs and what is asked, without networks."""

import asyncio
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from app.commands.camera import CameraError
from app.commands.watching.camera_watch import CameraWatch
from app.commands.watching.config import Camera, Save, WatchConfig, Webhook, read_config
from app.commands.watching.outputs import SIGNATURE, Crops, Lines, Told, WebhookOutput
from app.commands.watching.source import Source, name_of
from app.errors import SettingsError
from app.tracking.events import Event, EventKind, Followed, Verdict
from app.tracking.motion import Motion
from app.vision.image import Image, Rect
from tests.rtsp_server import RtspServer
from tests.simulated_video import write_video

_PATIENCE_S = 60
_FRAME = np.full((360, 640, 3), 100, np.uint8)


def _pictures(count: int) -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (120, 160, 3), np.uint8) for _ in range(count)]


async def _within(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - a thread's counts tell no event
            await asyncio.sleep(0.01)


async def test_a_stream_is_read_again_when_it_was_cut_off() -> None:
    server = RtspServer(_pictures(10), fps=10)
    source = Source(server.url, fps=10, pause_s=0.05)
    source.start()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            assert await source.fetch() is not None
            server.cut_off()
            await _within(lambda: source.counts.lost > 1)
            server.resume()
            await _within(lambda: server.clients > 1)
            while (frame := await source.fetch()) is not None and source.counts.lost < 2:
                pass
        assert frame is not None
        assert frame.image.shape == (120, 160, 3)
    finally:
        server.cut_off()
        source.close()


async def test_frames_of_a_camera_are_dropped_when_nobody_fetches_them() -> None:
    server = RtspServer(_pictures(10), fps=30)
    source = Source(server.url, fps=30)
    source.start()
    try:
        await _within(lambda: source.counts.dropped > 10)
        async with asyncio.timeout(_PATIENCE_S):
            first, second = await source.fetch(), await source.fetch()
        assert first is not None
        assert second is not None
        assert first.at_s > 10 / 30  # not one of the first, which were dropped
    finally:
        server.cut_off()
        source.close()


async def test_no_frame_of_a_file_is_dropped_when_they_are_fetched_slowly(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", iter([_FRAME] * 10), 100)
    source = Source(str(path), fps=5)
    source.start()
    times = []
    while (frame := await source.fetch()) is not None:
        times.append(frame.at_s)
        await asyncio.sleep(0.02)
    assert times == pytest.approx([number / 5 for number in range(10)])
    assert (source.counts.seen, source.counts.dropped) == (10, 0)


async def test_a_file_is_refused_when_it_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"not a video")
    source = Source(str(path), fps=5)
    source.start()
    with pytest.raises(CameraError, match=r"video\.mp4 is not a readable video"):
        await source.fetch()


def test_a_camera_is_called_without_password_when_it_has_no_name() -> None:
    assert name_of("rtsp://ada:secret@10.0.0.7:554/stream?token=1") == "10.0.0.7/stream"
    assert name_of("0") == "/dev/video0"
    assert name_of("clips/door.mp4") == "door.mp4"


class _Heard:
    """A webhook's requests: headers and bodies; the first few are answered otherwise."""

    def __init__(self, *statuses: int) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.statuses = list(statuses)


@contextmanager
def _webhook(heard: _Heard) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.requests.append((dict(self.headers), body))
            self.send_response(heard.statuses.pop(0) if heard.statuses else 204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/faces"
    finally:
        server.shutdown()
        server.server_close()


async def _delivered(output: WebhookOutput, *events: Told) -> None:
    for event in events:
        output.take(event)
    worker = asyncio.create_task(output.run())
    await output.finish()
    worker.cancel()


async def test_a_webhook_is_signed_when_an_event_is_posted() -> None:
    heard = _Heard()
    with _webhook(heard) as url:
        await _delivered(WebhookOutput(Webhook(url=url), "key"), {"event": "left"})
    ((headers, body),) = heard.requests
    at, _, signature = headers[SIGNATURE].partition(",")
    seconds = at.removeprefix("t=")
    assert abs(int(seconds) - time.time()) < 3600
    expected = hmac.new(b"key", f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert signature == f"v1={expected}"
    assert json.loads(body) == {"event": "left"}


async def test_an_event_is_posted_again_when_the_webhook_fails() -> None:
    heard = _Heard(500, 503)
    with _webhook(heard) as url:
        await _delivered(WebhookOutput(Webhook(url=url), "key", pause_s=0.01), {"event": "left"})
    assert len(heard.requests) == 3


async def test_no_more_events_are_posted_when_the_limit_of_a_minute_is_reached() -> None:
    heard = _Heard()
    with _webhook(heard) as url:
        output = WebhookOutput(Webhook(url=url, per_minute=3), "key")
        events: list[Told] = [{"event": number} for number in range(10)]
        await _delivered(output, *events)
    assert len(heard.requests) == 3
    assert output.dropped == 7


async def test_a_camera_goes_on_when_a_webhook_hangs(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", iter(_busy_frames(300)), 300)
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        hanging = WebhookOutput(Webhook(url=url), "key", timeout_s=600)
        worker = asyncio.create_task(hanging.run())
        watch = CameraWatch(
            Camera(source=str(path)),
            WatchConfig(fps=5, motion=False),
            _Told(EventKind.APPEARED),
            [Lines(lines.append), hanging],
            None,
            Source(str(path), 5),
        )
        async with asyncio.timeout(_PATIENCE_S):
            await watch.run()
        worker.cancel()
    assert len(lines) == 300
    assert hanging.dropped == 300 - 200 - 1  # one was being sent, 200 wait


def _busy_frames(count: int) -> list[Image]:
    return [_FRAME] * count


class _Told:
    """A watcher that tells an event of this kind for each frame, always of the same user."""

    def __init__(self, kind: EventKind) -> None:
        self._kind = kind
        self.asked = 0

    async def see(
        self, frame: Image, at_s: float, moved: Sequence[Rect] | None = None
    ) -> list[Event]:
        self.asked += 1
        crop = np.zeros((112, 112, 3), np.uint8)
        user_id = "ada" if self._kind is EventKind.RECOGNISED else None
        verdict = Verdict(user_id, 0.6, 0.3, 0.35)
        return [Event(self._kind, 1, at_s, 0.0, (1, 2, 3, 4), 20, 0, 3, 3, verdict, crop)]

    async def stay(self, at_s: float) -> list[Event]:
        return []

    async def end(self) -> list[Event]:
        return []

    def followed(self) -> list[Followed]:
        return [Followed((1, 2, 3, 4), None)] * (self.asked > 1)


async def _watched(
    path: Path, config: WatchConfig, watcher: _Told, crops: Crops | None = None
) -> list[dict[str, object]]:
    lines: list[str] = []
    source = Source(str(path), config.fps)
    camera = Camera(source=str(path), name="door")
    await CameraWatch(camera, config, watcher, [Lines(lines.append)], crops, source).run()
    return [json.loads(line) for line in lines]


async def test_a_name_is_told_once_when_it_comes_again_within_the_pause(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", iter([_FRAME] * 20), 100)
    config = WatchConfig(fps=5, motion=False, repeat_minutes=2 / 60)
    told = await _watched(path, config, _Told(EventKind.RECOGNISED))
    assert [event["at_s"] for event in told] == [0, 2]
    assert {event["user_id"] for event in told} == {"ada"}


async def test_each_frame_is_shown_with_the_faces_in_it_when_there_is_a_preview(
    tmp_path: Path,
) -> None:
    path = write_video(tmp_path / "video.mp4", iter([_FRAME] * 4), 100)
    shown: list[tuple[tuple[int, ...], int]] = []
    watch = CameraWatch(
        Camera(source=str(path)),
        WatchConfig(fps=5, motion=False),
        _Told(EventKind.APPEARED),
        [],
        None,
        Source(str(path), 5),
        preview=lambda image, faces: shown.append((image.shape, len(faces))),
    )
    await watch.run()
    assert shown == [((360, 640, 3), 0), *[((360, 640, 3), 1)] * 3]


async def test_only_the_first_frame_is_looked_at_when_nothing_moves(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", iter([_FRAME] * 10), 100)
    watcher = _Told(EventKind.APPEARED)
    await _watched(path, WatchConfig(fps=5), watcher)
    assert watcher.asked == 1


def test_a_small_face_that_moves_is_motion_when_nothing_else_does() -> None:
    motion, rng = Motion(), np.random.default_rng(0)

    def frame(x: int) -> Image:
        picture = np.full((720, 1280, 3), 120.0) + rng.normal(0, 4, (720, 1280, 3))
        picture[300:320, x : x + 16] = 200
        return np.asarray(picture.clip(0, 255), np.uint8)

    assert motion.moved(frame(100)) == [(0, 0, 1280, 720)]
    assert motion.moved(frame(100)) == []
    for x, y, width, height in motion.moved(frame(116)):
        assert 90 <= x <= x + width <= 142
        assert 290 <= y <= y + height <= 330


async def test_crops_of_strangers_are_kept_when_asked_and_removed_when_old(
    tmp_path: Path,
) -> None:
    path = write_video(tmp_path / "video.mp4", iter([_FRAME] * 2), 100)
    folder = tmp_path / "unknown"
    crops = Crops(Save(folder=folder, days=1))
    config = WatchConfig(fps=5, motion=False)
    await _watched(path, config, _Told(EventKind.RECOGNISED), crops)
    assert not folder.exists()
    await _watched(path, config, _Told(EventKind.UNKNOWN), crops)
    kept = sorted(folder.iterdir())
    assert len(kept) == 2
    assert kept[0].stat().st_mode & 0o777 == 0o600
    mine = folder / "mine.png"
    mine.touch()
    Crops(Save(folder=folder, days=1e-9)).sweep()
    assert list(folder.iterdir()) == [mine]


def test_a_config_is_read_when_all_in_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text(
        'fps = 5\nquiet_hours = ["22:00", "06:00"]\n'
        '[[camera]]\nname = "door"\nsource = "rtsp://10.0.0.7/a"\n'
        "zones = [[[0, 0.5], [1, 0.5], [1, 1]]]\n"
    )
    config = read_config(path, {"fps": None, "min_face_px": 20})
    assert (config.fps, config.min_face_px, config.camera[0].told_as) == (5, 20, "door")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fpss = 5", "fpss"),
        ("fps = 0", "fps"),
        ('[[camera]]\nsource = "0"\nzones = [[[0, 2]]]', "camera.0.zones"),
        ('quiet_hours = ["22:00", "22:00"]', "quiet_hours"),
        ("fps = ", "cannot be read as TOML"),
    ],
)
def test_a_config_is_refused_with_its_name_when_something_is_wrong(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_config(path, {})
    assert told in refused.value.detail
