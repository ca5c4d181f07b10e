"""Training on a lent GPU: packing data, the training, and timing its steps."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.table import Table

from app.vision.device import choose_device
from app.vision.dimensions import CROP_SIZE_PX, EMBEDDING_SIZE
from trainer.commands import Folders, RunOptions, TrainingCrops, launch
from trainer.config import Engine, PackedConfig
from trainer.crops import CropSet, clean_labels, load_crops, refuse_overlap
from trainer.errors import CollapseError, DataError
from trainer.gpu_batch import Resident
from trainer.gpu_clock import StepClock
from trainer.gpu_training import GpuTraining, Pair, Record, train
from trainer.metrics import Validation
from trainer.networks import read_dsr, read_edgeface, weights_sha256
from trainer.options import Count, number
from trainer.packed import read_packed, write_packed
from trainer.probes import Probes, photographed_probes, soft_probes
from trainer.run_folder import open_run
from trainer.runlog import RunLog
from trainer.teacher import Teacher, read_teacher, targets_of

Quality = Annotated[int, number(int, 1, 100)]

_PHOTOGRAPHED_PX = (24, 16)
_SECOND_TEACHER_SHARE = 0.7
_BENCH_CROPS = 4096
_STAGE = "packed"


def pack(out: Path, crops: TrainingCrops, quality: Quality = 70, volume_mb: Count = 60) -> None:
    """Pack crops into a file or two for transfer to a GPU, for `finetune-packed`.

    Args:
        out: Volumes are called OUT-1.zip, OUT-2.zip, ...
        crops: Aligned 112x112 crops, as `prepare` makes them of photos.
        quality: Of AVIF. At 70 EdgeFace sees crops as before; below 60 it does not.
        volume_mb: Maximum size of a volume.
    """
    for volume in write_packed(crops.read(), out, quality, volume_mb * 1_000_000):
        typer.echo(f"{volume}: {volume.stat().st_size / 1e6:.1f} MB")


def finetune_packed(
    run: RunOptions,
    settings: PackedConfig,
    packed: Folders,
    val_dir: Path,
    edgeface: Path,
    dsr: Path,
    soft_val_dir: Path | None = None,
    teacher: Path | None = None,
    second_teacher: Path | None = None,
) -> None:
    """Fine-tune both networks on one GPU for a number of minutes.

    Writes edgeface.safetensors and dsr.safetensors to --out, for `publish`.

    Args:
        run: Where the run goes.
        settings: How to train.
        packed: A volume from `pack`; repeat it for more.
        val_dir: People who are not trained on, a folder each.
        edgeface: A bundle, a run, or a published .pt: the network to start from.
        dsr: A bundle or a run: the network to start from.
        soft_val_dir: Other people who are not trained on, in naturally soft photos.
        teacher: The network whose embeddings of sharp crops are the target; by default --edgeface.
            It may also be any ONNX file that maps 112x112 crops to 512 numbers. Another network
            than --edgeface is worthwhile if it recognises faces much better.
        second_teacher: Decides together with the first who looks alike.
            Its embeddings may have any size.
    """
    if not packed:
        raise DataError("Give --packed: a volume of crops to learn from.")
    engine = settings.engine
    # Before the GPU is used: reading forks.
    crops = read_packed(packed)
    val = load_crops([val_dir])
    refuse_overlap(crops, val)
    soft = load_crops([], [soft_val_dir]) if soft_val_dir else None
    if soft:
        refuse_overlap(crops, soft)
    fabric = launch(engine.device, "bf16-mixed")
    start, restorer = read_edgeface(edgeface), read_dsr(dsr)
    aim, aim_sha256 = read_teacher(teacher or edgeface, settings.teacher_input, fabric.device)
    teachers = [aim]
    networks = {
        "edgeface": (edgeface, weights_sha256(start)),
        "dsr": (dsr, weights_sha256(restorer)),
        "teacher": (teacher or edgeface, aim_sha256),
    }
    if second_teacher:
        other, sha256 = read_teacher(
            second_teacher, settings.teacher_input, fabric.device, size=None
        )
        teachers.append(other)
        networks["second_teacher"] = (second_teacher, sha256)
    open_run(fabric, run.out, settings, crops, networks, run.resume)

    data, people = _resident(crops, teachers, engine.label_similarity, fabric.device)
    look = _look(val, soft, aim, engine)
    training = GpuTraining(data, restorer, start, people, settings)
    spent_s = training.restore(run.out) if run.resume else 0.0
    _tell({"step": float(training.step), **look(training.average)})
    training.warm_up()
    with RunLog(run.out, _STAGE, training.step) as log:
        for record in train(training, run.out, spent_s):
            found = record | look(training.average)
            log.write(0, training.step, found)
            _tell(found)
            if (mean := found["val_impostor_mean"]) > engine.max_impostor_mean:
                raise CollapseError(
                    f"The impostor mean reached {mean:.3f} at step {training.step}."
                )


def bench(settings: PackedConfig, edgeface: Path, dsr: Path, steps: Count = 20) -> None:
    """Time steps of `finetune-packed` on noise: faces per second, and where a step's time goes.

    Args:
        settings: How to train.
        edgeface: A bundle, a run, or a published .pt.
        dsr: A bundle or a run.
        steps: Steps to measure.
    """
    where = torch.device(choose_device(settings.engine.device))
    noise = np.random.default_rng(1)
    pixels = noise.integers(0, 256, (_BENCH_CROPS, CROP_SIZE_PX, CROP_SIZE_PX, 3), dtype=np.uint8)
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
    data = Resident(crops, targets, targets)
    training = GpuTraining(data, read_dsr(dsr), read_edgeface(edgeface), people, settings)
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
    console.print(
        f"{1000 * settings.engine.batch_size * steps / total_ms:.0f} faces per second on {where}"
    )


def _resident(
    crops: CropSet, teachers: list[Teacher], label_similarity: float, device: torch.device
) -> tuple[Resident, int]:
    """The data on the device, doubtful names dropped, and the number of people."""
    said = [torch.from_numpy(targets_of(teacher, crops)).to(device) for teacher in teachers]
    crops = clean_labels(crops, said[0].cpu().numpy(), label_similarity)
    shares = [1.0, _SECOND_TEACHER_SHARE]
    weighted = [share * of for share, of in zip(shares, said, strict=False)]
    together = F.normalize(torch.cat(weighted, dim=1))
    return Resident(crops, said[0], together), len(crops.people)


def _look(
    val: CropSet, soft: CropSet | None, teacher: Teacher, engine: Engine
) -> Callable[[Pair], Record]:
    """What validates networks, on clean, photographed and natively soft probes."""
    known = clean_labels(val, teacher(val.pixels), engine.label_similarity).named()
    known = known.first_photos(engine.validation_photos)
    clean = Validation(known, engine.validation_photos)
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
