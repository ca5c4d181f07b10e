"""`python -m app keys`: who may call the service."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from app.db.migration import open_sessions
from app.services.keys import Keys, Scope
from app.settings import Settings

T = TypeVar("T")

cli = typer.Typer(help="API keys.", no_args_is_help=True)


@cli.command()
def create(
    scope: Annotated[list[Scope], typer.Option(help="What the key is good for; repeatable.")],
    label: Annotated[str, typer.Option(help="For whom or what.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a key and print it; it can not be shown again."""
    key = asyncio.run(_with_keys(lambda keys: keys.create(scope, label[:100])))
    typer.echo(json.dumps({"key": key, "scopes": scope}) if as_json else key)


@cli.command("list")
def list_keys() -> None:
    """List all keys, without their secrets."""
    table = Table("id", "scopes", "label", "created", "revoked")
    for row in asyncio.run(_with_keys(Keys.every)):
        created = f"{row.created_at:%Y-%m-%d %H:%M}"
        revoked = f"{row.revoked_at:%Y-%m-%d %H:%M}" if row.revoked_at else ""
        table.add_row(row.id, ", ".join(row.scopes), row.label, created, revoked)
    Console().print(table)


@cli.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id, as `list` shows it.")]) -> None:
    """End a key."""
    asyncio.run(_with_keys(lambda keys: keys.revoke(key_id)))
    typer.echo(f"Key {key_id} is revoked.")


async def _with_keys(work: Callable[[Keys], Awaitable[T]]) -> T:
    async with open_sessions(Settings.read().database) as sessions:
        return await work(Keys(sessions))
