"""`python -m trainer evaluate`: how well bundles tell people apart, by face size."""

import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from rich.console import Console
from rich.table import Table
from tyro.conf import UseAppendAction, arg

from app.errors import EvaluationError
from app.evaluation.photo_sets import read_pairs, read_people
from app.evaluation.pooled import ONE_BY_ONE, Pooling
from app.evaluation.probes import DEGRADE_HELP, Degrade, make_viewer
from app.evaluation.protocols import Contestant, evaluate_pairs, evaluate_people
from app.evaluation.sizes import USUAL_SIZES, format_sizes, parse_sizes
from app.progress import counted
from app.vision.bundle import load_bundle
from app.vision.device import Device, DeviceName, choose_device
from app.vision.embedder import Embedder
from trainer.evaluation_report import COLUMNS, rows, write_report
from trainer.options import Count, DetectorOptions

Baseline = Literal["bicubic"]

# The columns of report.md that fit in a terminal.
_SHOWN = ("weights", "size", "route", "TAR 1e-3", "EER", "accuracy", "rank-1", "no face")


def evaluate(
    finder: DetectorOptions,
    bundle: UseAppendAction[tuple[Path, ...]],
    root: Path,
    pairs: Path | None = None,
    sizes: str = format_sizes(USUAL_SIZES),
    degrade: Annotated[Degrade, arg(help=DEGRADE_HELP)] = "crop",
    aligned: bool = False,
    template_photos: Count = 1,
    frames: Count = 1,
    baseline: Baseline | None = None,
    device: DeviceName = "auto",
    out: Path = Path("evaluation"),
) -> None:
    """Measure bundles on people they have never seen: EER, TAR at FAR, rank-1, open set.

    The gallery side is always sharp; probes are shrunk to each size. A photo is never compared
    with itself, nor with a template that it is in. Figures come with 95 % intervals from
    resampling people.

    Args:
        finder: What finds the faces.
        bundle: Folder of a bundle. Repeat it to compare bundles in one table.
        root: Photos, one folder per person.
        pairs: LFW's pairs.txt; by default all photos are compared with all others.
        sizes: Face sizes of the probes in px; hr leaves them as they are.
        degrade: Which way probes are shrunk.
        aligned: The files are aligned 112x112 crops.
        template_photos: Photos of a person that are averaged on the gallery side, in the order of
            their names. 3 is what the service asks for at least.
        frames: Photos of a person that are averaged for a probe, as the service pools frames.
        baseline: bicubic: also measure every bundle without its DSR.
        device: Where the networks run.
        out: Folder for report.json, report.md and the plots.
    """
    if not bundle:
        raise EvaluationError("Give --bundle: what to measure.")
    probe_sizes = parse_sizes(sizes)
    pooling = Pooling(template_photos, frames)
    if pairs is not None and pooling != ONE_BY_ONE:
        raise EvaluationError(
            "--pairs lists single photos; --template-photos and --frames average several. Leave "
            "out --pairs."
        )
    view = make_viewer(aligned, degrade, finder.detector, finder.detectors, offline=finder.offline)
    contestants = _contestants(bundle, baseline, choose_device(device))
    if pairs is None:
        photos = read_people(root)
        with counted("Photos") as progress:
            evaluation = evaluate_people(photos, probe_sizes, view, contestants, progress, pooling)
    else:
        listed = read_pairs(pairs, root)
        with counted("Photos") as progress:
            evaluation = evaluate_pairs(listed, probe_sizes, view, contestants, progress)
    command = shlex.join(("python", "-m", "trainer", *sys.argv[1:]))
    write_report(evaluation, command, out)
    table = Table(*_SHOWN)
    for row in rows(evaluation):
        table.add_row(*(row[COLUMNS.index(name)] for name in _SHOWN))
    console = Console()
    console.print(table)
    console.print(f"report.json, report.md and plots are in {out}", soft_wrap=True)


def _contestants(
    folders: Sequence[Path], baseline: Baseline | None, device: Device
) -> list[Contestant]:
    bundles = [load_bundle(folder) for folder in folders]
    times = Counter(bundle.manifest.name for bundle in bundles)
    contestants = []
    threads = torch.get_num_threads()
    for folder, bundle in zip(folders, bundles, strict=True):
        # Two stores may both have a bundle of this name; then the folder distinguishes them.
        name = bundle.manifest.name if times[bundle.manifest.name] == 1 else str(folder)
        space_id = bundle.space_id
        contestants.append(Contestant(name, space_id, Embedder(bundle, device, threads)))
        if baseline is not None:
            plain = Embedder(bundle.without_dsr(), device, threads)
            contestants.append(Contestant(name, space_id, plain, baseline))
    return contestants
