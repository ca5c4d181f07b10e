import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trainer.crops import load_crops
from trainer.errors import DataError
from trainer.packed import read_packed, write_packed


def test_packed_crops_come_back_with_names_and_nearly_the_same_pixels(
    people: Path, tmp_path: Path
) -> None:
    shutil.copytree(people / "val" / "val0", tmp_path / "unnamed")
    crops = load_crops([people / "train"], [people / "val"], [tmp_path / "unnamed"])
    volumes = write_packed(crops, tmp_path / "faces", quality=90, volume_bytes=10_000_000)
    assert [volume.name for volume in volumes] == ["faces-1.zip"]
    back = read_packed(volumes, processes=1)
    assert back.people == crops.people
    assert back.data_list_sha256 == crops.data_list_sha256
    place = [crops.files.index(file) for file in back.files]
    np.testing.assert_array_equal(back.labels, crops.labels[place])
    np.testing.assert_array_equal(back.sharp, crops.sharp[place])
    difference = np.abs(back.pixels.astype(float) - crops.pixels[place])
    assert difference.mean() < 3


def test_volumes_together_are_the_whole_when_one_is_full(people: Path, tmp_path: Path) -> None:
    crops = load_crops([people / "train"], [], [people / "train" / "train0"] * 40)
    volumes = write_packed(crops, tmp_path / "faces", quality=10, volume_bytes=1)
    assert len(volumes) == 2
    back = read_packed(volumes, processes=1)
    assert sorted(back.files) == sorted(crops.files)
    assert read_packed(volumes[1:], processes=1).people


def test_what_is_no_volume_is_refused(people: Path, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(DataError, match="not a volume of packed crops"):
        read_packed([tmp_path / "text.zip"], processes=1)
    (volume,) = write_packed(load_crops([people / "val"]), tmp_path / "faces", 90, 10_000_000)
    with zipfile.ZipFile(volume) as whole, zipfile.ZipFile(tmp_path / "cut.zip", "w") as cut:
        cut.writestr("index.json", whole.read("index.json"))
    with pytest.raises(DataError, match=r"0000\.avif cannot be read"):
        read_packed([tmp_path / "cut.zip"], processes=1)
