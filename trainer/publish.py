"""`python -m trainer publish`: from a run to a bundle, measured, checked, in one step."""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from app.errors import BundleError
from app.evaluation.probes import shrink_crop
from app.evaluation.sizes import PUBLISHED_SIZES, Size
from app.evaluation.verification import USUAL_FAR
from app.vision.bundle import Bundle, load_bundle, weight_file, write_bundle
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from app.vision.embedder import Embedder
from app.vision.manifest import (
    DsrEntry,
    EdgeFaceEntry,
    Manifest,
    Networks,
    Routing,
    SizeMetrics,
    Training,
    measured_on,
)
from app.vision.onnx_export import export_dsr, export_edgeface
from app.vision.published import published_bundle
from app.vision.scaling import Floats
from app.vision.self_test import known_answers
from app.vision.torch_networks import pack_weights
from farsight_client import Client
from trainer.cohort import COHORT_NAME, cohort_of, load_strangers
from trainer.crops import load_crops
from trainer.errors import NotReloadedError
from trainer.gate import refuse_worse
from trainer.handover import client_for, hand_over
from trainer.held_out import (
    DEGRADED_SIZES,
    SIZES,
    HeldOut,
    all_thresholds,
    choose_routing,
    known_people,
)
from trainer.model_card import model_card
from trainer.networks import blend, read_dsr, read_edgeface
from trainer.options import Amount, Share
from trainer.parity import embed_by_torch, refuse_difference
from trainer.run_folder import Provenance, read_provenance

_LICENCE = "BSD-3-Clause"
_ATTRIBUTION = (
    "Fine-tuned from EdgeFace (George, Ecabert, Shahreza, Kotwal, Marcel, T-BIOM 2024), copyright "
    "Idiap Research Institute, BSD-3-Clause."
)
_EDGEFACE = "edgeface.safetensors"
_DSR = "dsr.safetensors"
_CARD_NAME = "MODEL_CARD.md"
# Each size twice.
_PARITY_ROUNDS = 2


def publish(
    run: Path,
    store: Path,
    val_dir: Path,
    baseline: Path,
    name: str | None = None,
    share: Share = 1.0,
    dsr_below_px: Amount | None = None,
    cohort: Path | None = None,
    cohort_source: str = "not told",
    notes: Path | None = None,
    replace_old: Annotated[bool, arg(name="replace")] = False,
    skip_unreadable: bool = False,
    reload_url: Annotated[str | None, arg(name="reload")] = None,
) -> None:
    """Publish a run as a bundle: measured on held-out people, thresholds chosen, exports checked.

    Refuses, with the figures, if strangers became alike, if accuracy fell at any size, or if small
    faces are not recognised better than by the stock network on bicubic crops.

    With --reload, exit code 1 means that it is published but the service does not serve it.

    Args:
        run: The folder of a `finetune` run.
        store: The folder of bundles that the service reads.
        val_dir: Aligned crops of people who were not trained on, a folder each.
        baseline: The network that the run must at least match: the published .pt, or a bundle.
        name: Of the bundle; by default the run's.
        share: Of the run's weights; the rest are the baseline's.
            0.7 to 0.9 brings sharp faces back sooner than it loses small ones.
        dsr_below_px: Faces below this go through DSR; measured by default.
        cohort: Aligned crops of strangers, one photo of each, none of them in --val-dir:
            thresholds then follow how much a face resembles strangers. Only means of ten
            and more of their embeddings are published.
        cohort_source: Whose faces these are, and their licence.
        notes: Markdown about the data, for the model card.
        replace_old: Replace a bundle of this name.
        skip_unreadable: Leave out bad files.
        reload_url: Address of a service that should then serve it.
            The key comes from the environment variable FARSIGHT_API_KEY.
    """
    client = client_for(reload_url) if reload_url else None
    name = name or run.resolve().name.lower()
    if (store / name).exists() and not replace_old:
        raise BundleError(f"There is already a bundle named {name!r}. Replace it with --replace.")
    provenance = read_provenance(run)
    stock, dsr = read_edgeface(baseline), read_dsr(run)
    edgeface = read_edgeface(run) if share == 1 else blend(stock, read_edgeface(run), share)
    crops = load_crops([val_dir], skip_unreadable=skip_unreadable)
    strangers = None
    if cohort is not None:
        strangers = load_strangers(cohort, crops, skip_unreadable=skip_unreadable)
    known = known_people(crops, stock)
    typer.echo(
        f"Measuring on {len(known)} photos of {len(known.people)} people; "
        f"{len(crops) - len(known)} do not look like their person and are left out."
    )
    held_out = HeldOut(known)

    weights = {_EDGEFACE: pack_weights(edgeface), _DSR: pack_weights(dsr)}
    manifest = _manifest(name, edgeface, dsr, weights, provenance)
    seen, below_px = _see(held_out, Bundle(manifest, weights), dsr_below_px)
    pairs, sized = held_out.pairs(seen), held_out.sized_pairs(seen)
    plain = _embedder(published_bundle(stock), below_px=0)
    seen_before = held_out.seen(plain, PUBLISHED_SIZES)
    before = held_out.pairs(seen_before)
    metrics = tuple(pairs[size].metrics(size) for size in PUBLISHED_SIZES)
    baseline_metrics = tuple(before[size].metrics(size) for size in PUBLISHED_SIZES)
    _tell(metrics, baseline_metrics)
    refuse_worse(metrics, baseline_metrics)

    known_strangers = None
    if strangers is not None:
        sharp = _embedder(Bundle(manifest, weights), below_px=0)
        known_strangers = cohort_of(strangers, cohort_source, sharp)
        weights[COHORT_NAME] = known_strangers.content
    manifest = msgspec.structs.replace(
        manifest,
        routing=Routing(dsr_below_px=below_px),
        thresholds=all_thresholds(
            pairs, sized, seen, known_strangers.cohort() if known_strangers else None
        ),
        cohort=known_strangers.entry if known_strangers else None,
        metrics=metrics,
        measured_on=measured_on(crops.digests),
    )
    manifest, files = _checked_files(manifest, edgeface, dsr, weights, held_out)
    note = notes.read_text(encoding="utf-8") if notes else ""
    of_degraded = tuple(
        degraded_metrics(held_out, by, of)
        for by, of in ((Embedder(Bundle(manifest, files), "cpu"), seen), (plain, seen_before))
    )
    card = model_card(manifest, baseline_metrics, of_degraded, run, provenance, note)
    folder = write_bundle(store, manifest, {**files, _CARD_NAME: card.encode()}, replace_old)
    typer.echo(f"Published {folder}, space {manifest.space_id}.")
    if client:
        _reload(client, name)


def _reload(client: Client, name: str) -> None:
    try:
        with client:
            hand_over(client, name)
    except NotReloadedError as error:
        typer.echo(f"{error.title}. {error.detail}", err=True)
        sys.exit(1)
    typer.echo(f"The service serves {name}.")


def _manifest(
    name: str,
    edgeface: EdgeFace,
    dsr: DSR,
    weights: Mapping[str, bytes],
    provenance: Provenance,
) -> Manifest:
    return Manifest(
        name=name,
        created_at=datetime.now(UTC),
        networks=Networks(
            edgeface=EdgeFaceEntry(
                variant=edgeface.variant,
                weights=weight_file(_EDGEFACE, weights[_EDGEFACE]),
            ),
            dsr=DsrEntry(
                channels=dsr.architecture["channels"],
                blocks=dsr.architecture["blocks"],
                heads=dsr.architecture["heads"],
                weights=weight_file(_DSR, weights[_DSR]),
            ),
        ),
        parent=provenance.parent,
        training=Training(
            command=provenance.command,
            config_sha256=provenance.config_sha256,
            data_list_sha256=provenance.data_list_sha256,
            commit=provenance.commit,
        ),
        licence=_LICENCE,
        attribution=_ATTRIBUTION,
    )


def _see(
    held_out: HeldOut, bundle: Bundle, dsr_below_px: float | None
) -> tuple[dict[Size, Floats], float]:
    """The crops of each size on its route, and the size below which faces go through DSR."""
    direct = held_out.seen(_embedder(bundle, below_px=0), SIZES)
    # The gallery side is 112 px wide and stays out of DSR.
    small = [size for size in SIZES if size is not None]
    restored = {None: direct[None], **held_out.seen(_embedder(bundle, CROP_SIZE_PX), small)}
    below_px = dsr_below_px
    if below_px is None:
        below_px = choose_routing(held_out.pairs(direct), held_out.pairs(restored))
    return {
        size: restored[size] if size is not None and size < below_px else direct[size]
        for size in SIZES
    }, below_px


def degraded_metrics(
    held_out: HeldOut, embedder: Embedder, seen: Mapping[Size, Floats]
) -> list[SizeMetrics]:
    """Figures of degraded crops against sharp ones as already seen."""
    small = held_out.degraded(embedder, DEGRADED_SIZES)
    pairs = held_out.pairs({None: seen[None], **small})
    return [pairs[size].metrics(size) for size in DEGRADED_SIZES]


def _embedder(bundle: Bundle, below_px: float) -> Embedder:
    routing = Routing(dsr_below_px=below_px)
    manifest = msgspec.structs.replace(bundle.manifest, routing=routing)
    return Embedder(replace(bundle, manifest=manifest), "cpu")


def _checked_files(
    manifest: Manifest,
    edgeface: EdgeFace,
    dsr: DSR,
    weights: Mapping[str, bytes],
    held_out: HeldOut,
) -> tuple[Manifest, dict[str, bytes]]:
    """The bundle's files, after torch and both ways to serve them have agreed on real crops."""
    onnx_files = {"edgeface.onnx": export_edgeface(edgeface), "dsr.onnx": export_dsr(dsr)}
    files = {**weights, **onnx_files}
    manifest = _with_onnx(manifest, onnx_files)
    every_size = list(zip(held_out.crops, SIZES * _PARITY_ROUNDS, strict=False))
    crops = [shrink_crop(crop, size) for crop, size in every_size]
    expected = embed_by_torch(edgeface, dsr, crops, manifest.routing.dsr_below_px)
    with tempfile.TemporaryDirectory() as folder:
        bundle = load_bundle(write_bundle(Path(folder), manifest, files))
        in_torch = Embedder(bundle.without_onnx(), "cpu")
        of_torch = refuse_difference("The bundle", expected, in_torch.embed(crops)[0])
        served = Embedder(bundle, "cpu")
        of_onnx = refuse_difference("ONNX", expected, served.embed(crops)[0])
        manifest = msgspec.structs.replace(manifest, self_test=known_answers(served))
    typer.echo(
        f"Largest difference to torch on {len(crops)} crops: app.vision {of_torch:.1e}, "
        f"ONNX {of_onnx:.1e}."
    )
    return manifest, files


def _with_onnx(manifest: Manifest, files: Mapping[str, bytes]) -> Manifest:
    networks = manifest.networks
    assert networks.dsr is not None
    change = msgspec.structs.replace
    entries = {name: weight_file(name, content) for name, content in files.items()}
    networks = Networks(
        edgeface=change(networks.edgeface, onnx=entries["edgeface.onnx"]),
        dsr=change(networks.dsr, onnx=entries["dsr.onnx"]),
    )
    return change(manifest, networks=networks)


def _tell(metrics: tuple[SizeMetrics, ...], baseline: tuple[SizeMetrics, ...]) -> None:
    table = Table("face px", f"TAR at FAR {USUAL_FAR}", "stock + bicubic", "impostor mean")
    for of, before in zip(metrics, baseline, strict=True):
        rates = of.tar_at_far[USUAL_FAR], before.tar_at_far[USUAL_FAR]
        table.add_row(of.size, *(f"{rate:.4f}" for rate in rates), f"{of.impostor_mean:+.3f}")
    Console().print(table)
