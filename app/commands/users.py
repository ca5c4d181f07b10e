"""`farsight users`: who is registered."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from app.commands.place import AsJson, Groups, Url, Yes, ask, open_client
from app.services.users import Order
from app.settings import Settings
from farsight_client import ApiError, AsyncClient, Erasure, User, UserDetail

cli = typer.Typer(help="Who is registered, here or on a service.", no_args_is_help=True)

UserIdArgument = Annotated[str, typer.Argument(help="Who.", show_default=False)]


@cli.command("list")
def list_users(
    search: Annotated[
        str | None, typer.Option(help="A part of user_id, display name or metadata.")
    ] = None,
    order: Annotated[Order, typer.Option(help="Oldest or newest first, or by id.")] = Order.OLDEST,
    group: Groups = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List everybody, or those that a search finds."""

    async def work(farsight: AsyncClient) -> list[User]:
        found = farsight.users(search=search, order=order, groups=group or ())
        return [user async for user in found]

    found = ask(url, work)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table("user_id", "name", "groups", "photos", "since", caption=f"{len(found)} users")
    for user in found:
        since = f"{user.created_at:%Y-%m-%d %H:%M}"
        table.add_row(
            user.user_id, user.display_name, ", ".join(user.groups), str(user.photo_count), since
        )
    Console().print(table)


@cli.command()
def show(user_id: UserIdArgument, url: Url = None, as_json: AsJson = False) -> None:
    """Show a user and what is stored of their photos."""
    _tell(ask(url, lambda farsight: farsight.get_user(user_id)), as_json=as_json)


@cli.command()
def rename(
    user_id: UserIdArgument,
    name: Annotated[str, typer.Argument(help="The display name; '' takes it away.")],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Give a user another display name. The user_id stays."""
    found = ask(url, lambda farsight: farsight.change_user(user_id, display_name=name or None))
    _tell(found, as_json=as_json)


@cli.command()
def merge(
    user_id: UserIdArgument,
    other_user_id: Annotated[str, typer.Argument(help="Who is the same person.")],
    yes: Yes = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Move another user's photos to a user, and erase the other."""
    if not yes:
        told = f"Erase {other_user_id} and give the photos to {user_id}? There is no way back."
        typer.confirm(told, abort=True, err=True)
    found = ask(url, lambda farsight: farsight.merge_users(user_id, other_user_id))
    _tell(found, as_json=as_json)


@cli.command()
def likeness(
    user_id: UserIdArgument,
    other: Annotated[str | None, typer.Option(help="Compare with this user alone.")] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Tell how alike a user's photos are to the template, and which users are most alike."""
    found = ask(url, lambda farsight: farsight.likeness(user_id, other=other), networks=True)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table("photo_id or user_id", "similarity")
    for photo in found.photos:
        table.add_row(photo.photo_id, f"{photo.template:.2f}")
    table.add_section()
    for user in found.near_users:
        table.add_row(user.user_id, f"{user.similarity:.2f}")
    Console().print(table)


@cli.command()
def metadata(
    user_id: UserIdArgument,
    notes: Annotated[str, typer.Argument(help="""A JSON object, such as '{"door": 3}'.""")],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Replace a user's metadata."""
    try:
        given = json.loads(notes)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise typer.BadParameter(f"{notes!r} is not a JSON object.")
    _tell(ask(url, lambda farsight: farsight.change_user(user_id, metadata=given)), as_json=as_json)


@cli.command()
def groups(
    user_id: UserIdArgument,
    names: Annotated[
        list[str] | None, typer.Argument(help="All that the user is to be in; none: no group.")
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Put a user into these groups, and into no other."""
    _tell(
        ask(url, lambda farsight: farsight.change_user(user_id, groups=names or ())),
        as_json=as_json,
    )


@cli.command()
def erase(
    user_ids: Annotated[list[str], typer.Argument(help="Who.", show_default=False)],
    yes: Yes = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Erase users: rows, crops, embeddings and templates are overwritten.

    Exit codes: 0 all are erased; 1 one is not; 2 wrong usage.
    """
    if not yes:
        typer.confirm(f"Erase {', '.join(user_ids)}? There is no way back.", abort=True, err=True)

    async def work() -> bool:
        failed = False
        async with open_client(url, Settings.read(), networks=False) as client:
            for user_id in user_ids:
                try:
                    tell_erasure(await client.erase_user(user_id), as_json=as_json)
                except ApiError as error:
                    if error.code != "user_not_found":
                        raise
                    failed = True
                    typer.echo(f"{error.title}. {error.detail}", err=True)
        return failed

    raise typer.Exit(1 if asyncio.run(work()) else 0)


@cli.command()
def erasure(user_id: UserIdArgument, url: Url = None, as_json: AsJson = False) -> None:
    """Tell whether something that was erased of a user may still be on the disk."""
    tell_erasure(ask(url, lambda farsight: farsight.erasure(user_id)), as_json=as_json)


@cli.command()
def thumbnail(
    user_id: UserIdArgument,
    file: Annotated[Path, typer.Argument(help="Where to write it (PNG).", dir_okay=False)],
    url: Url = None,
) -> None:
    """Save the largest face that is stored of a user; the audit log keeps it."""
    picture = ask(url, lambda farsight: farsight.thumbnail(user_id))
    file.touch(mode=0o600)
    file.write_bytes(picture)


def tell_erasure(erased: Erasure, *, as_json: bool) -> None:
    """What has become of what was erased."""
    if as_json:
        typer.echo(msgspec.json.encode(erased).decode())
    elif erased.pending:
        typer.echo(
            f"{erased.user_id}: erased, but still on the disk as long as somebody reads an older "
            "state. It is tried again until nothing is left."
        )
    else:
        typer.echo(f"{erased.user_id}: nothing is left of what was erased.")


def _tell(detail: UserDetail, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(detail).decode())
        return
    user = detail.user
    typer.echo(f"{user.user_id}: {user.display_name or 'no name'}, {user.photo_count} photos")
    if user.groups:
        typer.echo(f"  groups: {', '.join(user.groups)}")
    for key, value in user.metadata.items():
        typer.echo(f"  {key}: {value}")
    table = Table("photo_id", "face_px", "sharpness", "since")
    for photo in detail.photos:
        table.add_row(
            photo.photo_id,
            f"{photo.face_px:.0f}",
            f"{photo.quality.sharpness:.2f}",
            f"{photo.created_at:%Y-%m-%d %H:%M}",
        )
    Console().print(table)
