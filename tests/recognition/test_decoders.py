"""Photos are decoded in processes that are ended when they take too long, too much, or break."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as PillowImage

from app.errors import ImageTooLargeError, UnreadableImageError
from app.recognition.decoders import Decoders
from app.vision.image import open_photo
from app.vision.photo_file import DEFAULT_LIMITS
from benchmarks.fuzz_files import encoded, run_length_bmp
from benchmarks.fuzz_images import decoder_processes


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    decoders = Decoders(max_s=1.0)
    yield decoders
    decoders.close()


def sloping(width: int, height: int) -> PillowImage.Image:
    """Red tells x and green tells y, so that each pixel tells where it was."""
    x, y = np.meshgrid(np.linspace(20, 230, width), np.linspace(20, 230, height))
    return PillowImage.fromarray(np.stack([x, y, x * 0 + 128], axis=2).round().astype(np.uint8))


def test_photo_is_the_same_when_another_process_decodes_it(decoders: Decoders) -> None:
    exif = PillowImage.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = encoded(sloping(1803, 1201), "JPEG", exif=exif)
    ours, theirs = open_photo(data), decoders.open(data, DEFAULT_LIMITS)
    assert theirs.header == ours.header
    for shrink in (1, 4):
        mine, other = ours.decode(shrink), theirs.decode(shrink)
        assert np.array_equal(mine.pixels, other.pixels)
        assert (mine.first_px, mine.width_px) == (other.first_px, other.width_px)
    rects = [(10, 20, 300, 400), (0, 0, 1, 1), (700, 1100, 101, 103)]
    parts = zip(ours.decode_parts(rects), theirs.decode_parts(rects), strict=True)
    for mine, other in parts:
        assert np.array_equal(mine.pixels, other.pixels)
        assert (mine.first_px, mine.shrink) == (other.first_px, other.shrink)
    assert decoders.count()["busy"] == 0
    assert decoders.count()["idle"] >= 1


def test_small_jpeg_and_png_need_no_process() -> None:
    before = decoder_processes(os.getpid())
    decoders = Decoders(max_s=1.0)
    for name in ("JPEG", "PNG"):
        photo = decoders.open(encoded(sloping(640, 480), name), DEFAULT_LIMITS)
        assert photo.decode().pixels.shape == (480, 640, 3)
    assert decoder_processes(os.getpid()) == before


def test_photo_is_decoded_when_the_service_was_started_beside_another_package_named_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('not ours')\n")
    monkeypatch.chdir(tmp_path)
    decoders = Decoders(max_s=1.0)
    photo = decoders.open(encoded(sloping(300, 200), "BMP"), DEFAULT_LIMITS)
    assert photo.decode().pixels.shape == (200, 300, 3)
    decoders.close()


def test_reason_is_the_same_when_another_process_refuses(decoders: Decoders) -> None:
    with pytest.raises(UnreadableImageError, match="not a readable"):
        decoders.open(b"This is a text file.", DEFAULT_LIMITS)
    cut = encoded(sloping(100, 100), "BMP")[:-200]
    with pytest.raises(UnreadableImageError, match="damaged or cut off"):
        decoders.open(cut, DEFAULT_LIMITS).decode()


def test_neighbours_are_served_when_one_photo_takes_too_long(decoders: Decoders) -> None:
    bomb, plain = run_length_bmp(3000), encoded(sloping(300, 200), "BMP")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(decoders.open(bomb, DEFAULT_LIMITS).decode)
        served, busy = 0, set()
        while not slow.done():
            decoders.open(plain, DEFAULT_LIMITS).decode()
            served += 1
            busy.add(decoders.count()["busy"])
        with pytest.raises(ImageTooLargeError, match="more than 1 s of computing"):
            slow.result()
    assert served > 3
    assert 1 in busy
    decoders.open(plain, DEFAULT_LIMITS).decode()  # another process takes the place


def test_photo_is_refused_when_decoding_takes_more_memory_than_was_told(
    decoders: Decoders,
) -> None:
    data = encoded(PillowImage.new("RGB", (5000, 4000)), "PNG", compress_level=1)
    with pytest.raises((ImageTooLargeError, UnreadableImageError)):
        decoders.decode(data, DEFAULT_LIMITS, max_bytes=0, shrink=1)
    header = decoders.open(data, DEFAULT_LIMITS).header
    webp = encoded(PillowImage.new("RGB", (3500, 3000)), "WEBP", method=0)
    assert decoders.open(webp, DEFAULT_LIMITS).decode().pixels.shape == (3000, 3500, 3)
    (photo,) = decoders.decode(data, DEFAULT_LIMITS, header.decoding_bytes(), shrink=1)
    assert photo.pixels.shape == (4000, 5000, 3)


@pytest.mark.parametrize("when", ["it decodes", "it waits"])
def test_service_goes_on_when_a_process_is_killed_while(when: str) -> None:
    before = decoder_processes(os.getpid())
    decoders = Decoders(max_s=60.0)
    plain = encoded(sloping(300, 200), "BMP")
    decoders.open(plain, DEFAULT_LIMITS)
    (process,) = decoder_processes(os.getpid()) - before
    if when == "it decodes":
        bomb = decoders.open(run_length_bmp(3000), DEFAULT_LIMITS)
        killing = threading.Timer(0.2, os.kill, (process, signal.SIGKILL))
        killing.start()
        with pytest.raises(UnreadableImageError, match="decoder failed"):
            bomb.decode()
        killing.join()
    else:
        os.kill(process, signal.SIGKILL)
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    assert decoders.open(plain, DEFAULT_LIMITS).decode().pixels.shape == (200, 300, 3)
    decoders.close()
    assert decoder_processes(os.getpid()) == before
