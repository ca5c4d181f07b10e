"""How far old templates match new embeddings: TAR across two spaces (docs/decisions/0010).

Run as `python -m benchmarks.cross_space OLD NEW --val-dir DIR`, bundles or published .pt files.
Every photo against every other: the gallery side by OLD, the probe side by NEW, shrunk by area,
enlarged (bicubic).
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from app.evaluation.verification import roc_from_scores, tar_at_far
from app.vision.dsr import DSR
from app.vision.shrinking import shrink_and_enlarge
from trainer.crops import CropSet, clean_labels, load_crops
from trainer.metrics import embed
from trainer.networks import read_dsr, read_edgeface

SIZES_PX = (112, 32, 24, 16, 12)
_DSR_BELOW_PX = 32


def main(
    old: Annotated[Path, typer.Argument(help="Gallery side.")],
    new: Annotated[Path, typer.Argument(help="Probe side.")],
    val_dir: Annotated[Path, typer.Option(help="Aligned crops of people, a folder each.")],
) -> None:
    """Prints TAR at FAR 1e-3 within both spaces and across them."""
    before, after = read_edgeface(old), read_edgeface(new)
    crops = load_crops([val_dir])
    crops = clean_labels(crops, embed(before, crops.pixels), 0.25).named()
    galleries = {"old": embed(before, crops.pixels), "new": embed(after, crops.pixels)}
    own = float((galleries["old"] * galleries["new"]).sum(axis=1).mean())
    Console().print(f"{len(crops)} photos; a photo's two sharp embeddings: mean cosine {own:.3f}")
    table = Table("face px", "old to old", "new to new", "new probe, old gallery", "own cosine")
    dsr = {"old": _dsr(old), "new": _dsr(new)}
    for size in SIZES_PX:
        small = crops.pixels
        if size < SIZES_PX[0]:
            small = np.stack([shrink_and_enlarge(crop, size) for crop in crops.pixels])
        probes = {
            name: embed(network, small, dsr[name] if size < _DSR_BELOW_PX else None, size)
            for name, network in (("old", before), ("new", after))
        }
        table.add_row(
            "hr" if size == SIZES_PX[0] else str(size),
            _tar(probes["old"] @ galleries["old"].T, crops),
            _tar(probes["new"] @ galleries["new"].T, crops),
            _tar(probes["new"] @ galleries["old"].T, crops),
            f"{float((probes['new'] * galleries['old']).sum(axis=1).mean()):.3f}",
        )
    Console().print(table)


def _dsr(path: Path) -> DSR | None:
    return None if path.is_file() else read_dsr(path)


def _tar(similarity: np.ndarray, crops: CropSet) -> str:
    same = crops.labels[:, None] == crops.labels[None, :]
    other_photo = ~np.eye(len(crops), dtype=np.bool_)
    roc = roc_from_scores(similarity[same & other_photo], similarity[~same])
    return f"{100 * tar_at_far(roc, 1e-3):.1f}"


if __name__ == "__main__":
    typer.run(main)
