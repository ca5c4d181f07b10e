"""Sample photos are the ones expected, or none."""

import shutil
from pathlib import Path

import pytest

from demo.samples import PACKAGES, SMALL_FACES, SampleError, fetch_samples

CHECKSUMS = Path(__file__).parents[2] / "demo" / "samples.sha256"


def test_every_photo_has_a_checksum_and_every_checksum_a_photo() -> None:
    listed = [line.split()[1] for line in CHECKSUMS.read_text(encoding="utf-8").splitlines()]
    assert len(listed) == 11
    packages = (*PACKAGES, SMALL_FACES)
    assert sorted(listed) == sorted(name for package in packages for name in package.photos)


def test_fetch_refuses_a_photo_when_it_was_changed(
    sample_photos: dict[str, Path], tmp_path: Path
) -> None:
    for path in sample_photos.values():
        shutil.copy(path, tmp_path)
    with (tmp_path / "biden.jpg").open("ab") as photo:
        photo.write(b"!")
    with pytest.raises(SampleError, match=r"biden\.jpg has SHA-256"):
        fetch_samples(tmp_path)
