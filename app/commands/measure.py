"""`farsight bundles measure`: figures for a bundle that came without any."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from app.commands.place import AsJson
from app.errors import BundleError
from app.evaluation.gate import MAX_IMPOSTOR_MEAN, collapse_reasons
from app.evaluation.photo_sets import read_people
from app.evaluation.probes import make_viewer
from app.evaluation.protocols import Contestant, SizeResult, evaluate_people
from app.evaluation.sizes import PUBLISHED_SIZES
from app.evaluation.verification import USUAL_FAR
from app.progress import counted
from app.settings import Settings
from app.vision.bundle import Bundle, find_bundle, load_bundle, write_bundle
from app.vision.detector_choice import DetectorName
from app.vision.device import DeviceName, choose_device
from app.vision.embedder import Embedder
from app.vision.manifest import MANIFEST_NAME, SizeMetrics, measured_on


def measure(
    name: Annotated[str, typer.Argument(help="A bundle of the store, as `import` names it.")],
    dataset_root: Annotated[
        Path, typer.Option(help="Photos of people who are not registered, one folder per person.")
    ],
    aligned: Annotated[
        bool, typer.Option("--aligned", help="The files are aligned 112x112 crops.")
    ] = False,
    device: Annotated[DeviceName, typer.Option(help="Where the networks run.")] = "auto",
    detector: Annotated[DetectorName, typer.Option(help="What finds the faces.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure a bundle on people in folders, and write the figures into its manifest.

    `reload` judges by them. They replace those that the bundle has.

    Exit codes: 0 measured; 1 not, or the network has collapsed; 2 wrong usage.
    """
    settings = Settings.read()
    folder = find_bundle(settings.bundles, name)
    if folder.parent.resolve() != settings.bundles.resolve():
        raise BundleError(
            f"{name!r} comes with Farsight and stays as it is; `farsight evaluate` measures it."
        )
    bundle = load_bundle(folder)
    metrics, digest = _measure(bundle, dataset_root, settings, aligned, device, detector)
    manifest = msgspec.structs.replace(bundle.manifest, metrics=metrics, measured_on=digest)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    files.pop(MANIFEST_NAME)
    write_bundle(settings.bundles, manifest, files, replace=True)
    reasons = collapse_reasons(metrics, MAX_IMPOSTOR_MEAN)
    if as_json:
        told = {"name": name, "measured_on": digest, "metrics": metrics, "reasons": reasons}
        typer.echo(msgspec.json.encode(told).decode())
    else:
        _print(name, metrics, reasons)
    raise typer.Exit(1 if reasons else 0)


def _measure(
    bundle: Bundle,
    root: Path,
    settings: Settings,
    aligned: bool,
    device: DeviceName,
    detector: DetectorName,
) -> tuple[tuple[SizeMetrics, ...], str]:
    """Figures size by size, and the digest of the photos."""
    photos = read_people(root)
    view = make_viewer(aligned, "crop", detector, settings.detectors, offline=settings.offline)
    embedder = Embedder(bundle, choose_device(device), os.cpu_count() or 1)
    contestant = Contestant(bundle.manifest.name, bundle.space_id, embedder)
    with counted("Photos") as advance:
        found = evaluate_people(photos, PUBLISHED_SIZES, view, [contestant], advance)
    digests = (hashlib.sha256(of.path.read_bytes()).hexdigest() for of in photos)
    return tuple(_metrics(found.results)), measured_on(digests)


def _metrics(results: Iterable[SizeResult]) -> Iterable[SizeMetrics]:
    for result in results:
        figures = result.figures
        if figures.impostor_mean is None or figures.impostor_std is None:
            continue  # nobody was found twice at this size
        yield SizeMetrics(
            size=result.size,
            n_genuine=figures.n_genuine,
            n_impostor=figures.n_impostor,
            eer=figures.eer,
            tar_at_far=dict(figures.tar_at_far),
            rank1=figures.rank1 or 0.0,
            impostor_mean=figures.impostor_mean,
            impostor_std=figures.impostor_std,
        )


def _print(name: str, metrics: tuple[SizeMetrics, ...], reasons: list[str]) -> None:
    table = Table("size", f"TAR at FAR {USUAL_FAR}", "rank-1", "impostor mean", "pairs of one")
    for of in metrics:
        tar = f"{100 * of.tar_at_far[USUAL_FAR]:.2f} %"
        rank1, mean = f"{100 * of.rank1:.2f} %", f"{of.impostor_mean:+.3f}"
        table.add_row(of.size, tar, rank1, mean, str(of.n_genuine))
    Console().print(table)
    if reasons:
        typer.echo(f"{name} must not serve: {'; '.join(reasons)}.")
    else:
        typer.echo(f"The figures are in the manifest. Next: farsight bundles reload {name}")
