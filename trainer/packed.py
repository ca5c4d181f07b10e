"""Packed crops: training data in a file or two, for transfer to a GPU.

A volume is a zip: `index.json`, then sheets of 12x12 crops as AVIF. Crops share a sheet because an
image of 112x112 pixels is one sixth header. At quality 70 a crop takes 1.5 kB, 40 % of its JPEG,
and stock EdgeFace-XS sees it as before (cosine 0.99; the targets of a training are computed from
the packed crops).
"""

import io
import zipfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from app.vision.dimensions import CROP_SIZE_PX
from app.vision.scaling import Pixels
from trainer.crops import NO_PERSON, CropSet
from trainer.errors import DataError

INDEX_NAME = "index.json"
_SIDE = 12
_PER_SHEET = _SIDE * _SIDE
_SHEET_PX = _SIDE * CROP_SIZE_PX


class _Entry(msgspec.Struct, array_like=True, frozen=True):
    """One crop, in the order of the sheets."""

    file: str
    digest: str
    person: str | None
    sharp: bool


_Index = list[_Entry]


def write_packed(crops: CropSet, out: Path, quality: int, volume_bytes: int) -> list[Path]:
    """Writes crops to as many volumes as needed.

    Args:
        crops: What to pack; shuffled (always alike), so that every volume is a sample of it.
        out: The volumes are called `out`-1.zip, `out`-2.zip and so on.
        quality: Of AVIF, 0 to 100.
        volume_bytes: A volume ends with the sheet that reaches it.

    Returns:
        The volumes.
    """
    order = np.random.default_rng(0).permutation(len(crops))
    volumes: list[Path] = []
    start = 0
    while start < len(order):
        path = out.with_name(f"{out.name}-{len(volumes) + 1}.zip")
        start = _write_volume(crops, order, start, path, quality, volume_bytes)
        volumes.append(path)
    return volumes


def read_packed(volumes: Sequence[Path], processes: int | None = None) -> CropSet:
    """Reads volumes back, as one set of crops.

    Args:
        volumes: In any order, any of those from `write_packed`.
        processes: How many decode; by default the machine's cores.

    Raises:
        DataError: A file that is not a volume, or holds fewer sheets than its index names.
    """
    entries: _Index = []
    sheets: list[tuple[Path, str, int]] = []
    for path in volumes:
        index = _read_index(path)
        entries += index
        counts = [min(_PER_SHEET, len(index) - at) for at in range(0, len(index), _PER_SHEET)]
        sheets += [(path, _sheet_name(number), count) for number, count in enumerate(counts)]
    with ProcessPoolExecutor(processes) as pool:
        pixels = np.concatenate(list(pool.map(_read_sheet, *zip(*sheets, strict=True))))
    people = sorted({entry.person for entry in entries if entry.person is not None})
    index_of = {person: label for label, person in enumerate(people)}
    labels = [NO_PERSON if e.person is None else index_of[e.person] for e in entries]
    return CropSet(
        files=[entry.file for entry in entries],
        pixels=pixels,
        labels=np.array(labels, np.int64),
        people=people,
        sharp=np.array([entry.sharp for entry in entries], np.bool_),
        digests=[entry.digest for entry in entries],
    )


def _write_volume(
    crops: CropSet,
    order: np.ndarray,
    start: int,
    path: Path,
    quality: int,
    volume_bytes: int,
) -> int:
    """Writes one volume from a place in the order; returns where it ended."""
    entries: _Index = []
    size_bytes = 0
    with zipfile.ZipFile(path, "w") as archive:
        while start < len(order) and size_bytes < volume_bytes:
            members = order[start : start + _PER_SHEET]
            content = _encode(crops.pixels[members], quality)
            archive.writestr(_sheet_name(len(entries) // _PER_SHEET), content)
            entries += [_entry(crops, index) for index in members]
            size_bytes += len(content)
            start += len(members)
        archive.writestr(INDEX_NAME, msgspec.json.encode(entries), zipfile.ZIP_DEFLATED)
    return start


def _entry(crops: CropSet, index: int) -> _Entry:
    label = crops.labels[index]
    return _Entry(
        file=crops.files[index],
        digest=crops.digests[index],
        person=None if label == NO_PERSON else crops.people[label],
        sharp=bool(crops.sharp[index]),
    )


def _encode(pixels: Pixels, quality: int) -> bytes:
    sheet = np.zeros((_PER_SHEET, CROP_SIZE_PX, CROP_SIZE_PX, 3), np.uint8)
    sheet[: len(pixels)] = pixels
    grid = sheet.reshape(_SIDE, _SIDE, CROP_SIZE_PX, CROP_SIZE_PX, 3).swapaxes(1, 2)
    stream = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(grid.reshape(_SHEET_PX, _SHEET_PX, 3)))
    image.save(stream, "AVIF", quality=quality, speed=6)
    return stream.getvalue()


def _read_sheet(path: Path, name: str, count: int) -> Pixels:
    try:
        with zipfile.ZipFile(path) as archive, Image.open(io.BytesIO(archive.read(name))) as image:
            grid = np.asarray(image.convert("RGB"))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name} is damaged: {name} cannot be read.") from error
    sheet = grid.reshape(_SIDE, CROP_SIZE_PX, _SIDE, CROP_SIZE_PX, 3).swapaxes(1, 2)
    return np.ascontiguousarray(sheet.reshape(_PER_SHEET, CROP_SIZE_PX, CROP_SIZE_PX, 3)[:count])


def _read_index(path: Path) -> _Index:
    try:
        with zipfile.ZipFile(path) as archive:
            return msgspec.json.decode(archive.read(INDEX_NAME), type=_Index)
    except (OSError, KeyError, zipfile.BadZipFile, msgspec.DecodeError) as error:
        raise DataError(f"{path} is not a volume of packed crops.") from error


def _sheet_name(number: int) -> str:
    return f"{number:04d}.avif"
