"""`finetune-packed` on a CPU: slow, but it is the same loop."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from trainer.config import Engine, PackedConfig
from trainer.crops import load_crops
from trainer.errors import NonFiniteLossError
from trainer.gpu_batch import Resident
from trainer.gpu_clock import StepClock
from trainer.gpu_training import GpuTraining, learning_rate, train
from trainer.networks import read_dsr, read_edgeface

CPU = torch.device("cpu")
CONFIG = PackedConfig(minutes=0.001, compile=False, engine=Engine(batch_size=4))
Refused = Callable[..., str]


@pytest.fixture
def fresh(people: Path, networks: Path) -> Callable[[], GpuTraining]:
    crops = load_crops([people / "train"])
    targets = F.normalize(torch.randn(16, 512, generator=torch.Generator().manual_seed(0)))
    data = Resident(crops, targets, targets)

    def make() -> GpuTraining:
        return GpuTraining(data, read_dsr(networks), read_edgeface(networks), 4, CONFIG)

    return make


def weights(training: GpuTraining) -> torch.Tensor:
    networks = (training.pair, training.average)
    return torch.cat([p.flatten() for net in networks for p in net.state_dict().values()])


def test_a_restored_training_goes_on_as_if_it_had_not_stopped(
    fresh: Callable[[], GpuTraining], tmp_path: Path
) -> None:
    straight, first, second = fresh(), fresh(), fresh()
    for _ in range(3):
        straight.take_step(1.0, StepClock(CPU))
    for _ in range(2):
        first.take_step(1.0, StepClock(CPU))
    first.save(tmp_path, spent_s=7.0)
    assert second.restore(tmp_path) == 7.0
    second.take_step(1.0, StepClock(CPU))
    assert second.step == straight.step == 3
    assert torch.equal(weights(second), weights(straight))


def test_nothing_is_left_when_a_loss_is_not_finite(
    fresh: Callable[[], GpuTraining], tmp_path: Path
) -> None:
    training = fresh()
    with torch.no_grad():
        next(training.pair.edgeface.parameters()).fill_(torch.nan)
    with pytest.raises(NonFiniteLossError):
        list(train(training, tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_record_says_how_fast_and_where_a_step_waits(
    fresh: Callable[[], GpuTraining], tmp_path: Path
) -> None:
    *_, last = train(fresh(), tmp_path)
    assert last["faces_per_s"] > 0
    assert all(last[f"{p}_ms"] > 0 for p in ("degrade", "forward", "losses", "backward", "update"))


def test_the_rate_rises_and_falls_with_the_time() -> None:
    rates = [learning_rate(share, 0.1) for share in (0, 0.05, 0.1, 0.55, 1)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_packed_crops_are_trained_on_and_the_run_is_resumed(
    people: Path,
    networks: Path,
    tmp_path: Path,
    commanded: Callable[..., str],
    refused: Refused,
) -> None:
    said = commanded("pack", "--out", tmp_path / "faces", "--train-dir", people / "train")
    assert "faces-1.zip" in said
    run = tmp_path / "run"
    options = ["--packed", tmp_path / "faces-1.zip", "--val-dir", people / "val", "--batch-size", 4]
    options += ["--edgeface", networks, "--dsr", networks, "--second-teacher", networks]
    options += ["--no-compile", "--device", "cpu", "--out", run]
    commanded("finetune-packed", *options, "--minutes", 0.001)
    assert read_edgeface(run).variant == "edgeface_xxs"
    assert (run / "provenance.json").is_file()
    (record,) = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    assert {"val_tar_hr", "val_tar_photographed_16"} <= record.keys()
    said = refused("finetune-packed", *options, "--minutes", 2, "--resume")
    assert "minutes was 0.001, is 2" in said
    commanded("finetune-packed", *options, "--minutes", 0.001, "--resume")
    said = commanded(
        "bench",
        "--edgeface",
        networks,
        "--dsr",
        networks,
        "--steps",
        1,
        *options[4:6],
        "--no-compile",
    )
    assert "faces per second" in said
