"""`farsight bundles`: the weights in the bundle store."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from app.commands.download import download
from app.commands.jobs import require_success, until_ended
from app.commands.measure import measure
from app.commands.place import AsJson, Url, ask
from app.errors import BundleError
from app.graph import open_graph
from app.services.keys import COMMAND_LINE
from app.settings import Settings
from app.shipped import BUNDLES
from app.vision.bundle import (
    find_bundle,
    load_bundle,
    write_bundle,
)
from app.vision.embedder import Embedder
from app.vision.model_files import CENTERFACE, YUNET, fetch
from app.vision.self_test import check_parity, check_self_test, known_answers
from farsight_client import AsyncClient, Job

_CHECKPOINTS = (
    "https://gitlab.idiap.ch/bob/bob.paper.tbiom2023_edgeface/-/raw/master/checkpoints/{}.pt"
)
_DETECTORS = {model.detector: model for model in (YUNET, CENTERFACE)}

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
    as_json: AsJson = False,
) -> None:
    """Turn a published EdgeFace checkpoint into a bundle without DSR."""
    from app.vision.published import published_bundle, read_published  # noqa: PLC0415 - torch takes seconds

    if (BUNDLES / name).exists():
        raise BundleError(f"A built-in bundle is already named {name!r}.")
    bundle = published_bundle(read_published(edgeface), name)
    embedder = Embedder(bundle, "cpu")
    check_parity(embedder)
    manifest = msgspec.structs.replace(bundle.manifest, self_test=known_answers(embedder))
    folder = write_bundle(Settings.read().bundles, manifest, bundle.files)
    variant = manifest.networks.edgeface.variant
    _tell(
        {"name": name, "space": manifest.space_id, "network": variant, "folder": str(folder)},
        f"Bundle {name} ({variant}), space {manifest.space_id}, is in {folder}.\n"
        f"Nobody has measured it yet:\n  farsight bundles measure {name} --dataset-root PEOPLE",
        as_json=as_json,
    )


@cli.command("list")
def list_bundles(url: Url = None, as_json: AsJson = False) -> None:
    """Check the files of every bundle in the store and list them, broken ones with the reason."""
    found = ask(url, lambda farsight: farsight.bundles())
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table("name", "network", "DSR", "space", "created", "state")
    for of in found:
        state = of.state if of.reason is None else f"{of.state}: {of.reason}"
        dsr = "" if of.dsr is None else "yes" if of.dsr else "no"
        created = "" if of.created_at is None else f"{of.created_at:%Y-%m-%d %H:%M}"
        table.add_row(of.name, of.network, dsr, of.space, created, state)
    Console().print(table)


cli.command()(measure)


@cli.command()
def verify(
    name: Annotated[str, typer.Argument(help="The bundle's name.")], as_json: AsJson = False
) -> None:
    """Check every file of a bundle, load its networks, and check their answers to known crops."""
    folder = find_bundle(Settings.read().bundles, name)
    bundle = load_bundle(folder)
    embedder = Embedder(bundle, "cpu")
    check_self_test(embedder)
    check_parity(embedder)
    _tell(
        {"name": name, "space": bundle.space_id},
        f"Bundle {name} is as it was published; space {bundle.space_id}.",
        as_json=as_json,
    )


@cli.command()
def reload(
    name: Annotated[str, typer.Argument(help="The bundle to serve.")],
    force: Annotated[
        bool, typer.Option("--force", help="Ignore the gate's verdict; the audit log records it.")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Change to another bundle: everybody is embedded anew, services follow within seconds.

    Without --url the work is done by this command; services on the same database keep answering.
    """

    async def work(farsight: AsyncClient) -> Job:
        job = await farsight.reload(name, force=force)
        return await until_ended(farsight, job.id)

    job = ask(url, work, networks=True)
    if as_json:
        typer.echo(msgspec.json.encode(job).decode())
    require_success(job)
    if not as_json:
        typer.echo(f"Bundle {name} serves, space {job.space}; {job.done} photos were moved.")


@cli.command()
def thresholds(url: Url = None, as_json: AsJson = False) -> None:
    """List the thresholds in use, for a usual face, and how many strangers they name."""
    found = ask(url, lambda farsight: farsight.thresholds(), networks=True)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table("face_px", "similarity", "false accepts", "strangers named")
    for of in found.items:
        end = "" if of.max_face_px is None else f"{of.max_face_px:g}"
        rates = (of.false_accept_rate, of.strangers_named)
        told = ["not known" if rate is None else f"{rate:.2g}" for rate in rates]
        table.add_row(f"{of.min_face_px:g}-{end}", f"{of.similarity:.2f}", *told)
    Console().print(table)


@cli.command()
def rollback(url: Url = None, as_json: AsJson = False) -> None:
    """Go back to the previous bundle at once."""
    serving = ask(url, lambda farsight: farsight.rollback(), networks=True)
    _tell(
        {"bundle": serving.bundle, "space": serving.space},
        f"Bundle {serving.bundle} serves again, space {serving.space}.",
        as_json=as_json,
    )


@cli.command()
def prune(as_json: AsJson = False) -> None:
    """Forget the former bundle's embeddings here; afterwards there is no way back to it."""

    async def erase() -> int:
        async with open_graph(Settings.read()) as graph:
            return await graph.bundles.prune(COMMAND_LINE)

    erased = asyncio.run(erase())
    _tell({"erased": erased}, f"{erased} rows deleted.", as_json=as_json)


def _tell(facts: dict[str, object], sentence: str, *, as_json: bool) -> None:
    typer.echo(msgspec.json.encode(facts).decode() if as_json else sentence)


@cli.command()
def pull(
    what: Annotated[Pullable, typer.Argument(help="A published checkpoint or a detector.")],
    folder: Annotated[
        Path | None,
        typer.Option(help="Where checkpoints go. By default: `checkpoints` in the data folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download a published file; an interrupted download resumes where it stopped."""
    settings = Settings.read()
    if what.value in _DETECTORS:
        path = fetch(_DETECTORS[what.value], settings.detectors)
        _tell({"path": str(path)}, f"{path} is already there, as published.", as_json=as_json)
        return
    folder = folder or settings.home / "checkpoints"
    path = download(_CHECKPOINTS.format(what.value), folder / f"{what.value}.pt")
    from app.vision.published import read_published  # noqa: PLC0415 - torch takes seconds

    read_published(path)  # it must be a network that we know
    _tell(
        {"path": str(path)},
        f"{path} is there. Make a bundle of it:\n"
        f"  farsight bundles import --edgeface {path} --name {what.value}",
        as_json=as_json,
    )
