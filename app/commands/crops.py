"""`farsight crops`: the crops that are stored, and their encryption."""

import asyncio
import json
from dataclasses import asdict

import typer

from app.commands.place import AsJson
from app.graph import open_rows
from app.progress import counted
from app.services.crop_encryption import Encryption, encrypt_crops
from app.settings import Settings

cli = typer.Typer(help="The crops that are stored.", no_args_is_help=True)


@cli.callback()
def _group() -> None:
    """Keeps `encrypt` a command of its own; typer would drop the name of an only one."""


@cli.command()
def encrypt(as_json: AsJson = False) -> None:
    """Encrypt every stored crop with the first key of FARSIGHT_CROP_KEY_FILE.

    For crops from before there was a key, or with a former key that is still in the file. The
    service may be running. Exit codes: 0 done; 1 some are damaged and were left as they are.
    """
    done = asyncio.run(_encrypt(Settings.read()))
    if as_json:
        typer.echo(json.dumps(asdict(done)))
    else:
        typer.echo(f"Encrypted {done.encrypted:,} crops; all others had this key already.")
        if done.damaged:
            typer.echo(f"{done.damaged:,} are damaged; `farsight db check` says whose.", err=True)
    raise typer.Exit(1 if done.damaged else 0)


async def _encrypt(settings: Settings) -> Encryption:
    async with open_rows(settings) as rows:
        with counted("Crops") as advance:
            return await encrypt_crops(rows.sessions, advance)
