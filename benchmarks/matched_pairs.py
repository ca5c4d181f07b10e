"""Prints what docs/decisions/0009 says about the goals.

Run as `python -m benchmarks.matched_pairs runs/val`. The goals are set for 1,680 people who are not
on this machine. Two estimates, both at FAR 1e-3 over all impostors of the validation people:

1. The distance in probits between the two networks' TAR here, added to the TAR of stock + bicubic
   there; over all pairs, and over those whose sharp photos the stock network finds alike.
2. Pairs as easy as theirs: the ones most alike when sharp; for each size, as many as bring stock +
   bicubic to the TAR that it has there.
"""

import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
import torch

from app.evaluation.all_pairs import AllPairs
from app.evaluation.verification import FALSE_ACCEPT_RATES, USUAL_FAR, threshold_at_far
from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder
from app.vision.published import published_bundle
from benchmarks.material import SHARED, show
from trainer.crops import load_crops
from trainer.held_out import HeldOut, known_people
from trainer.networks import read_edgeface

# TAR of stock + bicubic at FAR 1e-3, and by how much misses should fall.
STARTING_TAR = {32: 0.9795, 24: 0.9499, 16: 0.7440, 12: 0.4159}
WANTED_FALL = {32: 0.0, 24: 0.35, 16: 0.60, 12: 0.45}
ALIKE = 0.36


def accepted(pairs: AllPairs) -> np.ndarray:
    """Which genuine pairs reach the threshold of FAR 1e-3."""
    threshold = threshold_at_far(pairs.roc(), FALSE_ACCEPT_RATES[USUAL_FAR])
    reached: np.ndarray = pairs.similarity[pairs.genuine] >= threshold
    return reached


def shifted(tar: float, old: float, new: float) -> float:
    """A TAR moved by the distance in probits from one to another."""
    normal = NormalDist()
    return normal.cdf(normal.inv_cdf(tar) + normal.inv_cdf(new) - normal.inv_cdf(old))


def main() -> None:
    """A line per size."""
    torch.set_num_threads(1)
    stock = read_edgeface(SHARED / "weights" / "edgeface_xxs_q.pt")
    crops = load_crops([Path(sys.argv[1])], skip_unreadable=False)
    held_out = HeldOut(known_people(crops, stock))
    shipped = load_bundle(Path("weights/farsight-xxs"))
    sizes = (None, *STARTING_TAR)
    before = held_out.pairs(held_out.seen(Embedder(published_bundle(stock), "cpu"), sizes))
    after = held_out.pairs(held_out.seen(Embedder(shipped, "cpu"), sizes))
    alike = before[None].similarity[before[None].genuine]
    both = {size: (accepted(before[size]), accepted(after[size])) for size in STARTING_TAR}
    show("| probe | pairs | stock + bicubic | shipped | misses there | fall |")
    for size, (old, new) in both.items():
        for name, chosen in (("all", alike > -1), (f"above {ALIKE}", alike > ALIKE)):
            old_tar, new_tar = old[chosen].mean(), new[chosen].mean()
            missed = 1 - shifted(STARTING_TAR[size], old_tar, new_tar)
            show(
                f"| {size} px | {name} | {old_tar:.1%} | {new_tar:.1%} | {missed:.1%} | "
                f"{missed / (1 - STARTING_TAR[size]) - 1:+.0%} |"
            )
    most_alike_first = np.argsort(-alike, kind="stable")
    show("| probe | pairs | sharp cosine from | stock + bicubic | shipped | misses | wanted |")
    for size, tar in STARTING_TAR.items():
        old, new = (of[most_alike_first] for of in both[size])
        running = np.cumsum(old) / np.arange(1, len(old) + 1)
        # The largest set of pairs that stock + bicubic finds as easy as it does the 1,680 people.
        pairs = int(np.flatnonzero(running >= tar)[-1]) + 1
        old_tar, new_tar = old[:pairs].mean(), new[:pairs].mean()
        show(
            f"| {size} px | {pairs} | {alike[most_alike_first[pairs - 1]]:.2f} | {old_tar:.1%} | "
            f"{new_tar:.1%} | {(old_tar - new_tar) / (1 - old_tar):+.0%} | "
            f"{-WANTED_FALL[size]:.0%} |"
        )


if __name__ == "__main__":
    main()
