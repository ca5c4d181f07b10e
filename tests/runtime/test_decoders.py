"""Photos are decoded in processes that are ended when they take too long, too much, or break."""

import os
import signal
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as PillowImage

from app.errors import ImageTooLargeError, UnreadableImageError
from app.runtime.decoders import Decoders
from app.vision.image import open_photo
from app.vision.photo_file import DEFAULT_LIMITS


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    decoders = Decoders(max_s=1.0)
    yield decoders
    decoders.close()


def sloping(width: int, height: int) -> PillowImage.Image:
    """Red tells x and green tells y, so that each pixel tells where it was."""
    x, y = np.meshgrid(np.linspace(20, 230, width), np.linspace(20, 230, height))
    return PillowImage.fromarray(np.stack([x, y, x * 0 + 128], axis=2).round().astype(np.uint8))


def encoded(photo: PillowImage.Image, format_name: str, **options: object) -> bytes:
    stream = BytesIO()
    photo.save(stream, format_name, **options)
    return stream.getvalue()


def slow_bmp(side: int) -> bytes:
    """Run-length coded, a run for each pixel: Pillow decodes this in Python, 1 MB in a second."""
    runs = (b"\x01\x07" * side + b"\0\0") * side
    palette = bytes(4 * 256)
    offset = 14 + 40 + len(palette)
    head = struct.pack("<2sIII", b"BM", offset + len(runs), 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return head + info + palette + runs


def test_photo_is_the_same_when_another_process_decodes_it(decoders: Decoders) -> None:
    exif = PillowImage.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = encoded(sloping(1203, 801), "JPEG", exif=exif)
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


def test_reason_is_the_same_when_another_process_refuses(decoders: Decoders) -> None:
    with pytest.raises(UnreadableImageError, match="not a readable"):
        decoders.open(b"This is a text file.", DEFAULT_LIMITS)
    cut = encoded(sloping(100, 100), "PNG")[:-200]
    with pytest.raises(UnreadableImageError, match="damaged or cut off"):
        decoders.open(cut, DEFAULT_LIMITS).decode()


def test_neighbours_are_served_when_one_photo_takes_too_long(decoders: Decoders) -> None:
    bomb, plain = slow_bmp(3000), encoded(sloping(300, 200), "JPEG")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(decoders.open(bomb, DEFAULT_LIMITS).decode)
        served = 0
        while not slow.done():
            decoders.open(plain, DEFAULT_LIMITS).decode()
            served += 1
        with pytest.raises(ImageTooLargeError, match="more than 1 s of computing"):
            slow.result()
    assert served > 3
    decoders.open(plain, DEFAULT_LIMITS).decode()  # another process takes the place


def test_photo_is_refused_when_decoding_takes_more_memory_than_was_told(
    decoders: Decoders,
) -> None:
    data = encoded(PillowImage.new("RGB", (6000, 5000)), "PNG")
    with pytest.raises((ImageTooLargeError, UnreadableImageError)):
        decoders.decode(data, DEFAULT_LIMITS, max_bytes=0, shrink=1)
    header = decoders.open(data, DEFAULT_LIMITS).header
    (photo,) = decoders.decode(data, DEFAULT_LIMITS, header.decoding_bytes(), shrink=1)
    assert photo.pixels.shape == (5000, 6000, 3)


def _processes() -> set[int]:
    """Decoder processes that this one has started and not waited for."""
    children = Path(f"/proc/self/task/{threading.main_thread().native_id}/children")
    return {
        int(pid)
        for pid in children.read_text().split()
        if b"decoder_process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    }


@pytest.mark.parametrize("when", ["it decodes", "it waits"])
def test_service_goes_on_when_a_process_is_killed_while(when: str) -> None:
    before = _processes()
    decoders = Decoders(max_s=60.0)
    plain = encoded(sloping(300, 200), "JPEG")
    decoders.open(plain, DEFAULT_LIMITS)
    (process,) = _processes() - before
    if when == "it decodes":
        bomb = decoders.open(slow_bmp(3000), DEFAULT_LIMITS)
        killing = threading.Timer(0.2, os.kill, (process, signal.SIGKILL))
        killing.start()
        with pytest.raises(UnreadableImageError, match="cannot be decoded"):
            bomb.decode()
        killing.join()
    else:
        os.kill(process, signal.SIGKILL)
    assert decoders.open(plain, DEFAULT_LIMITS).decode().pixels.shape == (200, 300, 3)
    decoders.close()
    assert _processes() == before
