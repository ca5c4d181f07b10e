"""Prints what thresholds for templates of sizes do (decision 0040).

`python -m benchmarks.sized_thresholds BUNDLE --val-dir DIR --baseline FILE`: as `trainer publish`
chooses them, on the same people.
"""

from itertools import chain
from pathlib import Path
from typing import Annotated

import torch
import typer

from app.evaluation.all_pairs import AllPairs
from app.evaluation.sizes import SIZED_RANGES
from app.evaluation.verification import FALSE_ACCEPT_RATES
from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder
from app.vision.manifest import Manifest, Threshold, read_manifest
from benchmarks.material import show
from benchmarks.templates import rank1
from trainer.crops import load_crops
from trainer.held_out import HeldOut, known_people, sized_thresholds
from trainer.networks import read_edgeface


def main(
    bundle: Path,
    val_dir: Annotated[Path, typer.Option(help="Aligned crops of people, a folder each.")],
    baseline: Annotated[Path, typer.Option(help="The published .pt, which judges the labels.")],
) -> None:
    """TAR and FAR by the bundle's thresholds and by those chosen."""
    torch.set_num_threads(1)
    crops = load_crops([val_dir])
    judge = read_edgeface(baseline)
    held_out = HeldOut(known_people(crops, judge))
    embedder = Embedder(load_bundle(bundle), "cpu")
    manifest = read_manifest(bundle)
    measured = held_out.sized_pairs(
        held_out.seen(embedder, (None, *chain(*(sizes for _, _, sizes in SIZED_RANGES))))
    )
    chosen = sized_thresholds(measured)
    for each in measured:
        for size, plain in each.plain.items():
            sized = each.sized[size]
            show(
                f"{size} px, templates of {each.template_px} px: TAR {100 * plain.tar():.2f} -> "
                f"{100 * sized.tar():.2f}, rank-1 {100 * rank1(plain):.2f} -> "
                f"{100 * rank1(sized):.2f}"
            )
            for name, rate in FALSE_ACCEPT_RATES.items():
                show(f"  {name}: " + _rates(manifest, plain, sized, rate, float(size or 0), chosen))
    for of in chosen:
        before = manifest.threshold(of.min_face_px, of.false_accept_rate)
        show(f"from {of.min_face_px:g} px, {of.false_accept_rate:g}: {before} -> {of.similarity}")


def _rates(
    manifest: Manifest,
    plain: AllPairs,
    sized: AllPairs,
    rate: float,
    face_px: float,
    chosen: tuple[Threshold, ...],
) -> str:
    """FAR over the wanted one, and TAR, by the bundle's threshold and by the chosen one."""
    before = manifest.threshold(face_px, rate)
    after = next((of.similarity for of in chosen if of.is_for(face_px, rate)), None)
    found = [
        f"FAR x {(of.similarity[of.impostor] >= threshold).mean() / rate:.2f}, "
        f"TAR {100 * (of.similarity[of.genuine] >= threshold).mean():.1f}"
        for of, threshold in ((plain, before), (sized, after))
        if threshold is not None
    ]
    return " -> ".join(found)


if __name__ == "__main__":
    typer.run(main)
