"""Prints how networks do on probes that clean shrinking does not represent.

`python -m benchmarks.soft_probes SHARP SOFT NETWORKS...`: photographed probes of people in SHARP
(`runs/val`), and the photos in SOFT (`runs/val_family`) that are soft by nature. NETWORKS are
bundles, runs or published checkpoints; the first one decides which names are doubtful.
"""

import argparse
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from app.errors import BundleError
from app.vision.dsr import DSR
from trainer.config import Engine
from trainer.crops import clean_labels, load_crops
from trainer.metrics import embed
from trainer.networks import read_dsr, read_edgeface
from trainer.probes import photographed_probes, soft_probes

_PHOTOS = 12


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sharp", type=Path)
    parser.add_argument("soft", type=Path)
    parser.add_argument("networks", type=Path, nargs="+")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    sharp = load_crops([wanted.sharp])
    judge = embed(read_edgeface(wanted.networks[0]), sharp.pixels)
    known = clean_labels(sharp, judge, Engine().label_similarity).named()
    known = known.first_photos(_PHOTOS)
    probes = {
        "24 px": photographed_probes(known, 24),
        "16 px": photographed_probes(known, 16),
        "soft": soft_probes(load_crops([], [wanted.soft])),
    }
    counts = (f"{name}, {len(of.probes)} probes" for name, of in probes.items())
    table = Table("", *counts, title="TAR at FAR 1e-3, rank-1")
    for path in wanted.networks:
        edgeface, dsr = read_edgeface(path), _dsr(path)
        found = [of.scores(edgeface, dsr) for of in probes.values()]
        table.add_row(path.name, *(f"{100 * s.tar:.1f}, {100 * s.rank1:.1f}" for s in found))
    Console().print(table)


def _dsr(path: Path) -> DSR | None:
    try:
        return None if path.is_file() else read_dsr(path)
    except BundleError:
        return None


if __name__ == "__main__":
    main()
