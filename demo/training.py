"""The trainer from photos to a bundle, small: `python -m demo.training` (make train-demo).

A dozen people train for a few minutes. The result beats the stock network on small faces by a
little; it shows every step, command by command.
"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

_SHARED = Path(__file__).parents[2] / "shared"
_VALIDATION_PHOTOS = 3
# An epoch ends with a validation; so the few photos are used several times before it.
_PASSES = 4


def train(
    photos: Annotated[Path, typer.Option(help="Photos to train on, one folder per person.")] = (
        _SHARED / "photos"
    ),
    val_crops: Annotated[Path, typer.Option(help="Crops of other people, one folder each.")] = (
        _SHARED / "faces" / "val"
    ),
    edgeface: Annotated[Path, typer.Option(help="The network to start from.")] = (
        _SHARED / "weights" / "edgeface_xxs_q.pt"
    ),
    detectors: Annotated[Path, typer.Option(help="Folder of the detectors' files.")] = (
        _SHARED / "weights"
    ),
    out: Annotated[Path, typer.Option(help="Folder to create.")] = Path("runs/train-demo"),
    name: Annotated[str, typer.Option(help="Of the bundle.")] = "demo",
) -> None:
    """Prepare, train DSR, fine-tune, publish: OUT/store/NAME is a bundle that the service loads."""
    if out.exists():
        raise typer.BadParameter(f"{out} exists already; name a new folder.")
    _run("prepare", photos=photos, out=out / "train", detectors=detectors)
    _copy_some(val_crops, out / "val")
    data = ["--val-dir", out / "val", *(["--train-dir", out / "train" / "people"] * _PASSES)]
    small = [*data, "--batch-size", 16, "--edgeface", edgeface]
    _run("dsr", *small, "--channels", 32, "--epochs", 5, "--learning-rate", 2e-3, out=out / "dsr")
    # A dozen people are too few to move EdgeFace far: it would learn them and forget all others.
    gently = ["--backbone-learning-rate", 1e-6, "--dsr-learning-rate", 5e-4]
    stages = ["--stage1-epochs", 1, "--stage2-epochs", 2]
    _run("finetune", *small, *gently, *stages, dsr=out / "dsr", out=out / "finetune")
    _run(
        *("publish", "--name", name),
        run=out / "finetune",
        store=out / "store",
        val_dir=out / "val",
        baseline=edgeface,
    )


def _copy_some(people: Path, out: Path) -> None:
    """A few photos of everybody: impostor pairs are what a false-accept rate needs."""
    for person in sorted(path for path in people.iterdir() if path.is_dir()):
        (out / person.name).mkdir(parents=True)
        for photo in sorted(person.iterdir())[:_VALIDATION_PHOTOS]:
            shutil.copy(photo, out / person.name)


def _run(command: str, *words: object, **options: object) -> None:
    named = [
        word
        for name, value in options.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    line = ["-m", "trainer", command, *map(str, words), *named]
    typer.echo(f"\n$ {shlex.join(['python', *line])}")
    finished = subprocess.run([sys.executable, *line], check=False)  # noqa: S603 - our own words
    if finished.returncode:
        raise typer.Exit(finished.returncode)


if __name__ == "__main__":
    typer.run(train)
