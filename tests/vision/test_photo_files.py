"""Files as telephones, cameras and doorbells write them, and as people write them who mean harm."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms
from PIL.PngImagePlugin import PngInfo

from app.errors import ImageTooLargeError, UnreadableImageError
from app.vision.image import decode_image, open_photo
from app.vision.photo_file import FORMATS, MAX_SCANS
from tests.vision.icc import display_p3, green_ink

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
END_MARK, SCAN_MARK = b"\xff\xd9", b"\xff\xda"


def landscape(width: int = 320, height: int = 240) -> PillowImage.Image:
    """Slopes with some noise; nowhere grey."""
    x, y = np.meshgrid(np.linspace(20, 230, width), np.linspace(20, 230, height))
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    pixels = np.stack([x, y, 255 - x], axis=2) + noise
    return PillowImage.fromarray(pixels.clip(0, 255).astype(np.uint8))


def encoded(photo: PillowImage.Image, format_name: str, **options: object) -> bytes:
    stream = BytesIO()
    photo.save(stream, format_name, **options)
    return stream.getvalue()


# Lossy ones by the mean difference, at the quality that Pillow takes by itself.
@pytest.mark.parametrize("format_name", FORMATS)
def test_pixels_are_those_of_the_photo_in_every_format(format_name: str) -> None:
    photo = landscape()
    image = decode_image(encoded(photo, format_name))
    differences = np.abs(image.astype(int) - np.asarray(photo)).mean()
    assert differences < (25 if format_name == "GIF" else 6)


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["plain", "progressive"])
@pytest.mark.parametrize("cut", [b"", b"\xff"], ids=["whole", "half a mark"])
def test_jpeg_is_the_same_when_only_its_end_mark_is_missing(
    options: dict[str, bool], cut: bytes
) -> None:
    data = encoded(landscape(), "JPEG", **options)
    assert data.endswith(END_MARK)
    photo = open_photo(data.removesuffix(END_MARK) + cut).decode()
    assert photo.warnings == ()
    assert np.array_equal(photo.pixels, decode_image(data))


def _cut_after(data: bytes, share: float) -> bytes:
    """Of the coded pixels; the landscape's rows take about as many bytes each."""
    pixels_at = data.index(SCAN_MARK)
    return data[: pixels_at + round((len(data) - pixels_at) * share)]


@pytest.mark.parametrize("shrink", [1, 4])
def test_jpeg_comes_with_a_warning_when_it_breaks_off_after_most_of_its_rows(shrink: int) -> None:
    data = encoded(landscape(), "JPEG", quality=95)
    whole, cut = open_photo(data).decode(shrink), open_photo(_cut_after(data, 0.9)).decode(shrink)
    (warning,) = cut.warnings
    assert warning.code == "broken_off"
    assert "9" in warning.detail
    rows = round(0.8 * len(whole.pixels))
    assert np.array_equal(cut.pixels[:rows], whole.pixels[:rows])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_jpeg_is_refused_when_many_of_its_rows_are_missing(share: float) -> None:
    data = _cut_after(encoded(landscape(), "JPEG", quality=95), share)
    with pytest.raises(UnreadableImageError, match=r"breaks off after|cut off"):
        decode_image(data)


def test_jpeg_is_refused_before_decoding_when_it_has_too_many_scans() -> None:
    data = encoded(PillowImage.new("RGB", (2000, 2000)), "JPEG", progressive=True)
    last = data[data.rindex(SCAN_MARK) : -2]
    assert decode_image(data[:-2] + 20 * last + END_MARK).shape == (2000, 2000, 3)
    with pytest.raises(ImageTooLargeError, match="scans; at most 32") as caught:
        open_photo(data[:-2] + 300 * last + END_MARK)
    assert caught.value.facts["max_scans"] == 32


def test_jpeg_is_decoded_when_scans_are_those_of_previews_and_further_pictures() -> None:
    data = encoded(landscape(400, 300), "JPEG")
    preview = b"Exif\0\0" + encoded(landscape(64, 48), "JPEG", progressive=True)
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    many = data[:2] + 5 * segment + data[2:] + 40 * encoded(landscape(64, 48), "JPEG")
    assert many.count(SCAN_MARK) > MAX_SCANS
    assert decode_image(many).shape == (300, 400, 3)


def chunk(name: bytes, content: bytes, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(name + content) if checksum is None else checksum
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def test_jpeg_is_refused_when_it_is_made_of_nothing_but_comments() -> None:
    data = encoded(landscape(), "JPEG")
    comment = b"\xff\xfe\0\x02"
    assert decode_image(data[:2] + 300 * comment + data[2:]).shape == (240, 320, 3)
    with pytest.raises(ImageTooLargeError, match="5,000 segments"):
        open_photo(data[:2] + 2_000_000 * comment + data[2:])


@pytest.mark.parametrize(("width", "height"), [(1, 39_999_999), (39_999_999, 1), (65_536, 4)])
def test_photo_is_refused_before_decoding_when_a_side_is_too_long(width: int, height: int) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    with pytest.raises(ImageTooLargeError, match="65,535 a side"):
        open_photo(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b""))


def _with_text(png: bytes) -> bytes:
    info = PngInfo()
    info.add_text("Comment", "a" * 2_000_000, zip=True)
    return encoded(PillowImage.open(BytesIO(png)), "PNG", pnginfo=info)


def _before_pixels(png: bytes, inserted: bytes) -> bytes:
    at = png.index(b"IDAT") - 4
    return png[:at] + inserted + png[at:]


# What is done to a PNG that changes none of its pixels.
BURDENS: dict[str, Callable[[bytes], bytes]] = {
    "much text": _with_text,
    "wrong checksum": lambda png: _before_pixels(png, chunk(b"tEXt", b"Comment\0hello", 1)),
    "large profile": lambda png: _before_pixels(
        png, chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1_500_000)))
    ),
    "huge profile": lambda png: _before_pixels(
        png, chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(50_000_000)))
    ),
    "no end": lambda png: png[: png.rindex(b"IEND") - 4],
}


@pytest.mark.parametrize("burden", BURDENS)
def test_png_is_the_same_when_it_carries(burden: str) -> None:
    png = encoded(landscape(), "PNG")
    burdened = BURDENS[burden](png)
    assert burdened != png
    assert np.array_equal(decode_image(burdened), decode_image(png))


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "JPEG2000"])
def test_grey_has_the_whole_range_when_it_uses_some_of_16_bits(format_name: str, bits: int) -> None:
    grey = np.linspace(0, 2**bits - 1, 64 * 64).reshape(64, 64).astype(np.uint16)
    image = decode_image(encoded(PillowImage.fromarray(grey), format_name))
    wanted = np.linspace(0, 255, 64 * 64).reshape(64, 64)
    assert np.abs(image - wanted[..., np.newaxis]).max() <= 1


@pytest.mark.parametrize("most", [1.0, 255.0])
def test_grey_has_the_whole_range_when_it_is_of_floats(most: float) -> None:
    grey = np.linspace(0, most, 64 * 64, dtype=np.float32).reshape(64, 64)
    grey[0, :3] = np.nan, -1, np.inf if most == 1 else 0
    image = decode_image(encoded(PillowImage.fromarray(grey), "TIFF"))
    wanted = np.linspace(0, 255, 64 * 64).reshape(64, 64)[1:]
    assert np.abs(image[1:] - wanted[..., np.newaxis]).max() <= 1


@pytest.mark.parametrize(("alpha", "red"), [((0, 0), 200), ((0, 255), 255)])
def test_bmp_is_opaque_when_its_alpha_is_zero_everywhere(alpha: tuple[int, int], red: int) -> None:
    pixels = b"".join(bytes((10, 20, 200, of)) for of in alpha)  # blue first
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 108, 2, 1, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    head = struct.pack("<2sIII", b"BM", 14 + 108 + len(pixels), 0, 14 + 108)
    image = decode_image(head + (info + masks).ljust(108, b"\0") + pixels)
    assert image[0, 0, 0] == red


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_colours_are_srgb_when_the_photo_is_in_those_of_a_telephone(format_name: str) -> None:
    photo = PillowImage.new("RGB", (64, 48), (234, 51, 35))  # what Display P3 calls sRGB's red
    image = decode_image(encoded(photo, format_name, icc_profile=display_p3()))
    assert np.abs(image[20, 30].astype(int) - (255, 0, 0)).max() < 12


def test_colours_are_those_of_the_printer_when_a_cmyk_photo_tells_them() -> None:
    photo = PillowImage.new("CMYK", (64, 48), (255, 0, 0, 0))
    plain, told = (
        decode_image(encoded(photo, "JPEG", icc_profile=profile)) for profile in (b"", green_ink())
    )
    assert np.abs(plain[20, 30].astype(int) - (0, 255, 255)).max() < 12
    assert np.abs(told[20, 30].astype(int) - (0, 171, 0)).max() < 12


def _exact(photo: PillowImage.Image) -> NDArray[np.uint8]:
    return np.asarray(photo.convert("RGB"))


@pytest.mark.parametrize(
    ("mode", "profile"),
    [
        ("RGB", SRGB),
        ("RGB", green_ink()),  # of other colours than the photo's
        ("RGB", b"no profile"),
        ("L", display_p3()),
        ("P", b""),
    ],
    ids=["sRGB", "other colours", "damaged", "of colour in grey", "none"],
)
def test_colours_are_as_they_are_when_the_profile_says_nothing_about_them(
    mode: str, profile: bytes
) -> None:
    photo = landscape().convert(mode)
    assert np.array_equal(decode_image(encoded(photo, "PNG", icc_profile=profile)), _exact(photo))
