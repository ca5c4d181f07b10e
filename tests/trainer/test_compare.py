import json
from collections.abc import Callable
from pathlib import Path

import pytest


def write_run(folder: Path, weight: float, rates: list[float]) -> Path:
    folder.mkdir()
    settings = {"contrastive_weight": weight, "engine": {"seed": 1, "batch_size": 32}}
    (folder / "config.json").write_text(json.dumps(settings))
    records = [{"stage": "stage2", "epoch": 0, "step": 20, "Total": 3.0}]
    for epoch, rate in enumerate(rates):
        shared = {"val_loss": 0.2, "val_acc": 0.9, "val_impostor_mean": 0.015}
        tar = {"val_tar_hr": rate + 0.1, "val_tar_16": rate - 0.1}
        deviation = {"val_impostor_std": 0.08}
        record = {"stage": "stage2", "epoch": epoch, "step": 40, **shared, **deviation, **tar}
        records.append(record)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(of) + "\n" for of in records))
    return folder


def test_runs_stand_side_by_side_by_their_best_epoch(
    tmp_path: Path, commanded: Callable[..., str]
) -> None:
    both = write_run(tmp_path / "both", 0.3, [0.5, 0.8, 0.7])
    alone = write_run(tmp_path / "alone", 0.0, [0.6, 0.65])
    said = commanded("compare", both, alone)
    rows = {
        cells[0].strip(): [cell.strip() for cell in cells[1:]]
        for line in said.splitlines()
        if len(cells := line.strip("│┃ ").split("│")) == 3
    }
    assert rows["contrastive_weight"] == ["0.3", "0.0"]
    assert "engine.seed" not in rows
    assert rows["best epoch"] == ["2 of 3, stage2", "2 of 2, stage2"]
    assert rows["TAR at FAR 1e-3, mean"] == ["0.8000", "0.6500"]
    assert rows["probes of 16 px"] == ["0.7000", "0.5500"]
    assert rows["impostors"] == ["0.0150 ± 0.0800"] * 2


@pytest.mark.parametrize("missing", ["config.json", "metrics.jsonl"])
def test_folder_that_is_no_run_is_refused(
    tmp_path: Path, refused: Callable[..., str], missing: str
) -> None:
    run = write_run(tmp_path / "run", 0.3, [0.5])
    (run / missing).unlink()
    assert missing in refused("compare", run)


def test_run_without_a_finished_epoch_is_refused(
    tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert "No epoch" in refused("compare", write_run(tmp_path / "run", 0.3, []))
