"""Gives a published bundle a cohort, and chooses all of its thresholds anew (decision 0041).

`python -m benchmarks.cohort_thresholds BUNDLE --val-dir DIR --baseline FILE --cohort DIR
--cohort-source TEXT`: as `trainer publish` does it. Writes the cohort's file, the manifest and the
card's sections about thresholds and degraded crops. Run twice, it changes nothing.
"""

import re
from pathlib import Path
from typing import Annotated

import msgspec
import torch
import typer

from app.evaluation.sizes import size_name
from app.vision.bundle import Bundle, load_bundle
from app.vision.embedder import Embedder
from app.vision.manifest import MANIFEST_NAME, Threshold
from app.vision.published import published_bundle
from benchmarks.material import show
from trainer.cohort import COHORT_NAME, cohort_of, load_strangers
from trainer.crops import load_crops
from trainer.held_out import SIZES, HeldOut, all_thresholds, known_people
from trainer.model_card import DEGRADED, degraded_figures, thresholds_of
from trainer.networks import read_edgeface
from trainer.publish import degraded_metrics

_CARD = "MODEL_CARD.md"


def main(
    bundle: Path,
    val_dir: Annotated[Path, typer.Option(help="Aligned crops of people, a folder each.")],
    baseline: Annotated[Path, typer.Option(help="The published .pt, which judges the labels.")],
    cohort: Annotated[Path, typer.Option(help="Aligned crops of strangers, one of each.")],
    cohort_source: Annotated[str, typer.Option(help="Whose faces, under which licence.")],
) -> None:
    """Chooses and writes them."""
    torch.set_num_threads(1)
    crops = load_crops([val_dir])
    judge = read_edgeface(baseline)
    held_out = HeldOut(known_people(crops, judge))
    loaded = load_bundle(bundle)
    embedder = Embedder(loaded, "cpu")
    strangers = cohort_of(load_strangers(cohort, crops), cohort_source, embedder)
    seen = held_out.seen(embedder, SIZES)
    likeness = strangers.cohort().likeness
    for size, of in seen.items():
        show(f"likeness to strangers at {size_name(size)}: {float(likeness(of).mean()):.3f}")
    chosen = all_thresholds(
        held_out.pairs(seen), held_out.sized_pairs(seen), seen, strangers.cohort()
    )
    _tell(loaded, chosen)
    manifest = msgspec.structs.replace(loaded.manifest, thresholds=chosen, cohort=strangers.entry)
    (bundle / COHORT_NAME).write_bytes(strangers.content)
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (bundle / MANIFEST_NAME).write_bytes(content)
    card = bundle / _CARD
    stock = Embedder(published_bundle(judge), "cpu")
    of_degraded = degraded_figures(
        degraded_metrics(held_out, embedder, seen),
        degraded_metrics(held_out, stock, held_out.seen(stock, [None])),
    )
    section = f"{of_degraded}\n\n## Thresholds\n\n{thresholds_of(manifest)}\n\n"
    written = re.sub(
        rf"({DEGRADED}\n[^#]*)?## Thresholds\n.*?(?=## )",
        lambda _: section,
        card.read_text("utf-8"),
        flags=re.S,
    )
    card.write_text(written, "utf-8")


def _tell(bundle: Bundle, chosen: tuple[Threshold, ...]) -> None:
    """What was chosen now, and what the bundle had."""
    for of in chosen:
        had = bundle.manifest.threshold(
            of.min_face_px, of.false_accept_rate, of.template_px, of.likeness
        )
        show(
            f"from {of.min_face_px:g} px, templates of {of.template_px}, {of.false_accept_rate:g}, "
            f"likeness {of.likeness}: {had} -> {of.similarity:.6f}"
        )


if __name__ == "__main__":
    typer.run(main)
