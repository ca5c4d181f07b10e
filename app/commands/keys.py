"""`farsight keys`: who may call the service."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Column, Table

from app.db.migration import open_sessions
from app.db.tables import ApiKey, utc_now
from app.errors import LastAdminKeyError
from app.services.keys import Keys, Scope
from app.settings import Settings

T = TypeVar("T")

cli = typer.Typer(help="API keys.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@cli.command()
def create(
    scope: Annotated[list[Scope], typer.Option(help="What the key is good for; repeatable.")],
    label: Annotated[str, typer.Option(help="Who or what it is for.")] = "",
    days: Annotated[
        int | None, typer.Option(help="Days until it expires; never by default.", min=1, max=3650)
    ] = None,
    as_json: _Json = False,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    expires_at = utc_now() + timedelta(days=days) if days else None
    key = asyncio.run(
        _with_keys(lambda keys: keys.create(scope, label[:100], expires_at=expires_at))
    )
    told = {"key": key, "scopes": scope, "expires_at": expires_at and expires_at.isoformat()}
    typer.echo(json.dumps(told) if as_json else key)


@cli.command("list")
def list_keys(as_json: _Json = False) -> None:
    """List all keys, without their secrets; last uses are accurate to ten minutes."""
    rows = asyncio.run(_with_keys(Keys.every))
    if as_json:
        typer.echo(json.dumps([_as_dict(row) for row in rows], default=datetime.isoformat))
        return
    table = Table(
        Column("id", no_wrap=True), "scopes", "label", "created", "last used", "expires", "revoked"
    )
    for row in rows:
        values = _as_dict(row).values()
        table.add_row(
            *(f"{of:%Y-%m-%d %H:%M}" if isinstance(of, datetime) else of for of in values)
        )
    Console().print(table)


@cli.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id, as `list` shows it.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask whether the last admin key may go.")
    ] = False,
) -> None:
    """Revoke a key. Asks before it revokes the last one with the scope admin."""
    try:
        asyncio.run(_with_keys(lambda keys: keys.revoke(key_id, even_last=yes)))
    except LastAdminKeyError as error:
        typer.confirm(f"{error.detail} Revoke it anyway?", abort=True)
        asyncio.run(_with_keys(lambda keys: keys.revoke(key_id, even_last=True)))
    typer.echo(f"Key {key_id} is revoked.")


def _as_dict(row: ApiKey) -> dict[str, str | datetime | None]:
    return {
        "id": row.id,
        "scopes": ", ".join(row.scopes),
        "label": row.label,
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }


async def _with_keys(work: Callable[[Keys], Awaitable[T]]) -> T:
    async with open_sessions(Settings.read().database) as sessions:
        return await work(Keys(sessions))
