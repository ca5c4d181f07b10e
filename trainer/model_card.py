"""MODEL_CARD.md: what a bundle is, how it was made, and its figures."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.vision.manifest import Manifest, SizeMetrics
from trainer.run_folder import DATA_LIST_NAME, Provenance, read_settings, typed_command

DEGRADED = "### Degraded crops"
_LIMITS = """\
- Thresholds and figures come from one set of validation people, whose photos were also used to
  choose among epochs. Measure on people of your own (`python -m trainer evaluate`) before relying
  on them: ages, origins, cameras and lighting that are rare there are not covered.
- Small faces were made by shrinking sharp crops, so alignment is better than on real small faces.
- A similarity is a cosine, not a probability. A false-accept rate holds per comparison; a search
  over a gallery of n people compares n times.
- Do not let it decide about people without a human check."""


def model_card(
    manifest: Manifest,
    baseline: Sequence[SizeMetrics],
    of_degraded: tuple[Sequence[SizeMetrics], ...],
    run: Path,
    provenance: Provenance,
    notes: str,
) -> str:
    """Writes the card.

    Args:
        manifest: Of the bundle.
        baseline: Figures of the stock network on bicubic crops, of the manifest's sizes.
        of_degraded: The bundle's figures and the stock network's of degraded crops.
        run: Whose weights they are.
        provenance: Of that run.
        notes: Markdown about the data; may be empty.
    """
    dsr = manifest.networks.dsr
    assert dsr is not None
    parts = [
        f"# {manifest.name}",
        f"Embeddings of faces from about 12 px: EdgeFace "
        f"(`{manifest.networks.edgeface.variant}`) fine-tuned on what DSR ({dsr.channels} "
        f"channels, {dsr.blocks} blocks) restores. Space `{manifest.space_id}`. Faces below "
        f"{manifest.routing.dsr_below_px:g} px go through DSR, the others straight to EdgeFace.",
        "## Figures",
        "Held-out people, every photo against every other: gallery photo sharp, probe crop shrunk "
        "to a size (area) and enlarged (bicubic); photos that the stock network finds unlike their "
        "person are left out. Per cent; in brackets stock EdgeFace on the "
        "bicubic crop.",
        _figures(manifest.metrics, baseline),
        degraded_figures(*of_degraded),
        "## Thresholds",
        thresholds_of(manifest),
        "## Data",
        *([notes.strip()] if notes.strip() else []),
        _data(run, provenance),
        "## Recipe",
        *_steps(provenance),
        _settings(run),
        "## Limits",
        _LIMITS,
        "## Licence",
        f"{manifest.licence}. {manifest.attribution}",
    ]
    return "\n\n".join(parts) + "\n"


def degraded_figures(new: Sequence[SizeMetrics], baseline: Sequence[SizeMetrics]) -> str:
    """The card's section about degraded crops."""
    told = (
        "The same people, but each small crop degraded as in training, none left clean: in part "
        "misaligned, blurred, relit, grey, noisy or compressed, by one of four down-samplers, "
        "drawn from a fixed seed (`trainer/degradation.py`). Cameras also sharpen and encode "
        "video, and their faces have to be found: `trainer evaluate --degrade camera` "
        "(docs/decisions/0005) has lower figures."
    )
    return "\n\n".join((DEGRADED, told, _figures(new, baseline)))


def _figures(new: Sequence[SizeMetrics], baseline: Sequence[SizeMetrics]) -> str:
    rows = []
    for of, before in zip(new, baseline, strict=True):
        rates = [
            f"{100 * rate:.2f} ({100 * before.tar_at_far[name]:.2f})"
            for name, rate in of.tar_at_far.items()
        ]
        rows.append(
            (
                of.size,
                *rates,
                f"{100 * of.eer:.2f} ({100 * before.eer:.2f})",
                f"{100 * of.rank1:.2f} ({100 * before.rank1:.2f})",
                f"{of.impostor_mean:.3f} ± {of.impostor_std:.3f}",
            )
        )
    heads = (*(f"TAR at FAR {name}" for name in new[0].tar_at_far), "EER", "rank-1", "impostors")
    pairs = f"{new[0].n_genuine:,} genuine and {new[0].n_impostor:,} impostor pairs per size."
    return _table(("face px", *heads), rows) + f"\n\n{pairs}"


def thresholds_of(manifest: Manifest) -> str:
    """The card's section about thresholds."""
    parts = [
        "The similarity from which two photos count as one person, by the size of the probe and "
        "the false-accept rate per comparison. Templates of a size are those that the service "
        "makes of three photos for probes of this size (docs/decisions/0040).",
        _thresholds(manifest, follows=False),
    ]
    if manifest.cohort is not None:
        parts += [
            "The thresholds that the service uses (docs/decisions/0041): they hold for a probe "
            "that resembles strangers by the likeness of its row, and are as much higher for "
            "another as that one resembles them more. Strangers are "
            f"`{manifest.cohort.means.name}`, means of ten and more people each: "
            f"{manifest.cohort.source}.",
            _thresholds(manifest, follows=True),
        ]
    return "\n\n".join(parts)


def _thresholds(manifest: Manifest, *, follows: bool) -> str:
    rates = sorted({entry.false_accept_rate for entry in manifest.thresholds}, reverse=True)
    ranges = dict.fromkeys(
        (entry.min_face_px, entry.max_face_px, entry.template_px)
        for entry in manifest.thresholds
        if (entry.likeness is not None) == follows
    )
    rows = [
        (
            (f"from {low:g}" if high is None else f"{low:g} to {high:g}")
            + ("" if template_px is None else f", templates of {template_px} px"),
            *(() if usual is None else (f"{usual:.3f}",)),
            *(f"{manifest.threshold(low, rate, template_px, usual):.3f}" for rate in rates),
        )
        for low, high, template_px in ranges
        for usual in (manifest.usual_likeness(low, template_px) if follows else None,)
    ]
    heads = ("face px", *(["likeness"] if follows else []))
    return _table((*heads, *(f"FAR {rate:.0e}".replace("e-0", "e-") for rate in rates)), rows)


def _data(run: Path, provenance: Provenance) -> str:
    listed = (run / DATA_LIST_NAME).read_text(encoding="utf-8").splitlines()
    # A line is a digest and a path of root, person (or none) and file.
    roots = Counter(line.split("  ", 1)[1].rsplit("/", 2)[0] for line in listed)
    rows = [(f"`{root}`", f"{count:,}") for root, count in sorted(roots.items())]
    return (
        _table(("folder", "crops"), rows)
        + f"\n\nSHA-256 over all digests and names: `{provenance.data_list_sha256}`."
    )


def _steps(provenance: Provenance) -> Iterator[str]:
    for step in (*provenance.earlier, provenance):
        yield f"At commit `{step.commit}`:\n\n```\n{step.command}\n```"
    yield f"Published by:\n\n```\n{typed_command()}\n```"


def _settings(run: Path) -> str:
    rows = [(f"`{name}`", str(value)) for name, value in read_settings(run).items()]
    return "Settings of the training:\n\n" + _table(("setting", "value"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
