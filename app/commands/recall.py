"""`farsight gallery recall`: whether the index finds whom comparing everybody finds."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.commands.place import AsJson
from app.db.migration import open_sessions
from app.progress import counted
from app.services.recall import Recall, measure_recall
from app.settings import Settings

_LEAST = 0.99


def recall(
    users: Annotated[int, typer.Option(help="Search for so many of them.", min=1)] = 500,
    as_json: AsJson = False,
) -> None:
    """Search both ways, by PostgreSQL's index and comparing everybody, and compare.

    Once with a stored photo of each user, then with vectors as similar to their templates as the
    thresholds of duplicates and of identification: those are the hardest that have to be found.
    Makes the index if it is missing; every template is read into memory. Exit codes: 0 all are
    found in 99 of 100 searches; 1 they are not.
    """
    settings = Settings.read()
    found = asyncio.run(_measure(settings, users))
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found]))
    else:
        table = Table("probes", "searches", "found", "index ms", "exact ms")
        for each in found:
            table.add_row(
                each.probes,
                str(each.searches),
                f"{each.share:.1%}",
                f"{each.index_ms:.1f}",
                f"{each.exact_ms:.1f}",
            )
        Console().print(table)
    raise typer.Exit(0 if all(each.share >= _LEAST for each in found) else 1)


async def _measure(settings: Settings, users: int) -> list[Recall]:
    similarities = [settings.registration.duplicate_similarity, settings.identification.threshold]
    async with open_sessions(settings.database) as sessions:
        with counted("Searches") as advance:
            return await measure_recall(sessions, users, similarities, advance)
