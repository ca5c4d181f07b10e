"""Photos to be damaged by `benchmarks.fuzz_images`, and some made to be expensive."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import ExifTags
from PIL import Image as PillowImage

_PNG = b"\x89PNG\r\n\x1a\n"
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
_OPTIONS: dict[str, tuple[dict[str, object], ...]] = {
    "JPEG": ({}, {"progressive": True}, {"subsampling": 0, "restart_marker_rows": 1}),
    "PNG": ({}, {"interlace": True}),
    "WEBP": ({}, {"lossless": True}),
    "GIF": ({}, {"interlace": 0}),
    "BMP": ({},),
    "TIFF": tuple({"compression": of} for of in ("raw", "tiff_lzw", "jpeg", "packbits", "group4")),
    "JPEG2000": ({}, {"num_resolutions": 3, "irreversible": True}),
    "HEIF": ({}, {"tile_size": 64}),
    "AVIF": ({}, {"subsampling": "4:4:4"}),
}


def encoded(photo: PillowImage.Image, format_name: str, **options: object) -> bytes:
    """A file."""
    stream = BytesIO()
    photo.save(stream, format_name, **options)
    return stream.getvalue()


def sound_files() -> dict[str, bytes]:
    """One photo in every accepted format, in several ways."""
    x, y = np.meshgrid(np.linspace(20, 230, 160), np.linspace(20, 230, 120))
    photo = PillowImage.fromarray(np.stack([x, y, 255 - x], axis=2).astype(np.uint8))
    exif = PillowImage.Exif()
    exif[ExifTags.Base.Orientation] = 6
    files = {}
    for format_name, kinds in _OPTIONS.items():
        for options in kinds:
            picture = photo.convert("1") if "group4" in options.values() else photo
            what = " ".join([format_name, *(f"{key}={value}" for key, value in options.items())])
            files[what] = encoded(picture, format_name, **options)
    files["JPEG turned"] = encoded(photo, "JPEG", exif=exif)
    files["JPEG CMYK"] = encoded(photo.convert("CMYK"), "JPEG")
    files["PNG palette"] = encoded(photo.quantize(8), "PNG", transparency=1)
    files["PNG 16 bit"] = encoded(photo.convert("L").convert("I;16"), "PNG")
    for format_name in ("WEBP", "GIF", "HEIF", "AVIF"):
        later = [photo.rotate(180)]
        files[f"{format_name} of two"] = encoded(
            photo, format_name, save_all=True, append_images=later
        )
    return files


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def _png(width: int, height: int, *, before: bytes = b"", piece_bytes: int = 2**20) -> bytes:
    """Black; its pixels in pieces."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(width + 1)) for _ in range(height)) + rows.flush()
    pieces = (packed[at : at + piece_bytes] for at in range(0, len(packed), piece_bytes))
    pixels = b"".join(_chunk(b"IDAT", piece) for piece in pieces)
    return _PNG + header + before + pixels + _chunk(b"IEND", b"")


def run_length_bmp(side: int) -> bytes:
    """Run-length coded, a run for each pixel, which Pillow decodes in Python."""
    runs = (b"\x01\x07" * side + b"\0\0") * side
    palette = bytes(4 * 256)
    offset = 14 + 40 + len(palette)
    head = struct.pack("<2sIII", b"BM", offset + len(runs), 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return head + info + palette + runs


def _exif_of_many_entries(entries: int) -> bytes:
    """All with the same 60 kB."""
    at = 8 + 2 + 12 * entries + 4
    rows = b"".join(struct.pack("<HHII", 1000 + i, 7, 60_000, at) for i in range(entries))
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, entries) + rows + bytes(4 + 60_000)


def bombs() -> dict[str, bytes]:
    """Small files, or large ones that are slow to read; some must be refused unread."""
    black = PillowImage.new("RGB", (7000, 7000))
    jpeg = encoded(PillowImage.new("RGB", (3000, 3000)), "JPEG", progressive=True)
    scan = jpeg[jpeg.rindex(_SCAN) : -len(_END)]
    plain = encoded(PillowImage.new("RGB", (64, 64)), "JPEG")
    exif = _exif_of_many_entries(20_000)
    parts = [b"Exif\0\0" * bool(at) + exif[at : at + 65_000] for at in range(0, len(exif), 65_000)]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(of) + 2) + of for of in parts)
    found = {
        "1,000 scans": jpeg[:-2] + 1_000 * scan + _END,
        "32 scans": jpeg[:-2] + 22 * scan + _END,
        "4,900 comments": plain[:2] + b"\xff\xfe\0\x02" * 4_900 + plain[2:],
        "2 M comments": plain[:2] + b"\xff\xfe\0\x02" * 2_000_000 + plain[2:],
        "EXIF": plain[:2] + segments + plain[2:],
        "1 px wide": _png(1, 39_999_999, piece_bytes=2**30)[:200_000],
        "65,535 rows": _png(700, 65_535),
        "49 megapixels": _png(7_000, 7_000),
        "IDAT of 1 byte": _png(5_000, 5_000, piece_bytes=1),
        "1 M chunks": _png(64, 64, before=_chunk(b"tEXt", b"a\0b") * 1_000_000),
        "runs of 1 px": run_length_bmp(3_100),
    }
    for format_name in ("JPEG", "GIF", "TIFF", "JPEG2000", "WEBP", "AVIF", "HEIF"):
        options = {"compression": "tiff_deflate"} if format_name == "TIFF" else {}
        side = 7_000 if format_name in {"JPEG", "GIF", "TIFF"} else 4_000
        picture = black.crop((0, 0, side, side))
        found[f"black {format_name}"] = encoded(picture, format_name, **options)
    return found
