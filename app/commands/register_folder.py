"""`farsight register --from-dir`."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from app.commands.enrolment import USUAL_MAX_PHOTOS, Enrolment, Wishes
from app.commands.people_folder import FolderReport, as_json_text, register_people
from app.commands.people_plan import Plan, read_plan
from app.commands.people_report import (
    planned,
    planned_lines,
    print_plan,
    print_skipped,
    report_file,
)
from app.commands.photo_table import reason
from app.commands.place import Place, open_client, open_place
from app.gallery.file import read_gallery
from app.progress import counted
from app.settings import Settings


def register_folder(
    folder: Path,
    place: Place,
    wishes: Wishes,
    report_path: Path | None,
    groups: Sequence[str] = (),
    *,
    recursive: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Registers everybody in a folder, or tells what that would do.

    Exit code 1 where somebody is not registered.
    """
    settings = Settings.read()
    plan = read_plan(folder, groups, recursive=recursive)
    if dry_run:
        users = asyncio.run(_users(place, settings))
        with report_file(report_path, plan) as note:
            for line in planned_lines(plan, users):
                note(line)
        if as_json:
            typer.echo(json.dumps(planned(plan, users)))
        else:
            print_plan(plan, users)
        raise typer.Exit(1 if plan.refused else 0)
    report = asyncio.run(_register(place, settings, plan, wishes, report_path))
    if as_json:
        typer.echo(as_json_text(report))
    else:
        _print(report)
    raise typer.Exit(1 if report.refused else 0)


async def _users(place: Place, settings: Settings) -> dict[str, int | None]:
    """Who is registered, without loading networks."""
    path = place.gallery_path
    if path is not None:
        gallery = await asyncio.to_thread(read_gallery, path) if path.exists() else None
        return {user.user_id: None for user in gallery.users} if gallery else {}
    async with open_client(place.url, settings, networks=False) as client:
        return {user.user_id: user.photo_count async for user in client.users()}


async def _register(
    place: Place, settings: Settings, plan: Plan, wishes: Wishes, report_path: Path | None
) -> FolderReport:
    async with open_place(place, settings) as opened:
        at_most = USUAL_MAX_PHOTOS if place.url else settings.limits.max_photos
        enrolment = Enrolment(opened, wishes, at_most)
        with report_file(report_path, plan) as note, counted("People") as advance:
            return await register_people(plan, await opened.users(), enrolment, advance, note)


def _print(report: FolderReport) -> None:
    table = Table("user_id", "photo", "why it is not used")
    for person in report.refused:
        table.add_row(person.user_id, "", reason(person.code, person.detail))
    for photo in report.rejected_photos:
        table.add_row(photo.user_id, photo.filename, reason(photo.reason, photo.detail))
    if table.row_count:
        Console().print(table)
    print_skipped(report.skipped)
    typer.echo(
        f"{len(report.registered)} people are registered now, {len(report.already_registered)} "
        f"were already; {len(report.refused)} are not. {len(report.rejected_photos)} photos were "
        f"not used, {len(report.skipped)} files or folders skipped."
    )
