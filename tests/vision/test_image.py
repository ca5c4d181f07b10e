"""decode_image: every format and mode comes out upright RGB; every bad file gets a reason."""

import random
import struct
import zlib
from collections import Counter
from io import BytesIO

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as PillowImage

from app.errors import ImageTooLargeError, UnreadableImageError
from app.vision.image import Image, decode_image, open_photo
from app.vision.photo_file import FORMATS, ImageLimits

HEIGHT, WIDTH = 24, 40
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quadrants() -> PillowImage.Image:
    """Red, green over blue, white: shows rotation, mirroring and colour order at once."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = RED
    pixels[: HEIGHT // 2, WIDTH // 2 :] = GREEN
    pixels[HEIGHT // 2 :, : WIDTH // 2] = BLUE
    pixels[HEIGHT // 2 :, WIDTH // 2 :] = WHITE
    return PillowImage.fromarray(pixels)


def encoded(photo: PillowImage.Image, format_name: str, **options: object) -> bytes:
    stream = BytesIO()
    photo.save(stream, format_name, **options)
    return stream.getvalue()


def assert_quadrants(image: Image, tolerance: int = 40) -> None:
    height, width, _ = image.shape
    corners = [image[y, x].astype(int) for y in (2, height - 3) for x in (2, width - 3)]
    for found, expected in zip(corners, (RED, GREEN, BLUE, WHITE), strict=True):
        assert np.abs(found - expected).max() <= tolerance, corners


@pytest.mark.parametrize("format_name", FORMATS)
def test_pixels_are_rgb_when_format_is_accepted(format_name: str) -> None:
    image = decode_image(encoded(quadrants(), format_name))
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert_quadrants(image)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_photo_is_upright_when_exif_says_it_is_turned(format_name: str, orientation: int) -> None:
    transposed = {
        1: [],
        2: [PillowImage.Transpose.FLIP_LEFT_RIGHT],
        3: [PillowImage.Transpose.ROTATE_180],
        4: [PillowImage.Transpose.FLIP_TOP_BOTTOM],
        5: [PillowImage.Transpose.ROTATE_90, PillowImage.Transpose.FLIP_TOP_BOTTOM],
        6: [PillowImage.Transpose.ROTATE_90],
        7: [PillowImage.Transpose.ROTATE_270, PillowImage.Transpose.FLIP_TOP_BOTTOM],
        8: [PillowImage.Transpose.ROTATE_270],
    }
    stored = quadrants()
    for step in transposed[orientation]:
        stored = stored.transpose(step)
    exif = PillowImage.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = encoded(stored, format_name, exif=exif.tobytes())
    if format_name in {"HEIF", "AVIF"} and orientation > 1:  # told outside of EXIF
        assert b"irot" in data or b"imir" in data
    image = decode_image(data)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert_quadrants(image)


def test_colours_are_right_when_jpeg_is_cmyk() -> None:
    assert_quadrants(decode_image(encoded(quadrants().convert("CMYK"), "JPEG")))


@pytest.mark.parametrize("mode", ["L", "1"])
def test_all_channels_are_equal_when_photo_is_grey(mode: str) -> None:
    image = decode_image(encoded(quadrants().convert(mode), "PNG"))
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert (image == image[..., :1]).all()


def test_values_are_scaled_when_png_has_16_bits() -> None:
    values = np.array([[0, 257, 32_768, 65_535]], dtype=np.uint16)
    image = decode_image(encoded(PillowImage.fromarray(values), "PNG"))
    assert image[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
def test_transparent_part_is_white_when_photo_has_alpha(format_name: str) -> None:
    photo = PillowImage.new("RGBA", (WIDTH, HEIGHT), (200, 0, 0, 0))
    photo.paste((0, 0, 200, 255), (0, 0, WIDTH // 2, HEIGHT))
    image = decode_image(encoded(photo, format_name, lossless=True))
    assert image[5, 5].tolist() == [0, 0, 200]
    assert image[5, WIDTH - 5].tolist() == [255, 255, 255]


def test_transparent_colour_is_white_when_png_has_a_palette() -> None:
    photo = quadrants().quantize(4)
    blue = photo.getpixel((2, HEIGHT - 3))
    image = decode_image(encoded(photo, "PNG", transparency=blue))
    assert image[HEIGHT - 3, 2].tolist() == [255, 255, 255]
    assert image[2, 2].tolist() == [255, 0, 0]


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG"])
def test_first_frame_counts_when_photo_is_animated(format_name: str) -> None:
    later = PillowImage.new("RGB", (WIDTH, HEIGHT), "black")
    data = encoded(quadrants(), format_name, save_all=True, append_images=[later])
    PillowImage.open(BytesIO(data)).seek(1)  # fails where there is one frame
    assert_quadrants(decode_image(data))


def test_first_picture_counts_when_phone_stored_several_in_one_jpeg() -> None:
    later = PillowImage.new("RGB", (WIDTH, HEIGHT), "black")
    data = encoded(quadrants(), "MPO", save_all=True, append_images=[later])
    assert_quadrants(decode_image(data))


def test_one_pixel_is_an_image_when_file_is_sound() -> None:
    assert decode_image(encoded(PillowImage.new("RGB", (1, 1), "red"), "PNG")).shape == (1, 1, 3)


def huge_png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and has no pixels: decoding it would fail."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8_000, 10_000, 30_000])
def test_photo_is_refused_before_decoding_when_header_announces_too_many_pixels(side: int) -> None:
    with pytest.raises(ImageTooLargeError, match=f"{side} x {side}") as caught:
        decode_image(huge_png_header(side, side))
    assert caught.value.facts == {"width": side, "height": side, "max_pixels": 52_000_000}


def test_limit_decides_alone_when_it_is_above_that_of_pillow() -> None:
    limits = ImageLimits(max_pixels=1_000_000_000)
    with pytest.raises(UnreadableImageError):  # its pixels are missing, not its size refused
        decode_image(huge_png_header(15_000, 15_000), limits)


def test_photo_is_refused_when_it_has_one_byte_too_many() -> None:
    data = encoded(quadrants(), "PNG")
    assert decode_image(data, ImageLimits(max_bytes=len(data))).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageTooLargeError, match="bytes"):
        decode_image(data, ImageLimits(max_bytes=len(data) - 1))


def test_size_is_inclusive_when_pixels_are_limited() -> None:
    data = encoded(quadrants(), "PNG")
    assert decode_image(data, ImageLimits(max_pixels=HEIGHT * WIDTH)).shape[0] == HEIGHT
    with pytest.raises(ImageTooLargeError):
        decode_image(data, ImageLimits(max_pixels=HEIGHT * WIDTH - 1))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"This is a text file, renamed to .jpg.\n" * 9, "not a readable"),
        (encoded(quadrants(), "ICO"), "not a readable"),
    ],
    ids=["empty", "text", "ico"],
)
def test_reason_is_told_when_file_is_no_accepted_photo(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImageError, match=reason):
        decode_image(data)


def test_sequence_is_refused_when_its_seconds_have_no_parts() -> None:
    """Pillow divides by the time scale, which is 0 here."""
    first = PillowImage.new("RGB", (40, 30), (90, 100, 110))
    data = bytearray(encoded(first, "AVIF", save_all=True, append_images=[first.rotate(180)]))
    box = data.index(b"mdhd")
    # ISO/IEC 14496-12, 8.4.2: version 1 has two times of 8 bytes before the scale.
    scale = box + (24 if data[box + 4] == 1 else 16)
    assert any(data[scale : scale + 4])
    data[scale : scale + 4] = bytes(4)
    with pytest.raises(UnreadableImageError, match="damaged"):
        decode_image(bytes(data))


@pytest.mark.parametrize("format_name", FORMATS)
def test_photo_is_unreadable_when_its_second_half_is_missing(format_name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(PillowImage.fromarray(noise), format_name)
    with pytest.raises(UnreadableImageError):
        decode_image(data[: len(data) // 2])


# Pillow warns of EXIF fields that it skips; the photo itself is sound.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_only_reasons_come_out_when_files_are_damaged_at_random() -> None:
    exif = PillowImage.Exif()
    exif[ExifTags.Base.Orientation] = 6
    photo = quadrants()
    sound = [
        encoded(photo, "JPEG", exif=exif),
        encoded(photo, "JPEG", progressive=True),
        encoded(photo.convert("CMYK"), "JPEG"),
        encoded(photo, "PNG", exif=exif),
        encoded(photo.quantize(4), "PNG", transparency=1),
        encoded(photo.convert("L").convert("I;16"), "PNG"),
        encoded(photo, "WEBP", exif=exif),
        encoded(photo, "WEBP", save_all=True, append_images=[photo.rotate(180)]),
        encoded(photo, "GIF", save_all=True, append_images=[photo.rotate(180)]),
        encoded(photo.convert("P"), "BMP"),
    ]
    chance = random.Random(0)
    outcomes: Counter[str] = Counter()
    for _ in range(3_000):
        data = bytearray(chance.choice(sound))
        for _ in range(chance.choice([1, 2, 4, 10])):
            data[chance.randrange(min(len(data), 300))] = chance.choice([0, 1, 127, 255])
        try:
            decode_image(bytes(data), ImageLimits(max_pixels=1_000_000))
            outcomes["decoded"] += 1
        except (UnreadableImageError, ImageTooLargeError) as error:
            outcomes[error.code] += 1
    assert set(outcomes) == {"decoded", "unreadable_image", "image_too_large"}


def sloping(width: int, height: int) -> PillowImage.Image:
    """Red tells x and green tells y, so that each pixel tells where it was."""
    x, y = np.meshgrid(np.linspace(20, 230, width), np.linspace(20, 230, height))
    return PillowImage.fromarray(np.stack([x, y, x * 0 + 128], axis=2).round().astype(np.uint8))


def turned_jpeg(width: int, height: int, orientation: int, **options: object) -> bytes:
    exif = PillowImage.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    photo = sloping(width, height)
    return encoded(photo, "JPEG", quality=100, subsampling=0, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shrink", [2, 4, 8])
def test_pixels_lie_where_they_are_said_to_when_jpeg_is_decoded_smaller(
    shrink: int, orientation: int
) -> None:
    photo = open_photo(turned_jpeg(133, 75, orientation))
    small, whole = photo.decode(shrink), photo.decode()
    assert (small.width_px, small.height_px) == (whole.width_px, whole.height_px)
    assert whole.pixels.shape == (whole.height_px, whole.width_px, 3)
    rows, columns = small.pixels.shape[:2]
    assert (columns, rows) == (-(-whole.width_px // shrink), -(-whole.height_px // shrink))
    x, y = small.first_px
    errors = []
    for row in range(1, rows - 1):
        for column in range(1, columns - 1):
            top, left = y + row * shrink, x + column * shrink
            block = whole.pixels[top : top + shrink, left : left + shrink].reshape(-1, 3)
            errors.append(small.pixels[row, column] - block.mean(axis=0))
    # One px aside would be 1.6 and 2.8 off.
    assert np.abs(np.mean(errors, axis=0)).max() < 0.3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_parts_are_those_of_the_upright_photo_when_it_is_turned(orientation: int) -> None:
    photo = open_photo(turned_jpeg(133, 75, orientation))
    whole = photo.decode().pixels
    rects = [(0, 0, 10, 20), (31, 7, 40, 50), (photo.decode().width_px - 5, 60, 5, 15)]
    for (x, y, width, height), part in zip(rects, photo.decode_parts(rects), strict=True):
        assert part.first_px == (x, y)
        assert np.array_equal(part.pixels, whole[y : y + height, x : x + width])


def test_photo_is_the_same_when_it_is_taken_over_in_several_strips() -> None:
    photo = sloping(1500, 700)
    assert np.array_equal(decode_image(encoded(photo, "PNG")), np.asarray(photo))


@pytest.mark.parametrize(("format_name", "can"), [("JPEG", True), ("MPO", True), ("PNG", False)])
def test_photo_says_whether_it_can_be_decoded_smaller(format_name: str, can: bool) -> None:
    later = {"save_all": True, "append_images": [sloping(80, 60)]} if format_name == "MPO" else {}
    photo = open_photo(encoded(sloping(80, 60), format_name, **later))
    assert photo.header.shrinks == ((1, 2, 4, 8) if can else (1,))
    for shrink in photo.header.shrinks:
        assert photo.decode(shrink).pixels.shape == (-(-60 // shrink), 80 // shrink, 3)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 100), (9, 8)])
def test_smaller_one_is_as_small_as_was_asked_for_when_a_jpeg_has_few_pixels(
    size: tuple[int, int],
) -> None:
    photo = open_photo(encoded(sloping(*size), "JPEG"))
    for shrink in photo.header.shrinks:
        height, width = photo.decode(shrink).pixels.shape[:2]
        assert (width, height) == (-(-size[0] // shrink), -(-size[1] // shrink))


def test_more_memory_is_told_when_a_jpeg_comes_in_several_scans() -> None:
    photo = sloping(800, 600)
    plain, progressive, full = (
        open_photo(encoded(photo, "JPEG", **options)).header.decoding_bytes(2)
        for options in ({}, {"progressive": True}, {"progressive": True, "subsampling": 0})
    )
    assert progressive - plain == 800 * 600 * 3
    assert full - plain == 800 * 600 * 6
