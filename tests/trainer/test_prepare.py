import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer.crops import load_crops


@pytest.fixture(scope="module")
def photos(sample_photos: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with two good photos each, one with one, and every kind of bad photo."""
    root = tmp_path_factory.mktemp("photos")
    for person in ("obama", "biden", "alone"):
        (root / person).mkdir()
    image = {name: cv2.imread(str(path)) for name, path in sample_photos.items()}
    obama, biden, astronaut = image["obama.jpg"], image["biden.jpg"], image["astronaut.png"]
    assert obama is not None
    assert biden is not None
    assert astronaut is not None
    height, width = (round(side * 0.18) for side in obama.shape[:2])
    written = {
        "obama/1.jpg": obama,
        "obama/2.jpg": image["obama2.jpg"],
        "obama/tiny.png": cv2.resize(obama, (width, height), interpolation=cv2.INTER_AREA),
        "obama/nobody.png": np.full((300, 300, 3), 128, np.uint8),
        "obama/two.png": np.hstack([cv2.resize(obama, (600, 600)), cv2.resize(biden, (600, 600))]),
        "biden/1.jpg": biden,
        "biden/2.jpg": cv2.flip(biden, 1),
        "alone/1.jpg": astronaut,
    }
    for name, picture in written.items():
        assert picture is not None
        assert cv2.imwrite(str(root / name), picture)
    (root / "biden" / "broken.jpg").write_bytes(b"no photo")
    return root


def test_photos_become_crops_that_can_be_trained_on(
    photos: Path, detectors: Path, tmp_path: Path, commanded: Callable[..., str]
) -> None:
    out = tmp_path / "crops"
    said = commanded("prepare", "--photos", photos, "--out", out, "--detectors", detectors)
    assert "4 crops of 2 people" in said
    crops = load_crops([out / "people"])
    assert crops.people == ["biden", "obama"]
    assert len(crops) == 4
    report = json.loads((out / "report.json").read_text())
    assert report["accepted"] == 4
    assert report["left_out"] == ["alone"]
    assert report["rejected"] == {
        "face_too_small": ["obama/tiny.png"],
        "multiple_faces": ["obama/two.png"],
        "no_face": ["obama/nobody.png"],
        "unreadable_image": ["biden/broken.jpg"],
    }
    lines = (out / "data_list.txt").read_text().splitlines()
    assert len(lines) == 4
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    # Skin is redder than blue: the crops are RGB for whoever reads them as such.
    red, _, blue = crops.pixels[0, 40:80, 40:80].reshape(-1, 3).mean(axis=0)
    assert red > blue


def test_folder_that_exists_is_left_alone(
    photos: Path, detectors: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "precious").touch()
    words = ["--photos", photos, "--out", tmp_path, "--detectors", detectors]
    assert "must be a new folder" in refused("prepare", *words)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_nothing_is_written_when_nobody_is_left(
    photos: Path, detectors: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    words = ["--photos", photos, "--out", tmp_path / "crops", "--detectors", detectors]
    said = refused("prepare", *words, "--min-face-px", 2000)
    assert "Nobody has two crops left" in said
    assert "face_too_small" in said
    assert list(tmp_path.iterdir()) == []
