"""What the training commands refuse: one clear message, exit code 2, no half-made run folder."""

import shutil
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import pytest
import torch

from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from trainer.networks import write_run_networks


class Refused(Protocol):
    def __call__(self, *words: object) -> str: ...


@pytest.fixture
def folders(people: Path, tmp_path: Path) -> Path:
    shutil.copytree(people, tmp_path, dirs_exist_ok=True)
    return tmp_path


def options(folders: Path, networks: Path) -> list[object]:
    return [
        *("--out", folders / "run"),
        *("--train-dir", folders / "train"),
        *("--val-dir", folders / "val"),
        *("--edgeface", networks),
        *("--device", "cpu"),
        *("--precision", "32-true"),
        *("--batch-size", 4),
    ]


def assert_refused(refused: Refused, folders: Path, words: list[object], *expected: str) -> None:
    said = refused(*words)
    for part in expected:
        assert part in said
    assert "Traceback" not in said
    assert not (folders / "run").exists()


def test_unknown_option(refused: Refused, folders: Path, networks: Path) -> None:
    words = ["dsr", *options(folders, networks), "--learning-rat", 1]
    assert_refused(refused, folders, words, "Unrecognized options", "--learning-rate")


@pytest.mark.parametrize(
    "bad",
    [
        ("--device", "tpu"),
        ("--precision", "16-mixed"),
        ("--channels", "10"),
        ("--min-face-px", "50"),
        ("--epochs", "0"),
        ("--learning-rate", "-1"),
    ],
)
def test_impossible_value(
    refused: Refused, folders: Path, networks: Path, bad: tuple[str, str]
) -> None:
    assert_refused(refused, folders, ["dsr", *options(folders, networks), *bad], bad[0])


def test_device_that_is_not_there(refused: Refused, folders: Path, networks: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    words = ["dsr", *options(folders, networks), "--device", "cuda"]
    assert_refused(refused, folders, words, "torch finds no GPU")


@pytest.mark.parametrize("part", ["train", "val"])
def test_folder_without_people(refused: Refused, folders: Path, networks: Path, part: str) -> None:
    shutil.rmtree(folders / part)
    (folders / part).mkdir()
    words = ["dsr", *options(folders, networks)]
    assert_refused(refused, folders, words, str(folders / part), "contains no folders")


def test_person_without_photos(refused: Refused, folders: Path, networks: Path) -> None:
    (folders / "train" / "nobody").mkdir()
    words = ["dsr", *options(folders, networks)]
    assert_refused(refused, folders, words, "nobody contains no photos")


def test_person_with_one_photo(refused: Refused, folders: Path, networks: Path) -> None:
    (folders / "train" / "alone").mkdir()
    shutil.move(folders / "train" / "train0" / "0.png", folders / "train" / "alone")
    words = ["dsr", *options(folders, networks)]
    assert_refused(refused, folders, words, "1 person is known by only one photo", "alone")


def test_person_in_train_and_val_by_name(refused: Refused, folders: Path, networks: Path) -> None:
    (folders / "val" / "val1").rename(folders / "val" / "train1")
    words = ["dsr", *options(folders, networks)]
    assert_refused(refused, folders, words, "1 name is both in train and in val: train1")


def test_person_in_train_and_val_by_picture(
    refused: Refused, folders: Path, networks: Path
) -> None:
    shutil.copy(folders / "val" / "val1" / "2.png", folders / "train" / "train1" / "new.png")
    words = ["dsr", *options(folders, networks)]
    assert_refused(refused, folders, words, "1 picture is both in train and in val", "new.png")


def test_picture_that_is_no_crop(refused: Refused, folders: Path, networks: Path) -> None:
    small = np.zeros((50, 60, 3), np.uint8)
    cv2.imwrite(str(folders / "train" / "train2" / "small.png"), small)
    words = ["dsr", *options(folders, networks), "--skip-unreadable"]
    assert_refused(refused, folders, words, "1 file is not 112x112", "small.png (60x50)")


def break_photos(folders: Path) -> None:
    for photo in (0, 1):
        path = folders / "train" / "train0" / f"{photo}.png"
        path.write_bytes(path.read_bytes()[:2000])
    (folders / "train" / "train1" / "empty.jpg").touch()


def test_unreadable_pictures_are_counted_and_listed(
    refused: Refused, folders: Path, networks: Path
) -> None:
    break_photos(folders)
    words = ["dsr", *options(folders, networks)]
    expected = ("3 files are not readable", "0.png", "1.png", "empty.jpg", "--skip-unreadable")
    assert_refused(refused, folders, words, *expected)


def test_person_whose_second_photo_is_unreadable_is_refused_even_when_skipping(
    refused: Refused, folders: Path, networks: Path
) -> None:
    break_photos(folders)
    (folders / "train" / "train0" / "2.png").unlink()
    words = ["dsr", *options(folders, networks), "--skip-unreadable"]
    assert_refused(refused, folders, words, "1 person is known by only one photo", "train0")


def test_batch_larger_than_the_data(refused: Refused, folders: Path, networks: Path) -> None:
    words = ["dsr", *options(folders, networks), "--batch-size", 17]
    assert_refused(refused, folders, words, "16 crops do not fill one batch of 17")


def test_file_that_is_no_network(refused: Refused, folders: Path, networks: Path) -> None:
    (folders / "noise.pt").write_bytes(b"noise")
    words = ["dsr", *options(folders, networks), "--edgeface", folders / "noise.pt"]
    assert_refused(refused, folders, words, "noise.pt is not a checkpoint")


def test_finetune_without_dsr_in_the_folder(
    refused: Refused, folders: Path, networks: Path
) -> None:
    words = ["finetune", *options(folders, networks), "--dsr", folders / "val"]
    assert_refused(refused, folders, words, "dsr.safetensors")


def test_network_of_another_kind(refused: Refused, folders: Path, networks: Path) -> None:
    swapped = folders / "swapped"
    swapped.mkdir()
    shutil.copy(networks / "edgeface.safetensors", swapped / "dsr.safetensors")
    words = ["finetune", *options(folders, networks), "--dsr", swapped]
    assert_refused(refused, folders, words, "dsr.safetensors")


def test_run_that_exists_is_not_overwritten(
    refused: Refused, folders: Path, networks: Path
) -> None:
    (folders / "run").mkdir()
    (folders / "run" / "precious").touch()
    assert "--resume" in refused("dsr", *options(folders, networks))
    assert [path.name for path in (folders / "run").iterdir()] == ["precious"]


def test_resume_without_a_run(refused: Refused, folders: Path, networks: Path) -> None:
    words = ["dsr", *options(folders, networks), "--resume"]
    assert_refused(refused, folders, words, "provenance.json is missing")


def test_resume_as_another_run_names_what_changed(
    refused: Refused, folders: Path, networks: Path
) -> None:
    words = [*options(folders, networks), "--max-impostor-mean", -1]
    # Strangers are more alike than -1 after the first epoch, which ends the run with a checkpoint.
    said = refused("dsr", *words)
    assert "impostor mean" in said
    settings = (folders / "run" / "config.json").read_text()

    shutil.copy(folders / "train/train0/0.png", folders / "train/train0/new.png")
    other = folders / "other"
    other.mkdir()
    torch.manual_seed(9)
    write_run_networks(other, DSR(channels=8, blocks=2), EdgeFace("edgeface_xxs"))
    changes = ["--seed", 5, "--epochs", 2, "--edgeface", other]
    said = refused("dsr", *words, *changes, "--resume")
    for part in (
        "seed was 1, is 5",
        "epochs was 4, is 2",
        "the training data differs",
        "the initial weights differ",
    ):
        assert part in said
    assert (folders / "run" / "config.json").read_text() == settings
