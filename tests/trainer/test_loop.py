"""Same seed, same losses; stopped and resumed anywhere, the same bits; what stops a run."""

import copy
import json
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial, partialmethod
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeCopyMode,
    FakeTensorMode,
)
from torch.optim import Optimizer

import trainer.loop
from trainer.checkpoint import CHECKPOINT_NAME
from trainer.config import DsrConfig, FinetuneConfig
from trainer.crops import CropSet, load_crops
from trainer.data import Batch, Batches
from trainer.degradation import Degradation
from trainer.errors import CollapseError, NonFiniteLossError, StoppedError
from trainer.loop import finetune, take_step, train_dsr
from trainer.losses import ArcFaceHead, SearchLoss
from trainer.metrics import embed
from trainer.networks import read_dsr, read_edgeface
from trainer.stages import DsrStage, FullStage, HeadStage, Losses, Stage

Run = Callable[[Path], Path]


@pytest.fixture(scope="module")
def train(people: Path) -> CropSet:
    return load_crops([people / "train"])


@pytest.fixture(scope="module")
def val(people: Path) -> CropSet:
    return load_crops([people / "val"])


@pytest.fixture(scope="module")
def tune(
    fabric: Fabric,
    finetune_config: FinetuneConfig,
    networks: Path,
    train: CropSet,
    val: CropSet,
) -> Run:
    """Runs, or goes on with, the fine-tuning in this folder: 4 steps of stage 1, 8 of stage 2."""

    def run(folder: Path) -> Path:
        start, dsr = read_edgeface(networks), read_dsr(networks)
        teacher = partial(embed, read_edgeface(networks))
        finetune(fabric, folder, finetune_config, teacher, start, dsr, train, val)
        return folder

    return run


@pytest.fixture(scope="module")
def whole(tune: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    return tune(tmp_path_factory.mktemp("whole"))


def interrupt_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Ctrl-C comes during the step of this number, counted over all stages."""
    taken = 0

    def counted(
        fabric: Fabric, module: nn.Module, optimizer: Optimizer, batch: Batch, max_norm: float
    ) -> Losses:
        nonlocal taken
        taken += 1
        if taken == steps:
            signal.raise_signal(signal.SIGINT)
        return take_step(fabric, module, optimizer, batch, max_norm)

    monkeypatch.setattr(trainer.loop, "take_step", counted)


def assert_same_result(one: Path, other: Path) -> None:
    for name in ("dsr.safetensors", "edgeface.safetensors", "metrics.jsonl"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def records(run: Path) -> list[dict[str, float | str]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


class PowerCutError(Exception):
    """Ends a run without warning."""


def test_same_seed_gives_the_same_losses_and_weights(
    tune: Run, whole: Path, tmp_path: Path
) -> None:
    assert len(records(whole)) == 3
    assert_same_result(whole, tune(tmp_path))


# Of 12 steps, 4 are stage 1's; a checkpoint is written every 3 steps and after each epoch.
@pytest.mark.parametrize(
    "step",
    [
        pytest.param(2, id="in the middle of stage 1"),
        pytest.param(4, id="at the end of stage 1"),
        pytest.param(5, id="at the start of stage 2"),
        pytest.param(8, id="at the end of an epoch"),
        pytest.param(10, id="in the middle of an epoch"),
        pytest.param(12, id="in the last step"),
    ],
)
def test_resumed_run_equals_an_uninterrupted_one(
    tune: Run, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(patch, step)
        with pytest.raises(StoppedError, match="--resume"):
            tune(tmp_path)
    assert not (tmp_path / "edgeface.safetensors").exists()
    assert_same_result(whole, tune(tmp_path))


@pytest.mark.parametrize("step", [3, 5, 12])
def test_run_that_crashed_goes_on_from_its_last_checkpoint(
    tune: Run, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    taken = 0

    def cut(
        fabric: Fabric, module: nn.Module, optimizer: Optimizer, batch: Batch, max_norm: float
    ) -> Losses:
        nonlocal taken
        taken += 1
        if taken == step:
            raise PowerCutError
        return take_step(fabric, module, optimizer, batch, max_norm)

    monkeypatch.setattr(trainer.loop, "LOG_STEPS", 1)
    with monkeypatch.context() as patch:
        patch.setattr(trainer.loop, "take_step", cut)
        with pytest.raises(PowerCutError):
            tune(tmp_path)
    # There are records of steps that no checkpoint knows, and now a torn line.
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "sta')
    tune(tmp_path)
    for name in ("dsr.safetensors", "edgeface.safetensors"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    by_step = [(of["stage"], of["step"]) for of in records(tmp_path) if "val_loss" not in of]
    expected = [("stage1", step) for step in range(1, 5)]
    assert by_step == [*expected, *(("stage2", step) for step in range(1, 9))]


def test_stage_1_moves_the_head_alone(
    tmp_path: Path,
    fabric: Fabric,
    finetune_config: FinetuneConfig,
    networks: Path,
    train: CropSet,
    val: CropSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, dsr = read_edgeface(networks), read_dsr(networks)
    interrupt_after(monkeypatch, 4)
    teacher = partial(embed, read_edgeface(networks))
    with pytest.raises(StoppedError):
        finetune(fabric, tmp_path, finetune_config, teacher, start, dsr, train, val)
    trained = torch.load(tmp_path / CHECKPOINT_NAME, weights_only=True)["module"]
    for name, tensor in read_edgeface(networks).state_dict().items():
        torch.testing.assert_close(trained[f"edgeface.{name}"], tensor, rtol=0, atol=0)
    for name, tensor in read_dsr(networks).state_dict().items():
        torch.testing.assert_close(trained[f"dsr.{name}"], tensor, rtol=0, atol=0)


def test_stage_2_moves_everything_but_a_frozen_dsr(
    tmp_path: Path,
    fabric: Fabric,
    finetune_config: FinetuneConfig,
    networks: Path,
    train: CropSet,
    val: CropSet,
) -> None:
    # At lower rates a step is less than the last bit of some weights.
    config = replace(
        finetune_config,
        stage1_epochs=0,
        stage2_epochs=1,
        dsr_learning_rate=0.0,
        backbone_learning_rate=1e-3,
    )
    start, dsr = read_edgeface(networks), read_dsr(networks)
    teacher = partial(embed, read_edgeface(networks))
    finetune(fabric, tmp_path, config, teacher, start, dsr, train, val)
    for name, tensor in read_dsr(networks).state_dict().items():
        torch.testing.assert_close(read_dsr(tmp_path).state_dict()[name], tensor, rtol=0, atol=0)
    tuned = read_edgeface(tmp_path).state_dict()
    moved = [
        name
        for name, tensor in read_edgeface(networks).state_dict().items()
        if not torch.equal(tuned[name], tensor)
    ]
    assert len(moved) == len(tuned)


def test_lines_are_those_that_the_issue_shows(
    tune: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tune(tmp_path)
    number = r"\d+\.\d{4}"
    losses = rf"\| Train Loss: {number} Acc: {number} \| Val Loss: {number} Acc: {number}"
    expected = [
        "0 of 9 validation photos have doubtful names.",
        r"\[Val\] Before the first step: TAR at FAR 1e-3 by face px \| hr: .*",
        r"STAGE 1: Training ArcFace head \(backbone frozen\)",
        rf"Epoch 01/01 {losses}",
        r"\[Val\] .*",
        r"STAGE 2: Fine-tuning entire model \(backbone unfrozen\)",
    ]
    for epoch in (1, 2):
        expected += [
            rf"Epoch 0{epoch}/02 {losses}",
            rf"\[Losses\] Total: {number} \| Cls: {number} \| Cont: {number} \|.*",
            r"\[Val\] .*",
        ]
    expected += [
        rf"TAR at FAR 1e-3, all sizes: {number} before, {number} after\.",
        r"Next: farsight-trainer publish --run .*",
    ]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(expected) == 14
    for line, pattern in zip(said, expected, strict=True):
        assert re.fullmatch(pattern, line), line


@pytest.mark.parametrize("look_steps", [1, 20])
def test_run_on_disk_is_from_before_the_batch_whose_loss_is_not_finite(
    tmp_path: Path,
    fabric: Fabric,
    dsr_config: DsrConfig,
    networks: Path,
    train: CropSet,
    val: CropSet,
    monkeypatch: pytest.MonkeyPatch,
    look_steps: int,
) -> None:
    seen: list[list[str]] = []

    def spoilt(
        fabric: Fabric, module: nn.Module, optimizer: Optimizer, batch: Batch, max_norm: float
    ) -> Losses:
        seen.append(batch.files)
        # Of two epochs of four steps, the third of the second.
        if len(seen) == 7:
            batch.target[0, 0] = float("nan")
        return take_step(fabric, module, optimizer, batch, max_norm)

    monkeypatch.setattr(trainer.loop, "LOOK_STEPS_CPU", look_steps)
    monkeypatch.setattr(trainer.loop, "take_step", spoilt)
    with pytest.raises(NonFiniteLossError) as stopped:
        train_dsr(fabric, tmp_path, dsr_config, read_edgeface(networks), train, val)
    for file in seen[6]:
        assert file in stopped.value.detail
    assert not (tmp_path / "dsr.safetensors").exists()
    stored = torch.load(tmp_path / CHECKPOINT_NAME, weights_only=True)
    assert (stored["place"]["epoch"], stored["place"]["step"]) == (1, 0)
    assert all(torch.isfinite(value).all() for value in stored["module"].values())


@pytest.mark.parametrize("name", ["dsr", "stage1", "stage2"])
def test_no_step_reads_what_it_computes(
    name: str,
    fabric: Fabric,
    finetune_config: FinetuneConfig,
    dsr_config: DsrConfig,
    networks: Path,
    train: CropSet,
) -> None:
    batches = Batches(train, np.ones((len(train), 512), np.float32), Degradation(), 4, 1)
    dsr, edgeface, head = read_dsr(networks), read_edgeface(networks), ArcFaceHead(4)
    search = SearchLoss(torch.ones(16, 512), torch.zeros(16, dtype=torch.int64))
    stages: dict[str, Callable[[], Stage]] = {
        "dsr": lambda: DsrStage(dsr, edgeface, dsr_config),
        "stage1": lambda: HeadStage(dsr, edgeface, head, finetune_config),
        "stage2": lambda: FullStage(dsr, edgeface, head, search, finetune_config),
    }
    # Tensors without numbers: to read one, or to ask how many of them are so, is an error.
    numberless = FakeTensorMode(allow_non_fake_inputs=True)
    with FakeCopyMode(numberless):
        stage = copy.deepcopy(stages[name]())
    with numberless:
        optimizer = torch.optim.AdamW(stage.parameter_groups())
        losses = take_step(fabric, stage, optimizer, batches[0, 0], 1.0)
        with pytest.raises(DataDependentOutputException):
            float(losses["Total"])


def test_losses_are_the_same_when_they_are_looked_at_less_often(
    tune: Run, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer.loop, "LOOK_STEPS_CPU", 3)
    assert_same_result(whole, tune(tmp_path))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on few cores
@pytest.mark.parametrize("workers", [0, 2])
def test_losses_are_the_same_whoever_draws_the_batches(
    tmp_path: Path,
    fabric: Fabric,
    dsr_config: DsrConfig,
    networks: Path,
    train: CropSet,
    val: CropSet,
    workers: int,
) -> None:
    for count in (1, workers):
        engine = replace(dsr_config.engine, workers=count)
        folder = tmp_path / str(count)
        folder.mkdir()
        config = replace(dsr_config, engine=engine)
        train_dsr(fabric, folder, config, read_edgeface(networks), train, val)
    for name in ("dsr.safetensors", "metrics.jsonl"):
        one, other = (tmp_path / str(count) / name for count in (1, workers))
        assert one.read_bytes() == other.read_bytes()


# torch.compile itself looks at gradients of tensors that have none.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_losses_are_the_same_when_the_networks_are_compiled(
    tmp_path: Path,
    fabric: Fabric,
    dsr_config: DsrConfig,
    networks: Path,
    train: CropSet,
    val: CropSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Traced and differentiated as for any machine; the machine's own code takes minutes to make.
    traced = partialmethod(nn.Module.compile, backend="aot_eager")
    monkeypatch.setattr(nn.Module, "compile", traced)
    for compiled in (False, True):
        folder = tmp_path / str(compiled)
        folder.mkdir()
        config = replace(dsr_config, engine=replace(dsr_config.engine, compile=compiled))
        train_dsr(fabric, folder, config, read_edgeface(networks), train, val)
    plain, traced_records = (records(tmp_path / str(compiled)) for compiled in (False, True))
    assert len(plain) == 2
    for one, other in zip(plain, traced_records, strict=True):
        assert one == {
            name: value if isinstance(value, str) else pytest.approx(value, abs=1e-6)
            for name, value in other.items()
        }


def test_collapse_stops_the_run(
    tmp_path: Path,
    fabric: Fabric,
    dsr_config: DsrConfig,
    networks: Path,
    train: CropSet,
    val: CropSet,
) -> None:
    config = replace(dsr_config, engine=replace(dsr_config.engine, max_impostor_mean=-0.99))
    with pytest.raises(CollapseError, match=r"after epoch 1 is above -0\.99"):
        train_dsr(fabric, tmp_path, config, read_edgeface(networks), train, val)
    assert not (tmp_path / "dsr.safetensors").exists()


def test_best_epoch_is_kept(
    tmp_path: Path,
    fabric: Fabric,
    dsr_config: DsrConfig,
    networks: Path,
    train: CropSet,
    val: CropSet,
) -> None:
    # After the first epoch the rate is so high that the network is spoilt.
    config = replace(dsr_config, epochs=4, learning_rate=1.0)
    train_dsr(fabric, tmp_path, config, read_edgeface(networks), train, val)
    place = torch.load(tmp_path / CHECKPOINT_NAME, weights_only=True)["place"]
    selection = [
        sum(float(value) for name, value in of.items() if name.startswith("val_tar")) / 5
        for of in records(tmp_path)
        if "val_loss" in of
    ]
    assert len(selection) == 4
    assert place["best_score"] == pytest.approx(max(selection))
    for name, tensor in read_dsr(tmp_path).state_dict().items():
        assert torch.equal(tensor, place["best"][f"dsr.{name}"])
