"""`farsight db check`: whether everything that is stored can be used."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.db.crop_keys import read_crop_keys
from app.db.migration import create_engine, open_sessions
from app.db.session import Sessions
from app.errors import ModelFileError
from app.graph import open_graph
from app.services.bundles import BundleState, BundleStore
from app.services.soundness import (
    Damage,
    Defect,
    damaged_faces_told,
    drop_damaged_faces,
    find_bad_keys,
    find_damage,
    find_damaged_faces,
    forget_damage,
    remake_templates,
)
from app.settings import Settings
from app.storage_errors import DatabaseDamagedError
from app.vision.model_files import CENTERFACE, YUNET, checked


def check(
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Rebuild what stored crops and embeddings allow: indexes, embeddings, "
            "templates. Stop the service first.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check database, crops, embeddings, templates, keys, bundles and detectors.

    Exit codes: 0 all is well, or repaired; 1 something is wrong, as printed.
    """
    settings = Settings.read()
    found = asyncio.run(_check(settings))
    left = found
    if repair and any(defect.repairable for defect in found):
        asyncio.run(_repair(settings))
        left = asyncio.run(_check(settings))
    if as_json:
        told = {"found": [asdict(each) for each in found], "left": [asdict(each) for each in left]}
        typer.echo(json.dumps(told))
    else:
        _print(found, left, repair=repair)
    raise typer.Exit(1 if left else 0)


async def _check(settings: Settings) -> list[Defect]:
    found = list(_check_detectors(settings.detectors))
    engine = create_engine(settings.database)
    try:
        if not await engine.exists():
            detail = "There is none yet; the first start creates it."
            return [*found, Defect("database", detail, False)]
        await engine.prepare()
        found += [Defect("database", trouble, True) for trouble in await engine.troubles()]
    except DatabaseDamagedError as error:
        return [*found, Defect("database", error.detail, False)]
    finally:
        await engine.close([])
    crop_keys = read_crop_keys(settings.crop_key_file)
    async with open_sessions(settings.database, crop_keys) as sessions:
        found += await _check_bundles(sessions, settings.bundles)
        found += await find_bad_keys(sessions)
        for damage in await find_damage(sessions):
            found += damage.defects()
        found += damaged_faces_told(await find_damaged_faces(sessions))
    return found


async def _repair(settings: Settings) -> None:
    engine = create_engine(settings.database)
    await engine.repair()
    await engine.close([])
    damages: list[Damage]
    crop_keys = read_crop_keys(settings.crop_key_file)
    async with open_sessions(settings.database, crop_keys) as sessions:
        damages = await find_damage(sessions)
        await forget_damage(sessions, damages)
        await drop_damaged_faces(sessions)
    async with open_graph(settings) as graph:
        await remake_templates(graph.sessions, graph.current, damages)
        await graph.following.complete()


async def _check_bundles(sessions: Sessions, store: Path) -> list[Defect]:
    views = await BundleStore(sessions, store).every()
    found = [
        Defect("bundles", f"{view.name}: {view.reason}", False)
        for view in views
        if view.state == BundleState.BROKEN
    ]
    if not any(view.state == BundleState.SERVING for view in views):
        detail = "The bundle that the database names is missing from the store or damaged."
        found.append(Defect("bundles", detail, False))
    return found


def _check_detectors(folder: Path) -> Iterator[Defect]:
    present = [model for model in (YUNET, CENTERFACE) if (folder / model.name).exists()]
    if not present:
        yield Defect("detectors", "There is none; `farsight bundles pull yunet`.", False)
    for model in present:
        try:
            checked(model, folder)
        except ModelFileError as error:
            yield Defect("detectors", error.detail, False)


def _print(found: list[Defect], left: list[Defect], *, repair: bool) -> None:
    if not found:
        typer.echo("Everything is in order.")
        return
    table = Table("part", "what is wrong", "")
    for defect in found:
        hope = "repaired" if repair and defect not in left else "--repair" * defect.repairable
        table.add_row(defect.part, defect.detail, hope)
    Console().print(table)
