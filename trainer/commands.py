"""The two training commands: what they take, what they refuse before any work, what they write."""

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
from lightning_fabric import Fabric
from tyro.conf import UseAppendAction

from app.vision.device import DeviceName, choose_device
from trainer.config import DsrConfig, FinetuneConfig, Precision
from trainer.crops import CropSet, load_crops, refuse_overlap
from trainer.data import refuse_batch_size
from trainer.errors import DataError
from trainer.loop import finetune as run_finetune
from trainer.loop import train_dsr
from trainer.networks import read_dsr, read_edgeface, weights_sha256
from trainer.run_folder import open_run
from trainer.teacher import read_teacher

Folders = UseAppendAction[tuple[Path, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Where the run goes.

    Attributes:
        out: Folder of this run; created here, must not exist yet. It then also holds config.json,
            the run's settings.
        config: A file of options by name, TOML or JSON, such as another run's config.json. An
            option that is typed replaces the file's.
        resume: Continue the run in --out from its checkpoint. With more epochs than before, a run
            that has ended continues too; its learning rates rise again.
    """

    # Not --run: torchrun takes that for an abbreviation of its own --run-path.
    out: Path
    config: Path | None = None
    resume: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCrops:
    """Crops to learn from.

    Attributes:
        train_dir: A folder per person, sharp photos. Repeat it for more folders; a folder
            given twice counts twice.
        soft_dir: The same from soft photos: they train identity, never pixels.
        unnamed_dir: Sharp crops of people without names.
    """

    train_dir: Folders = ()
    soft_dir: Folders = ()
    unnamed_dir: Folders = ()

    def read(self, *, skip_unreadable: bool = False) -> CropSet:
        """Reads all of them.

        Raises:
            DataError: There is no --train-dir, or the folders cannot be used.
        """
        if not self.train_dir:
            raise DataError("Give --train-dir: a folder of people to learn from.")
        return load_crops(self.train_dir, self.soft_dir, self.unnamed_dir, skip_unreadable)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochCrops(TrainingCrops):
    """Crops to learn from and to validate on.

    Attributes:
        val_dir: People who are not trained on, a folder each. 40 people with 10 photos each give
            figures worth comparing.
        skip_unreadable: Leave out bad files instead of stopping.
    """

    val_dir: Path
    skip_unreadable: bool = False

    def read_both(self) -> tuple[CropSet, CropSet]:
        """Reads those to learn from and those to validate on.

        Raises:
            DataError: They cannot be used, or somebody is in both.
        """
        train = self.read(skip_unreadable=self.skip_unreadable)
        val = load_crops([self.val_dir], skip_unreadable=self.skip_unreadable)
        refuse_overlap(train, val)
        return train, val


def dsr(run: RunOptions, crops: EpochCrops, settings: DsrConfig, edgeface: Path) -> None:
    """Train DSR to restore faces so that the frozen EdgeFace recognises them.

    Writes dsr.safetensors to --out, for `finetune --dsr`.

    Args:
        run: Where the run goes.
        crops: Aligned 112x112 crops, as `prepare` makes them from photos.
        settings: How to train.
        edgeface: A bundle, a run, or a published .pt: the network that must recognise them.
    """
    fabric = launch(settings.engine.device, settings.engine.precision)
    start = read_edgeface(edgeface)
    train, val = crops.read_both()
    refuse_batch_size(len(train), settings.engine.batch_size, fabric.world_size)
    networks = {"edgeface": (edgeface, weights_sha256(start))}
    open_run(fabric, run.out, settings, train, networks, run.resume)
    train_dsr(fabric, run.out, settings, start, train, val)


def finetune(
    run: RunOptions,
    crops: EpochCrops,
    settings: FinetuneConfig,
    edgeface: Path,
    dsr: Path,
    teacher: Path | None = None,
) -> None:
    """Fine-tune EdgeFace on what DSR restores: the ArcFace head first, then everything.

    Writes edgeface.safetensors and dsr.safetensors to --out, for `publish`.

    Args:
        run: Where the run goes.
        crops: Aligned 112x112 crops, as `prepare` makes them from photos.
        settings: How to train.
        edgeface: A bundle, a run, or a published .pt: the network to start from.
        dsr: A bundle, or a run of `dsr`: the network to start from.
        teacher: The network whose embeddings of sharp crops are the target; by default --edgeface.
            It may also be any ONNX file that maps 112x112 crops to 512 numbers. Another network
            than --edgeface is worthwhile if it recognises faces much better.
    """
    fabric = launch(settings.engine.device, settings.engine.precision)
    start, restorer = read_edgeface(edgeface), read_dsr(dsr)
    # Read again even if it is the same file: the teacher is frozen.
    aim, aim_sha256 = read_teacher(teacher or edgeface, settings.teacher_input, fabric.device)
    train, val = crops.read_both()
    refuse_batch_size(len(train), settings.engine.batch_size, fabric.world_size)
    networks = {
        "edgeface": (edgeface, weights_sha256(start)),
        "dsr": (dsr, weights_sha256(restorer)),
        "teacher": (teacher or edgeface, aim_sha256),
    }
    open_run(fabric, run.out, settings, train, networks, run.resume)
    run_finetune(fabric, run.out, settings, aim, start, restorer, train, val)


def launch(device: DeviceName, precision: Precision) -> Fabric:
    """Fabric on the device asked for, over the processes that torchrun started.

    Raises:
        DeviceError: `cuda` was asked for, but there is no GPU.
    """
    accelerator = choose_device(device)
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    # Pictures of 112x112 are too small to share out; torch has its own threads (OMP_NUM_THREADS).
    cv2.setNumThreads(1)
    fabric = Fabric(
        accelerator=accelerator,
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric
