"""From photos to a service that runs what was trained on them, with every command."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from starlette.testclient import TestClient

from app.main import create_app
from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.dsr import DSR
from app.vision.published import read_published
from trainer.networks import write_run_networks


@pytest.fixture
def photos(photo_files: dict[str, list[Path]], tmp_path: Path) -> Path:
    """train/ and val/ with photos of two and of four people."""
    for index, (person, (first, *_)) in enumerate(list(photo_files.items())[:6]):
        part = tmp_path / "photos" / ("train" if index < 2 else "val")
        shutil.copytree(first.parent, part / person)
    return tmp_path / "photos"


@pytest.fixture
def bad_baseline(checkpoint: Path, tmp_path: Path) -> Path:
    """To be better than this, two minutes of training are not needed."""
    edgeface = read_published(checkpoint)
    with torch.no_grad():
        for name, parameter in edgeface.model.head.named_parameters():
            parameter.fill_(1.0 if name == "fc.bias" else 0.0)
    folder = tmp_path / "baseline"
    folder.mkdir()
    write_run_networks(folder, DSR(channels=8, blocks=2), edgeface)
    return folder


def test_service_runs_what_was_trained_on_photos(
    checkpoint: Path,
    detectors: Path,
    photos: Path,
    bad_baseline: Path,
    tmp_path: Path,
    commanded: Callable[..., str],
) -> None:
    for part in ("train", "val"):
        out = tmp_path / part
        words = ["--photos", photos / part, "--out", out, "--detectors", detectors]
        commanded("prepare", *words, "--detector", "centerface")
    data = ["--train-dir", tmp_path / "train/people", "--val-dir", tmp_path / "val/people"]
    engine = ["--edgeface", checkpoint, "--batch-size", 4, "--device", "cpu"]
    dsr = ["--out", tmp_path / "dsr", "--channels", 8, "--blocks", 2, "--epochs", 1]
    commanded("dsr", *data, *engine, *dsr, "--max-impostor-mean", 0.5)
    stages = ["--stage1-epochs", 1, "--stage2-epochs", 1, "--backbone-learning-rate", 1e-6]
    tuned = ["--out", tmp_path / "tuned", "--dsr", tmp_path / "dsr", "--max-impostor-mean", 0.5]
    commanded("finetune", *data, *engine, *tuned, *stages)
    told = commanded("compare", tmp_path / "tuned")
    assert "best epoch" in told
    commanded(
        *("publish", "--run", tmp_path / "tuned", "--store", tmp_path / "store"),
        *("--val-dir", tmp_path / "val/people", "--baseline", bad_baseline),
    )
    settings = Settings(
        bundles=tmp_path / "store",
        bundle="tuned",
        detector="centerface",
        detectors=detectors,
        public_version=True,
        database=DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path / 'service.db'}"),
    )
    with TestClient(create_app(settings)) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/version").json()["bundle"] == "tuned"
