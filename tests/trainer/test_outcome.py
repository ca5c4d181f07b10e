"""What a run says in the end, and how it goes on with more epochs; errors name the next step."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.conftest import Refused
from trainer.metrics import Scores
from trainer.run_folder import read_provenance, read_settings
from trainer.runlog import METRICS_NAME, outcome_lines

Commanded = Callable[..., str]


@pytest.fixture
def words(people: Path, networks: Path, tmp_path: Path) -> list[object]:
    """Of a fine-tuning that takes seconds."""
    return [
        *("finetune", "--train-dir", people / "train", "--val-dir", people / "val"),
        *("--edgeface", networks, "--dsr", networks, "--out", tmp_path / "a run"),
        *("--device", "cpu", "--precision", "32-true", "--batch-size", 4, "--workers", 0),
        *("--max-impostor-mean", 1, "--stage1-epochs", 1),
    ]


def _epochs(run: Path) -> list[tuple[str, int]]:
    """Of stages whose validation was written down."""
    lines = (run / METRICS_NAME).read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return [(of["stage"], of["epoch"]) for of in records if "val_loss" in of]


def test_run_goes_on_with_more_epochs_and_names_the_next_command(
    commanded: Commanded, refused: Refused, words: list[object], tmp_path: Path
) -> None:
    run = tmp_path / "a run"
    said = commanded(*words, "--stage2-epochs", 1)
    assert "Before the first step: TAR" in said
    assert f"farsight-trainer publish --run '{run}'" in said.splitlines()[-1]
    assert _epochs(run) == [("stage1", 0), ("stage2", 0)]
    before = read_provenance(run)

    assert "farsight-trainer publish" in commanded(*words, "--stage2-epochs", 2, "--resume")
    assert _epochs(run) == [("stage1", 0), ("stage2", 0), ("stage2", 1)]
    assert read_settings(run)["stage2_epochs"] == 2
    after = read_provenance(run)
    assert after.earlier == (before,)
    assert after.config_sha256 != before.config_sha256
    fewer = refused(*words, "--stage2-epochs", 1, "--resume")
    assert "stage2_epochs was 2, is 1" in fewer
    assert _epochs(run) == [("stage1", 0), ("stage2", 0), ("stage2", 1)]


def _scores(tar: float) -> Scores:
    return Scores(0.5, 0.5, {"hr": tar, "24": tar}, 0.0, 0.1)


def test_run_says_so_when_it_ends_worse_than_it_began() -> None:
    worse = outcome_lines(_scores(0.9), 0.7, Path("run"))
    assert "0.9000 before, 0.7000 after" in worse
    assert "worse than the weights that it started from" in worse
    assert "--backbone-learning-rate" in worse
    better = outcome_lines(_scores(0.7), 0.9, Path("run"))
    assert "worse" not in better
    assert better.splitlines()[-1].startswith("Next: farsight-trainer publish --run run")


def test_error_names_the_folder_that_was_meant_when_one_is_too_high(
    refused: Refused, people: Path, words: list[object], tmp_path: Path
) -> None:
    shutil.copytree(people / "train", tmp_path / "crops" / "people")
    said = refused("prepare", "--photos", tmp_path / "crops", "--out", tmp_path / "out")
    assert f"Did you mean {tmp_path / 'crops' / 'people'}?" in said
    assert "evaluation" not in said
    words[2] = tmp_path / "crops"
    assert f"Did you mean {tmp_path / 'crops' / 'people'}?" in refused(*words)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("missing.pt", "There is no file"), ("missing/run", "There is no folder")],
)
def test_error_says_so_when_the_network_to_start_from_is_not_there(
    refused: Refused, words: list[object], tmp_path: Path, name: str, sentence: str
) -> None:
    words[words.index("--edgeface") + 1] = tmp_path / name
    assert f"{sentence} {tmp_path / name}" in refused(*words)
