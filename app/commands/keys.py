"""`farsight keys`: who may call the service."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table

from app.commands.place import AsJson, Url, ask
from app.db.tables import utc_now
from app.services.keys import Scope
from farsight_client import ApiError

_MOST_LABEL_CHARS = 100

cli = typer.Typer(help="API keys, here or of a service.", no_args_is_help=True)


@cli.command()
def create(
    scope: Annotated[list[Scope], typer.Option(help="What the key is good for; repeatable.")],
    label: Annotated[str, typer.Option(help="Who or what it is for.")] = "",
    days: Annotated[
        int | None, typer.Option(help="Days until it expires; never by default.", min=1, max=3650)
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="Bind the key to this group of users; repeatable."),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    expires_at = utc_now() + timedelta(days=days) if days else None
    scopes, short = list(dict.fromkeys(scope)), label[:_MOST_LABEL_CHARS]
    made = ask(
        url,
        lambda farsight: farsight.create_key(
            scopes, label=short, expires_at=expires_at, groups=group or ()
        ),
    )
    told = {
        "key": made.key,
        "scopes": scopes,
        "label": short,
        "groups": group or [],
        "expires_at": expires_at,
    }
    typer.echo(msgspec.json.encode(told).decode() if as_json else made.key)


@cli.command("list")
def list_keys(url: Url = None, as_json: AsJson = False) -> None:
    """List all keys, without their secrets; last uses are accurate to ten minutes."""
    found = ask(url, lambda farsight: farsight.keys())
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table(
        Column("id", no_wrap=True), "scopes", "label", "created", "last used", "expires", "revoked"
    )
    for key in found:
        times = (key.created_at, key.last_used_at, key.expires_at, key.revoked_at)
        table.add_row(key.id, ", ".join(key.scopes), key.label, *(_told(of) for of in times))
    Console().print(table)


@cli.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id, as `list` shows it.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask whether the last admin key may go.")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key. Asks before it revokes the last one with the scope admin."""
    try:
        ask(url, lambda farsight: farsight.revoke_key(key_id, even_last=yes))
    except ApiError as error:
        if error.code != "last_admin_key":
            raise
        typer.confirm(f"{error.detail} Revoke it anyway?", abort=True)
        ask(url, lambda farsight: farsight.revoke_key(key_id, even_last=True))
    told = msgspec.json.encode({"id": key_id, "revoked": True}).decode()
    typer.echo(told if as_json else f"Key {key_id} is revoked.")


def _told(time: datetime | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%d %H:%M}"
