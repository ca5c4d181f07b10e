"""Prints the table of docs/decisions/0011-calibration.md.

Run as `python -m benchmarks.calibration`: thresholds from the people of faces/val, judged by
people on whom neither thresholds nor the tail were chosen.
"""

from pathlib import Path

import numpy as np
import torch

from app.evaluation.calibration import find_mislabelled, propose
from app.evaluation.leave_one_out import LeaveOneOut
from app.evaluation.probes import shrink_crop
from app.evaluation.sizes import PUBLISHED_SIZES, Size, size_name
from app.evaluation.verification import FALSE_ACCEPT_RATES
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder
from app.vision.image import decode_image
from benchmarks.material import SHARED, show

PHOTOS = 5
# The first 400 were used to choose among three tails.
JUDGES = {"train": slice(None), "train_small": slice(400, 1200)}


def compared(
    embedder: Embedder, folder: str, people: slice, photos: int
) -> dict[Size, LeaveOneOut]:
    """Photos of people in a folder against their templates, at every size."""
    owners, crops = [], []
    for number, person in enumerate(sorted((SHARED / "faces" / folder).iterdir())[people]):
        for path in sorted(person.iterdir())[:photos]:
            owners.append(number)
            crops.append(Crop(decode_image(path.read_bytes()), 112.0))
    gallery = embedder.embed(crops)[0]
    rows, numbers = np.arange(len(crops)), np.array(owners)
    seen = {
        size: gallery if size is None else embedder.embed([shrink_crop(c, size) for c in crops])[0]
        for size in PUBLISHED_SIZES
    }
    return {size: LeaveOneOut.of(numbers, gallery, seen[size], rows) for size in PUBLISHED_SIZES}


def main() -> None:
    """Every size and rate: the threshold, and its rate on others."""
    torch.set_num_threads(1)
    embedder = Embedder(load_bundle(Path("weights/farsight-xxs")), "cpu")
    enrolled = compared(embedder, "val", slice(None), 30)
    show(f"mislabelled in val: {len(find_mislabelled(enrolled[None], 0.5))}")
    judges = {
        folder: compared(embedder, folder, people, PHOTOS) for folder, people in JUDGES.items()
    }
    show("| size | wanted | threshold | supported | 90 % | " + " | ".join(judges) + " |")
    for size in PUBLISHED_SIZES:
        for rate in FALSE_ACCEPT_RATES.values():
            proposal = propose(enrolled[size], rate)
            assert proposal is not None
            found = [
                f"{(of[size].impostor >= proposal.similarity).mean() / rate:.2f}"
                for of in judges.values()
            ]
            low, high = proposal.factors
            show(
                f"| {size_name(size)} | {rate:g} | {proposal.similarity:.3f} | "
                f"{'yes' if proposal.supported else 'no'} | {low:.2f} to {high:.2f} | "
                + " | ".join(found)
                + " |"
            )


if __name__ == "__main__":
    main()
