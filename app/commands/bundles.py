"""`farsight bundles`: the weights in the bundle store."""

import asyncio
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from app.api.admin_schemas import JobSchema
from app.commands.download import download
from app.db.migration import open_sessions
from app.errors import BundleError, ReloadFailedError
from app.graph import open_graph
from app.recognition.serving import Serving
from app.services.bundles import BundleView
from app.services.bundles import list_bundles as every_bundle
from app.services.job_diary import JobView, State
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

_CHECKPOINTS = (
    "https://gitlab.idiap.ch/bob/bob.paper.tbiom2023_edgeface/-/raw/master/checkpoints/{}.pt"
)
_DETECTORS = {model.detector: model for model in (YUNET, CENTERFACE)}

_LOOK_EVERY_S = 0.2
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

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
    from app.vision.published import published_bundle, read_published  # noqa: PLC0415 - torch takes seconds

    if (BUNDLES / name).exists():
        raise BundleError(f"A built-in bundle is already named {name!r}.")
    bundle = published_bundle(read_published(edgeface), name)
    embedder = Embedder(bundle, "cpu")
    check_parity(embedder)
    manifest = msgspec.structs.replace(bundle.manifest, self_test=known_answers(embedder))
    folder = write_bundle(Settings.read().bundles, manifest, bundle.files)
    variant = manifest.networks.edgeface.variant
    typer.echo(f"Bundle {name} ({variant}), space {manifest.space_id}, is in {folder}.")


@cli.command("list")
def list_bundles(as_json: AsJson = False) -> None:
    """Check the files of every bundle in the store and list them, broken ones with the reason."""

    async def find() -> list[BundleView]:
        settings = Settings.read()
        async with open_sessions(settings.database) as sessions:
            return await every_bundle(sessions, settings.bundles)

    found = asyncio.run(find())
    if as_json:
        typer.echo(json.dumps([_as_json(view) for view in found]))
        return
    table = Table("name", "network", "DSR", "space", "created", "state")
    for view in found:
        if view.manifest is None:
            table.add_row(view.name, "", "", "", "", f"{view.state}: {view.reason}")
            continue
        networks = view.manifest.networks
        table.add_row(
            view.name,
            networks.edgeface.variant,
            "yes" if networks.dsr else "no",
            view.manifest.space_id,
            f"{view.manifest.created_at:%Y-%m-%d %H:%M}",
            view.state,
        )
    Console().print(table)


@cli.command()
def verify(name: Annotated[str, typer.Argument(help="The bundle's name.")]) -> None:
    """Check every file of a bundle, load its networks, and check their answers to known crops."""
    folder = find_bundle(Settings.read().bundles, name)
    bundle = load_bundle(folder)
    embedder = Embedder(bundle, "cpu")
    check_self_test(embedder)
    check_parity(embedder)
    typer.echo(f"Bundle {name} is as it was published; space {bundle.space_id}.")


@cli.command()
def reload(
    name: Annotated[str, typer.Argument(help="The bundle to serve.")],
    force: Annotated[
        bool, typer.Option("--force", help="Ignore the gate's verdict; the audit log records it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change to another bundle: everybody is embedded anew, services follow within seconds.

    The work is done by this command; services on the same database keep answering.
    """
    job = asyncio.run(_reload(name, force, visible=not as_json))
    if as_json:
        typer.echo(JobSchema.model_validate(job).model_dump_json())
    if job.error is not None:
        raise ReloadFailedError(f"{job.error['detail']} The previous bundle is still in use.")
    if not as_json:
        typer.echo(f"Bundle {name} serves, space {job.space_id}.")


@cli.command()
def rollback(as_json: AsJson = False) -> None:
    """Go back to the previous bundle at once."""

    async def roll_back() -> Serving:
        async with open_graph(Settings.read()) as graph:
            return await graph.bundles.rollback(COMMAND_LINE)

    serving = asyncio.run(roll_back())
    name, space_id = serving.manifest.name, serving.space_id
    typer.echo(
        json.dumps({"bundle": name, "space": space_id})
        if as_json
        else f"Bundle {name} serves again, space {space_id}."
    )


@cli.command()
def prune(as_json: AsJson = False) -> None:
    """Forget the former bundle's embeddings; afterwards there is no way back to it."""

    async def erase() -> int:
        async with open_graph(Settings.read()) as graph:
            return await graph.bundles.prune(COMMAND_LINE)

    erased = asyncio.run(erase())
    typer.echo(json.dumps({"erased": erased}) if as_json else f"{erased} rows deleted.")


async def _reload(name: str, force: bool, *, visible: bool) -> JobView:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    async with open_graph(Settings.read()) as graph:
        job = await graph.reload.start(name, COMMAND_LINE, force=force)
        with Progress(*columns, disable=not visible) as progress:
            task = progress.add_task(job.step, total=None, rate="")
            while job.state is State.RUNNING:
                await asyncio.sleep(_LOOK_EVERY_S)
                job = await graph.reload.job(job.id)
                rate = f"{job.rate_per_s:.0f}/s" if job.rate_per_s else ""
                total = job.total or None
                progress.update(
                    task, description=job.step, completed=job.done, total=total, rate=rate
                )
    return job


def _as_json(view: BundleView) -> dict[str, object]:
    manifest = None if view.manifest is None else msgspec.to_builtins(view.manifest)
    return {
        "name": view.name,
        "state": view.state,
        "reason": view.reason,
        "space": None if view.manifest is None else view.manifest.space_id,
        "manifest": manifest,
    }


@cli.command()
def pull(
    what: Annotated[Pullable, typer.Argument(help="A published checkpoint or a detector.")],
    folder: Annotated[
        Path | None,
        typer.Option(help="Where checkpoints go. By default: `checkpoints` in the data folder."),
    ] = None,
) -> None:
    """Download a published file; an interrupted download resumes where it stopped."""
    settings = Settings.read()
    if what.value in _DETECTORS:
        path = fetch(_DETECTORS[what.value], settings.detectors)
        typer.echo(f"{path} is already there, as published.")
        return
    folder = folder or settings.home / "checkpoints"
    path = download(_CHECKPOINTS.format(what.value), folder / f"{what.value}.pt")
    from app.vision.published import read_published  # noqa: PLC0415 - torch takes seconds

    read_published(path)  # it must be a network that we know
    typer.echo(f"{path} is there. Make a bundle of it:")
    typer.echo(f"  farsight bundles import --edgeface {path} --name {what.value}")
