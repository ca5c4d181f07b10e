"""Options come from settings; a file may hold them; the run says what it was told."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.config import DsrConfig, FinetuneConfig, PackedConfig, settings
from trainer.options import with_config_file

Said = Callable[..., str]


def words_of(help_text: str) -> str:
    """Without what frames it."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", help_text).split())


@pytest.mark.parametrize(
    ("command", "config", "count"),
    [
        ("dsr", DsrConfig(), 29),
        ("finetune", FinetuneConfig(), 35),
        ("finetune-packed", PackedConfig(), 28),
    ],
)
def test_help_says_what_each_setting_does(
    commanded: Said, command: str, config: DsrConfig | FinetuneConfig | PackedConfig, count: int
) -> None:
    said = words_of(commanded(command, "--help"))
    names = settings(config)
    assert len(names) == count
    for name, value in names.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            option += f", --no-{name.replace('_', '-')}"
        # The option, what it takes, a sentence, its default.
        shown = "True|False" if isinstance(value, bool) else re.escape(format_default(value))
        pattern = rf" {option} (\S+ ){{0,2}}[A-Z][^()]{{3,}}.*?\(default: ({shown})\)"
        assert re.search(pattern, said), name


def format_default(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_run_writes_what_its_file_and_its_options_say(
    commanded: Said, people: Path, networks: Path, tmp_path: Path
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        f"""
        train_dir = ["{tmp_path / "nowhere"}"]
        val-dir = "{people / "val"}"
        edgeface = "{networks}"
        epochs = 1
        channels = 8
        heads = 2
        blocks = 1
        max_impostor_mean = 1
        weight_decay = 0.05
        compile = false

        [engine]
        device = "cpu"
        precision = "32-true"
        batch_size = 8
        warmup_steps = 7
        degradation.clean = 0.25
        """
    )
    typed = ["--train-dir", people / "train", "--batch_size=4", "--skip-unreadable"]
    commanded("dsr", "--out", tmp_path / "one", "--config", file, *typed)
    told = json.loads((tmp_path / "one" / "config.json").read_text())
    expected = settings(DsrConfig()) | {
        "epochs": 1,
        "channels": 8,
        "heads": 2,
        "blocks": 1,
        "max_impostor_mean": 1.0,
        "weight_decay": 0.05,
        "device": "cpu",
        "precision": "32-true",
        "batch_size": 4,
        "warmup_steps": 7,
        "clean": 0.25,
    }
    assert told == expected

    # The same again from what the run wrote.
    again = ["--train-dir", people / "train", "--val-dir", people / "val", "--edgeface", networks]
    config = tmp_path / "one" / "config.json"
    commanded("dsr", "--out", tmp_path / "two", *again, f"--config={config}")
    for name in ("config.json", "metrics.jsonl", "dsr.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_option_in_the_file_that_no_command_has_is_refused(
    refused: Said, people: Path, tmp_path: Path
) -> None:
    (tmp_path / "run.toml").write_text("learning_rat = 1")
    words = ["--out", tmp_path / "run", "--val-dir", people, "--edgeface", people]
    assert "--learning-rat" in refused("dsr", *words, "--config", tmp_path / "run.toml")


@pytest.mark.parametrize(
    ("name", "text"), [("run.toml", "epochs: 3"), ("run.json", "[1]"), ("gone.toml", None)]
)
def test_file_that_holds_no_options_is_refused(
    refused: Said, tmp_path: Path, name: str, text: str | None
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    said = refused("dsr", "--config", tmp_path / name)
    assert said.count("\n") == 1
    assert name in said


def test_options_stay_as_they_were_typed_without_a_file() -> None:
    words = ["dsr", "--epochs", "3", "--config"]
    assert with_config_file(words) == words


@pytest.mark.parametrize("config", [DsrConfig(), FinetuneConfig(), PackedConfig()])
def test_names_of_settings_are_unique(config: DsrConfig | FinetuneConfig | PackedConfig) -> None:
    def leaves(of: dict[str, object]) -> int:
        return sum(leaves(value) if isinstance(value, dict) else 1 for value in of.values())

    assert leaves(dataclasses.asdict(config)) == len(settings(config))
