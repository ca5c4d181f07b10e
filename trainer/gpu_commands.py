"""Training on a lent GPU: data that travels, the training, and what a step of it waits for."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.table import Table

from app.vision.device import DeviceName, choose_device
from app.vision.dimensions import EMBEDDING_SIZE
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from trainer.commands import (
    Resume,
    Run,
    SoftDir,
    TrainDir,
    UnnamedDir,
    ValDir,
    launch,
)
from trainer.config import Engine, PackedConfig
from trainer.crops import CropSet, clean_labels, load_crops, refuse_overlap
from trainer.degradation import SIZE_PX
from trainer.errors import CollapseError
from trainer.gpu_batch import Resident
from trainer.gpu_clock import StepClock
from trainer.gpu_training import GpuTraining, Pair, Record, train
from trainer.metrics import Validation, embed, stock_targets
from trainer.networks import read_dsr, read_edgeface
from trainer.packed import read_packed, write_packed
from trainer.probes import Probes, photographed_probes, soft_probes
from trainer.run_folder import open_run
from trainer.runlog import RunLog

_DEFAULT = PackedConfig()
_PHOTOGRAPHED_PX = (24, 16)
_SECOND_TEACHER_SHARE = 0.7
_BENCH_CROPS = 4096
_STAGE = "packed"

BatchSize = Annotated[int, typer.Option(min=4, help="Faces per step.")]
Compile = Annotated[bool, typer.Option("--compile/--no-compile", help="Compile the networks.")]


def pack(
    out: Annotated[Path, typer.Option(help="Volumes are called OUT-1.zip, OUT-2.zip, ...")],
    train_dir: TrainDir,
    soft_dir: SoftDir = None,
    unnamed_dir: UnnamedDir = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of AVIF.")] = 70,
    volume_mb: Annotated[int, typer.Option(min=1, help="What a volume may hold.")] = 60,
) -> None:
    """Pack crops into a file or two that travel to a GPU, for `finetune-packed`."""
    crops = load_crops(train_dir, soft_dir or [], unnamed_dir or [])
    for volume in write_packed(crops, out, quality, volume_mb * 1_000_000):
        typer.echo(f"{volume}: {volume.stat().st_size / 1e6:.1f} MB")


def finetune_packed(
    run: Run,
    packed: Annotated[list[Path], typer.Option(help="A volume that `pack` left; repeat it.")],
    val_dir: ValDir,
    edgeface: Annotated[Path, typer.Option(help="To start from, and the teacher.")],
    dsr: Annotated[Path, typer.Option(help="A bundle or a run: to start from.")],
    soft_val_dir: Annotated[
        Path | None, typer.Option(help="People who are not trained on either, soft by nature.")
    ] = None,
    second_teacher: Annotated[
        Path | None, typer.Option(help="Says together with the first who is alike.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0, help="How long to train.")] = _DEFAULT.minutes,
    batch_size: BatchSize = _DEFAULT.batch_size,
    compiled: Compile = _DEFAULT.compile,
    look_s: Annotated[float, typer.Option(help="Between validations.")] = _DEFAULT.look_s,
    device: Annotated[DeviceName, typer.Option(help="Where to train.")] = "auto",
    resume: Resume = False,
) -> None:
    """Fine-tune both networks on one GPU for so many minutes.

    Leaves edgeface.safetensors and dsr.safetensors in --out, for `publish`.
    """
    config = PackedConfig(minutes=minutes, batch_size=batch_size, compile=compiled, look_s=look_s)
    # Before the GPU is touched: reading forks.
    crops = read_packed(packed)
    val = load_crops([val_dir])
    refuse_overlap(crops, val)
    soft = load_crops([], [soft_val_dir]) if soft_val_dir else None
    if soft:
        refuse_overlap(crops, soft)
    fabric = launch(Engine(device=device))
    teacher, start, restorer = read_edgeface(edgeface), read_edgeface(edgeface), read_dsr(dsr)
    networks: dict[str, tuple[Path, EdgeFace | DSR]] = {
        "edgeface": (edgeface, start),
        "dsr": (dsr, restorer),
    }
    teachers = [teacher]
    if second_teacher:
        teachers.append(read_edgeface(second_teacher))
        networks["second_teacher"] = (second_teacher, teachers[-1])
    open_run(fabric, run, config, crops, networks, resume)

    data, people = _resident(crops, teachers, config, fabric.device)
    look = _look(val, soft, teacher, config)
    training = GpuTraining(data, restorer, start, people, config)
    spent_s = training.restore(run) if resume else 0.0
    _tell({"step": float(training.step), **look(training.average)})
    training.warm_up()
    with RunLog(run, _STAGE, training.step) as log:
        for record in train(training, run, spent_s):
            found = record | look(training.average)
            log.write(0, training.step, found)
            _tell(found)
            if (mean := found["val_impostor_mean"]) > config.max_impostor_mean:
                raise CollapseError(f"Impostor mean {mean:.3f} at step {training.step}.")


def bench(
    edgeface: Annotated[Path, typer.Option(help="A bundle, a run, or a published .pt.")],
    dsr: Annotated[Path, typer.Option(help="A bundle or a run.")],
    steps: Annotated[int, typer.Option(min=1, help="Steps that are measured.")] = 20,
    batch_size: BatchSize = _DEFAULT.batch_size,
    compiled: Compile = _DEFAULT.compile,
    device: Annotated[DeviceName, typer.Option(help="Where.")] = "auto",
) -> None:
    """Time steps of `finetune-packed` on noise: faces per second, and what a step waits for."""
    where = torch.device(choose_device(device))
    noise = np.random.default_rng(1)
    pixels = noise.integers(0, 256, (_BENCH_CROPS, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    people = _BENCH_CROPS // 8
    crops = CropSet(
        files=[""] * _BENCH_CROPS,
        pixels=pixels,
        labels=np.arange(_BENCH_CROPS) % people,
        people=[str(label) for label in range(people)],
        sharp=np.ones(_BENCH_CROPS, np.bool_),
        digests=[""] * _BENCH_CROPS,
    )
    targets = F.normalize(torch.randn(_BENCH_CROPS, EMBEDDING_SIZE, device=where))
    config = PackedConfig(batch_size=batch_size, compile=compiled)
    data = Resident(crops, targets, targets)
    training = GpuTraining(data, read_dsr(dsr), read_edgeface(edgeface), people, config)
    training.warm_up()
    # The first step makes the optimizer's state.
    training.take_step(1.0, StepClock(where))
    clock = StepClock(where)
    for _ in range(steps):
        training.take_step(1.0, clock)
    parts_ms = clock.parts_ms()
    total_ms = sum(parts_ms.values())
    table = Table("part", "ms per step", "share")
    for part, spent_ms in parts_ms.items():
        table.add_row(part, f"{spent_ms / steps:.1f}", f"{spent_ms / total_ms:.0%}")
    console = Console()
    console.print(table)
    console.print(f"{1000 * batch_size * steps / total_ms:.0f} faces per second on {where}")


def _resident(
    crops: CropSet, teachers: list[EdgeFace], config: PackedConfig, device: torch.device
) -> tuple[Resident, int]:
    """The data on the device, doubtful names dropped, and the number of people."""
    said = [torch.from_numpy(stock_targets(of.to(device), crops)).to(device) for of in teachers]
    crops = clean_labels(crops, said[0].cpu().numpy(), config.label_similarity)
    shares = [1.0, _SECOND_TEACHER_SHARE]
    weighted = [share * of for share, of in zip(shares, said, strict=False)]
    together = F.normalize(torch.cat(weighted, dim=1))
    return Resident(crops, said[0], together), len(crops.people)


def _look(
    val: CropSet, soft: CropSet | None, teacher: EdgeFace, config: PackedConfig
) -> Callable[[Pair], Record]:
    """What validates networks, on clean, photographed and natively soft probes."""
    known = clean_labels(val, embed(teacher, val.pixels), config.label_similarity).named()
    known = known.first_photos(config.validation_photos)
    clean = Validation(known, config.validation_photos)
    probes: dict[str, Probes] = {
        f"photographed_{size}": photographed_probes(known, size) for size in _PHOTOGRAPHED_PX
    }
    if soft:
        probes["soft"] = soft_probes(soft)

    def look(pair: Pair) -> Record:
        found = clean.scores(pair.edgeface, pair.dsr).values()
        for name, of in probes.items():
            scores = of.scores(pair.edgeface, pair.dsr)
            found |= {f"val_tar_{name}": scores.tar, f"val_rank1_{name}": scores.rank1}
        return found

    return look


def _tell(record: Record) -> None:
    typer.echo(" ".join(f"{name} {value:.4g}" for name, value in record.items()))
