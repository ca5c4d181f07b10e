"""`farsight audit`: who did what to whom."""

import json
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table

from app.commands.place import AsJson, Url, ask
from farsight_client import AsyncClient, Event

_PAGE = 200


def audit(
    limit: Annotated[int, typer.Option(help="At most this many events, newest first.", min=1)] = 50,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show the audit log, newest first."""

    async def work(farsight: AsyncClient) -> list[Event]:
        page = await farsight.event_page(limit=min(limit, _PAGE))
        events = page.items
        while page.next_cursor is not None and len(events) < limit:
            wanted = min(limit - len(events), _PAGE)
            page = await farsight.event_page(cursor=page.next_cursor, limit=wanted)
            events = events + page.items
        return events

    found = ask(url, work)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table("at", "who", Column("did", no_wrap=True), "to", "")
    for event in found:
        detail = json.dumps(event.detail) if event.detail else ""
        at = f"{event.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(at, event.actor, event.action, event.subject, detail)
    Console().print(table)
