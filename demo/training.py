"""The trainer from photos to a bundle, small: `python -m demo.training` (make train-demo).

A few people train for a few minutes, a few others validate. What comes out beats the stock network
on small faces of these people and no more than that; it shows the way, command by command.
"""

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

_SHARED = Path(__file__).parents[2] / "shared"
# Two thirds of the people train.
_VALIDATES = 3
# An epoch ends with a validation; so few photos are passed several times before it.
_PASSES = 8


def train(
    photos: Annotated[Path, typer.Option(help="Photos, one folder per person.")] = _SHARED
    / "photos",
    edgeface: Annotated[Path, typer.Option(help="The network to start from.")] = _SHARED
    / "weights"
    / "edgeface_xxs_q.pt",
    detectors: Annotated[Path, typer.Option(help="Folder of the detectors' files.")] = _SHARED
    / "weights",
    out: Annotated[Path, typer.Option(help="Folder to be made.")] = Path("runs/train-demo"),
    name: Annotated[str, typer.Option(help="Of the bundle.")] = "demo",
) -> None:
    """Prepare, train DSR, fine-tune, publish: out/store/NAME is a bundle that the service loads."""
    with tempfile.TemporaryDirectory() as folder:
        parts = _split(photos, Path(folder))
        for part, people in parts.items():
            _run("prepare", photos=people, out=out / part, detectors=detectors)
    data = ["--val-dir", out / "val" / "people"]
    data += ["--train-dir", out / "train" / "people"] * _PASSES
    small = [*data, "--batch-size", 16, "--edgeface", edgeface]
    _run("dsr", *small, "--channels", 32, "--epochs", 3, "--learning-rate", 2e-3, out=out / "dsr")
    stages = ["--stage1-epochs", 1, "--stage2-epochs", 3]
    _run("finetune", *small, *stages, dsr=out / "dsr", out=out / "finetune")
    _run(
        *("publish", "--no-onnx", "--name", name),
        run=out / "finetune",
        store=out / "store",
        val_dir=out / "val" / "people",
        baseline=edgeface,
    )


def _split(photos: Path, folder: Path) -> dict[str, Path]:
    """Copies people into folder/train and folder/val."""
    people = sorted(path for path in photos.iterdir() if path.is_dir())
    for index, person in enumerate(people):
        part = "val" if index % _VALIDATES == 0 else "train"
        shutil.copytree(person, folder / part / person.name)
    return {part: folder / part for part in ("train", "val")}


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
