"""`pack` and `finetune-packed`: training data that travels, and the training on one GPU."""

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer

from app.vision.device import DeviceName, choose_device
from app.vision.edgeface import EdgeFace
from trainer.crops import CropSet, clean_labels, load_crops, refuse_overlap
from trainer.degradation import Pixels
from trainer.depthwise import make_dense
from trainer.gpu_config import GpuConfig
from trainer.gpu_loop import GpuTraining, Record, Resident, train
from trainer.metrics import Validation, embed
from trainer.networks import read_dsr, read_edgeface
from trainer.packed import read_packed, write_packed
from trainer.softness import Probes, photographed_probes, soft_probes

_FEW_PHOTOS = 12
_TARGET_BATCH = 1024
_ENSEMBLE_SHARE = 0.7
_DEFAULT = GpuConfig()


def pack(
    out: Annotated[Path, typer.Option(help="Volumes are called OUT-1.zip, OUT-2.zip, ...")],
    train_dir: Annotated[list[Path], typer.Option(help="As for `finetune`.")],
    soft_dir: Annotated[list[Path] | None, typer.Option(help="As for `finetune`.")] = None,
    unnamed_dir: Annotated[list[Path] | None, typer.Option(help="As for `finetune`.")] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of AVIF.")] = 70,
    volume_mb: Annotated[int, typer.Option(min=1, help="A volume's size, about.")] = 60,
) -> None:
    """Pack crops into a file or two that travel to a GPU."""
    crops = load_crops(train_dir, soft_dir or [], unnamed_dir or [])
    for volume in write_packed(crops, out, quality, volume_mb * 1_000_000):
        typer.echo(f"{volume}: {volume.stat().st_size / 1e6:.1f} MB")


def finetune_packed(
    out: Annotated[Path, typer.Option(help="Folder of this run.")],
    packed: Annotated[list[Path], typer.Option(help="Volumes that `pack` left.")],
    val_dir: Annotated[Path, typer.Option(help="People who are not trained on.")],
    edgeface: Annotated[Path, typer.Option(help="To start from, and the teacher.")],
    dsr: Annotated[Path, typer.Option(help="To start from.")],
    soft_val_dir: Annotated[
        Path | None, typer.Option(help="People who are soft by nature, not trained on.")
    ] = None,
    second_teacher: Annotated[
        Path | None, typer.Option(help="Says with the first who is alike.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0, help="How long.")] = _DEFAULT.minutes,
    batch_size: Annotated[int, typer.Option(min=4, help="Faces.")] = _DEFAULT.batch_size,
    compile_networks: Annotated[bool, typer.Option("--compile/--no-compile")] = _DEFAULT.compile,
    dense: Annotated[list[int] | None, typer.Option(help="Map sizes.")] = None,
    look_s: Annotated[float, typer.Option(help="Between validations.")] = _DEFAULT.look_s,
    device: Annotated[DeviceName, typer.Option(help="Where.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume")] = False,
) -> None:
    """Fine-tune both networks on one GPU for so many minutes."""
    config = GpuConfig(
        minutes=minutes, batch_size=batch_size, compile=compile_networks, look_s=look_s
    )
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {what}", flush=True)

    crops = read_packed(packed)
    where = choose_device(device)
    teacher = read_edgeface(edgeface)
    val = load_crops([val_dir])
    refuse_overlap(crops, val)
    soft = load_crops([], [soft_val_dir]) if soft_val_dir else None
    if soft:
        refuse_overlap(crops, soft)
    tell(f"{len(crops)} crops of {len(crops.people)} people.")

    aim = teacher.to(where)
    targets = targets_of(aim, crops.pixels, where)
    named = int((crops.labels >= 0).sum())
    crops = clean_labels(crops, targets.cpu().numpy(), config.label_similarity)
    tell(f"{named - int((crops.labels >= 0).sum())} of {named} names are doubtful.")
    ensemble = targets
    if second_teacher:
        other = targets_of(read_edgeface(second_teacher).to(where), crops.pixels, where)
        ensemble = F.normalize(torch.cat((targets, _ENSEMBLE_SHARE * other), dim=1))
    data = Resident(crops, targets, ensemble, where)
    known = clean_labels(val, embed(aim, val.pixels), config.label_similarity).named()
    validation = Validation(known, _FEW_PHOTOS)
    probes: dict[str, Probes] = {
        f"camera_{size}": photographed_probes(few(known, _FEW_PHOTOS), size) for size in (24, 16)
    }
    if soft:
        probes["soft"] = soft_probes(soft)
    tell("Targets and validation are ready.")

    student = read_edgeface(edgeface)
    make_dense(student, dense or [])
    training = GpuTraining(data, read_dsr(dsr), student, len(crops.people), config)

    def look() -> Record:
        average = training.averages
        found = validation.scores(average.edgeface, average.dsr).values()
        for name, of in probes.items():
            scores = of.scores(average.edgeface, average.dsr)
            found |= {f"{name}_tar": scores.tar, f"{name}_rank1": scores.rank1}
        return found

    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(asdict(config), indent=2, sort_keys=True))
    (out / "data_list.txt").write_text(crops.data_list, encoding="utf-8")
    spent_s = training.restore(out / "checkpoint.pt") if resume else 0.0
    tell(json.dumps({"before": look()}))
    training.warm_up()
    tell("The networks are compiled.")
    with (out / "metrics.jsonl").open("a", encoding="utf-8") as log:
        for record in train(training, out, minutes * 60, spent_s, look):
            line = json.dumps(record)
            log.write(line + "\n")
            log.flush()
            print(line, flush=True)


@torch.no_grad()
def targets_of(teacher: EdgeFace, pixels: Pixels, device: torch.device) -> torch.Tensor:
    """(n, 512) on the device: what `trainer.metrics.stock_targets` says, in batches for a GPU."""
    parts = []
    for start in range(0, len(pixels), _TARGET_BATCH):
        batch = torch.from_numpy(pixels[start : start + _TARGET_BATCH]).to(device)
        scaled = batch.permute(0, 3, 1, 2).float() / 127.5 - 1
        both = [F.normalize(teacher(view).float()) for view in (scaled, scaled.flip(3))]
        parts.append(F.normalize(both[0] + both[1]))
    return torch.cat(parts)


def few(crops: CropSet, photos: int) -> CropSet:
    """At most so many photos of each person."""
    kept: list[int] = []
    for label in range(len(crops.people)):
        kept += np.flatnonzero(crops.labels == label)[:photos].tolist()
    return replace(
        crops,
        files=[crops.files[index] for index in kept],
        pixels=crops.pixels[kept],
        labels=crops.labels[kept],
        sharp=crops.sharp[kept],
        digests=[crops.digests[index] for index in kept],
    )
