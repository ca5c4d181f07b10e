"""The two training commands: what they take, what they refuse before any work, what they leave."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import cv2
import typer
from lightning_fabric import Fabric

from app.vision.device import DeviceName, choose_device
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from trainer.config import DsrConfig, Engine, FinetuneConfig, Precision
from trainer.crops import CropSet, load_crops, refuse_overlap
from trainer.data import refuse_batch_size
from trainer.loop import finetune as run_finetune
from trainer.loop import train_dsr
from trainer.networks import read_dsr, read_edgeface
from trainer.run_folder import open_run

# Not --run: torchrun takes that for the beginning of its own --run-path, wherever it stands.
Run = Annotated[
    Path, typer.Option("--out", help="Folder of this run; made here, must not exist yet.")
]
TrainDir = Annotated[
    list[Path],
    typer.Option(help="Aligned 112x112 crops, a folder per person, sharp. May be repeated."),
]
SoftDir = Annotated[
    list[Path] | None,
    typer.Option(help="The same from soft sources: trains identity, never pixels."),
]
UnnamedDir = Annotated[list[Path] | None, typer.Option(help="Sharp crops of people without names.")]
ValDir = Annotated[Path, typer.Option(help="People who are not trained on, a folder each.")]
EdgeFacePath = Annotated[
    Path, typer.Option(help="A bundle, a run, or a published .pt: the network to start from.")
]
Device = Annotated[DeviceName, typer.Option(help="Where to train; auto takes a GPU if any.")]
PrecisionName = Annotated[
    Precision, typer.Option(help="bf16-mixed is faster where hardware has it.")
]
BatchSize = Annotated[int, typer.Option(min=1, help="Faces per step, over all processes.")]
MaxImpostorMean = Annotated[
    float, typer.Option(help="Stop when strangers are more similar than this on average.")
]
Seed = Annotated[int, typer.Option(help="Decides weights, order and degradation.")]
MinFacePx = Annotated[float, typer.Option(min=6, max=112, help="Smallest face drawn.")]
MaxFacePx = Annotated[float, typer.Option(min=6, max=112, help="Largest face drawn.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
SkipUnreadable = Annotated[bool, typer.Option("--skip-unreadable", help="Leave out bad files.")]

# What a command does without an option is what its settings say.
_DSR, _FINETUNE, _ENGINE = DsrConfig(), FinetuneConfig(), Engine()


def dsr(
    run: Run,
    train_dir: TrainDir,
    val_dir: ValDir,
    edgeface: EdgeFacePath,
    soft_dir: SoftDir = None,
    unnamed_dir: UnnamedDir = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the crops.")] = _DSR.epochs,
    learning_rate: Annotated[float, typer.Option(min=0, help="Peak.")] = _DSR.learning_rate,
    identity_weight: Annotated[
        float, typer.Option(min=0, help="Of 1 - cosine.")
    ] = _DSR.identity_weight,
    pixel_weight: Annotated[
        float, typer.Option(min=0, help="Of the pixel difference.")
    ] = _DSR.pixel_weight,
    channels: Annotated[
        int, typer.Option(min=4, help="Width of DSR; a multiple of 4.")
    ] = _DSR.channels,
    blocks: Annotated[int, typer.Option(min=1, help="Residual blocks of DSR.")] = _DSR.blocks,
    batch_size: BatchSize = _ENGINE.batch_size,
    min_face_px: MinFacePx = _ENGINE.degradation.min_face_px,
    max_face_px: MaxFacePx = _ENGINE.degradation.max_face_px,
    max_impostor_mean: MaxImpostorMean = _DSR.max_impostor_mean,
    device: Device = _ENGINE.device,
    precision: PrecisionName = _ENGINE.precision,
    seed: Seed = _ENGINE.seed,
    resume: Resume = False,
    skip_unreadable: SkipUnreadable = False,
) -> None:
    """Train DSR: restore faces so that EdgeFace, which stands still, knows them.

    Leaves dsr.safetensors in --out, for `finetune --dsr`.
    """
    engine = _engine(device, precision, seed, batch_size, min_face_px, max_face_px)
    config = DsrConfig(
        epochs=epochs,
        learning_rate=learning_rate,
        identity_weight=identity_weight,
        pixel_weight=pixel_weight,
        channels=channels,
        blocks=blocks,
        max_impostor_mean=max_impostor_mean,
        engine=engine,
    )
    if channels % config.heads:
        raise typer.BadParameter(f"--channels {channels} is no multiple of {config.heads}.")
    fabric = launch(engine)
    start = read_edgeface(edgeface)
    train, val = _read_data(train_dir, soft_dir, unnamed_dir, val_dir, skip_unreadable)
    refuse_batch_size(len(train), batch_size, fabric.world_size)
    open_run(fabric, run, config, train, {"edgeface": (edgeface, start)}, resume)
    train_dsr(fabric, run, config, start, train, val)


def finetune(
    run: Run,
    train_dir: TrainDir,
    val_dir: ValDir,
    edgeface: EdgeFacePath,
    dsr: Annotated[Path, typer.Option(help="A bundle, or a run of `dsr`.")],
    teacher: Annotated[
        Path | None,
        typer.Option(help="Whose embeddings of sharp crops are aimed at; --edgeface if left out."),
    ] = None,
    soft_dir: SoftDir = None,
    unnamed_dir: UnnamedDir = None,
    stage1_epochs: Annotated[
        int, typer.Option(min=0, help="Of the head alone.")
    ] = _FINETUNE.stage1_epochs,
    stage2_epochs: Annotated[
        int, typer.Option(min=1, help="Of everything.")
    ] = _FINETUNE.stage2_epochs,
    contrastive_weight: Annotated[
        float, typer.Option(min=0, help="w, of 1 - cosine(DSR embedding, sharp embedding).")
    ] = _FINETUNE.contrastive_weight,
    distillation_weight: Annotated[
        float, typer.Option(min=0, help="Of 1 - cosine to what the teacher says, restored faces.")
    ] = _FINETUNE.distillation_weight,
    sharp_distillation_weight: Annotated[
        float, typer.Option(min=0, help="The same, sharp faces.")
    ] = _FINETUNE.sharp_distillation_weight,
    search_weight: Annotated[
        float, typer.Option(min=0, help="Of finding a face among all sharp training faces.")
    ] = _FINETUNE.search_weight,
    pixel_weight: Annotated[
        float, typer.Option(min=0, help="Of the pixel difference.")
    ] = _FINETUNE.pixel_weight,
    backbone_learning_rate: Annotated[
        float, typer.Option(min=0, help="Peak for EdgeFace.")
    ] = _FINETUNE.backbone_learning_rate,
    dsr_learning_rate: Annotated[
        float, typer.Option(min=0, help="Peak for DSR; 0 freezes it.")
    ] = _FINETUNE.dsr_learning_rate,
    head_learning_rate: Annotated[
        float, typer.Option(min=0, help="Peak for the head.")
    ] = _FINETUNE.head_learning_rate,
    arcface_scale: Annotated[float, typer.Option(help="s.")] = _FINETUNE.arcface_scale,
    arcface_margin: Annotated[float, typer.Option(help="m, radians.")] = _FINETUNE.arcface_margin,
    batch_size: BatchSize = _ENGINE.batch_size,
    min_face_px: MinFacePx = _ENGINE.degradation.min_face_px,
    max_face_px: MaxFacePx = _ENGINE.degradation.max_face_px,
    max_impostor_mean: MaxImpostorMean = _FINETUNE.max_impostor_mean,
    device: Device = _ENGINE.device,
    precision: PrecisionName = _ENGINE.precision,
    seed: Seed = _ENGINE.seed,
    resume: Resume = False,
    skip_unreadable: SkipUnreadable = False,
) -> None:
    """Fine-tune EdgeFace on what DSR restores: the ArcFace head first, then everything.

    Leaves edgeface.safetensors and dsr.safetensors in --out, for `publish`.
    """
    engine = _engine(device, precision, seed, batch_size, min_face_px, max_face_px)
    config = FinetuneConfig(
        stage1_epochs=stage1_epochs,
        stage2_epochs=stage2_epochs,
        contrastive_weight=contrastive_weight,
        distillation_weight=distillation_weight,
        sharp_distillation_weight=sharp_distillation_weight,
        search_weight=search_weight,
        pixel_weight=pixel_weight,
        backbone_learning_rate=backbone_learning_rate,
        dsr_learning_rate=dsr_learning_rate,
        head_learning_rate=head_learning_rate,
        arcface_scale=arcface_scale,
        arcface_margin=arcface_margin,
        max_impostor_mean=max_impostor_mean,
        engine=engine,
    )
    fabric = launch(engine)
    start, restorer = read_edgeface(edgeface), read_dsr(dsr)
    # Read again even if it is the same file: the teacher stands still.
    aim = read_edgeface(teacher or edgeface)
    train, val = _read_data(train_dir, soft_dir, unnamed_dir, val_dir, skip_unreadable)
    refuse_batch_size(len(train), batch_size, fabric.world_size)
    networks: dict[str, tuple[Path, EdgeFace | DSR]] = {
        "edgeface": (edgeface, start),
        "dsr": (dsr, restorer),
        "teacher": (teacher or edgeface, aim),
    }
    open_run(fabric, run, config, train, networks, resume)
    run_finetune(fabric, run, config, aim, start, restorer, train, val)


def launch(engine: Engine) -> Fabric:
    """Fabric on the device asked for, over the processes that torchrun started.

    Raises:
        DeviceError: `cuda` was asked for and there is none.
    """
    device = choose_device(engine.device)
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    # Pictures of 112x112 are too small to share out; torch has its own threads (OMP_NUM_THREADS).
    cv2.setNumThreads(1)
    fabric = Fabric(
        accelerator=device,
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        precision=engine.precision,
    )
    fabric.launch()
    return fabric


def _engine(
    device: DeviceName,
    precision: Precision,
    seed: int,
    batch_size: int,
    min_face_px: float,
    max_face_px: float,
) -> Engine:
    if min_face_px > max_face_px:
        raise typer.BadParameter(f"--min-face-px {min_face_px:g} is above --max-face-px.")
    plain = Engine(device=device, precision=precision, seed=seed, batch_size=batch_size)
    degradation = replace(plain.degradation, min_face_px=min_face_px, max_face_px=max_face_px)
    return replace(plain, degradation=degradation)


def _read_data(
    people: list[Path],
    soft: list[Path] | None,
    unnamed: list[Path] | None,
    val_dir: Path,
    skip_unreadable: bool,
) -> tuple[CropSet, CropSet]:
    train = load_crops(people, soft or [], unnamed or [], skip_unreadable)
    val = load_crops([val_dir], skip_unreadable=skip_unreadable)
    refuse_overlap(train, val)
    return train, val
