"""`python -m app bundles`: the weights in the bundle store."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.commands.download import download
from app.errors import BundleError
from app.settings import Settings
from app.vision.bundle import load_bundle, pack_weights, verify_bundle, weight_file, write_bundle
from app.vision.manifest import MANIFEST_NAME, EdgeFaceEntry, Manifest, Networks
from app.vision.model_files import CENTERFACE, YUNET, fetch
from app.vision.published import read_published

_CHECKPOINTS = (
    "https://gitlab.idiap.ch/bob/bob.paper.tbiom2023_edgeface/-/raw/master/checkpoints/{}.pt"
)
_DETECTORS = {"yunet": YUNET, "centerface": CENTERFACE}

cli = typer.Typer(help="Bundles of weights, and the files they are made of.", no_args_is_help=True)


class Pullable(StrEnum):
    """What can be downloaded."""

    EDGEFACE_XXS = "edgeface_xxs"
    EDGEFACE_XS_GAMMA_06 = "edgeface_xs_gamma_06"
    EDGEFACE_S_GAMMA_05 = "edgeface_s_gamma_05"
    EDGEFACE_BASE = "edgeface_base"
    YUNET = "yunet"
    CENTERFACE = "centerface"


@cli.command("import")
def import_checkpoint(
    edgeface: Annotated[Path, typer.Option(help="A published checkpoint (.pt).")],
    name: Annotated[str, typer.Option(help="The bundle's name.")],
) -> None:
    """Turn a published EdgeFace checkpoint into a bundle without DSR."""
    network = read_published(edgeface)
    weights = pack_weights(network)
    entry = EdgeFaceEntry(
        variant=network.variant, weights=weight_file("edgeface.safetensors", weights)
    )
    manifest = Manifest(
        name=name,
        created_at=datetime.now(UTC),
        networks=Networks(edgeface=entry),
        licence="BSD-3-Clause",
        attribution="EdgeFace, Idiap Research Institute (George et al., T-BIOM 2024)",
    )
    folder = write_bundle(Settings.read().bundles, manifest, {entry.weights.name: weights})
    typer.echo(f"Bundle {name} ({network.variant}), space {manifest.space_id}, is in {folder}.")


@cli.command("list")
def list_bundles() -> None:
    """Check the files of every bundle in the store and list them, broken ones with the reason."""
    store = Settings.read().bundles
    table = Table("name", "network", "DSR", "space", "created", "state")
    for folder in sorted(path.parent for path in store.glob(f"*/{MANIFEST_NAME}")):
        try:
            manifest = verify_bundle(folder)
        except BundleError as error:
            table.add_row(folder.name, "", "", "", "", error.detail)
            continue
        networks = manifest.networks
        table.add_row(
            folder.name,
            networks.edgeface.variant,
            "yes" if networks.dsr else "no",
            manifest.space_id,
            f"{manifest.created_at:%Y-%m-%d %H:%M}",
            "ok",
        )
    Console().print(table)


@cli.command()
def verify(name: Annotated[str, typer.Argument(help="The bundle's name.")]) -> None:
    """Check every file of a bundle and load its networks."""
    bundle = load_bundle(Settings.read().bundles / name)
    typer.echo(f"Bundle {name} is as it was published; space {bundle.space_id}.")


@cli.command()
def pull(
    what: Annotated[Pullable, typer.Argument(help="A published checkpoint or a detector.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoints go.")] = Path("data/checkpoints"),
) -> None:
    """Download a published file; an interrupted download goes on where it stopped."""
    if what.value in _DETECTORS:
        path = fetch(_DETECTORS[what.value], Settings.read().detectors)
        typer.echo(f"{path} is there and is the published file.")
        return
    path = download(_CHECKPOINTS.format(what.value), folder / f"{what.value}.pt")
    read_published(path)  # whatever came: it must be a network that we know
    typer.echo(f"{path} is there. Make a bundle of it:")
    typer.echo(f"  python -m app bundles import --edgeface {path} --name {what.value}")
