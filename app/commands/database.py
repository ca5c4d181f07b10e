"""`farsight db`: the database's tables, and the way from one database to another."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from app.db.copying import copy_everything
from app.db.migration import create_engine, open_sessions
from app.errors import SettingsError
from app.progress import counted
from app.settings import DatabaseSettings, Settings

cli = typer.Typer(help="The database that the settings name.", no_args_is_help=True)


@cli.command()
def upgrade() -> None:
    """Bring the tables up to this version, as the first start of a service does by itself."""
    asyncio.run(_upgrade(Settings.read().database))
    typer.echo("The database is that of this version.")


@cli.command()
def copy(
    source: Annotated[
        Path,
        typer.Option(
            "--from", help="The SQLite file to copy. Stop its service first.", dir_okay=False
        ),
    ],
) -> None:
    """Copy everything from a SQLite file to the database that the settings name.

    Every row is read again and compared. A copy that was interrupted goes on when it is run again.
    """
    rows = asyncio.run(_copy(source, Settings.read().database))
    typer.echo(f"Copied {rows:,} rows; all are the same.")


@cli.command()
def backup(
    target: Annotated[
        Path, typer.Argument(help="A new file. `farsight db copy --from` restores it.")
    ],
) -> None:
    """Copy everything, as it is at this moment, into a SQLite file; the service may be running.

    Every row is read again and compared. Only its owner can read the file.
    """
    if target.exists():
        raise SettingsError("There is such a file already; a backup needs a new one.", target)
    os.umask(0o077)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    rows = asyncio.run(_back_up(Settings.read().database, part))
    if not part.exists():
        raise SettingsError("Nothing is stored yet.")
    part.replace(target)
    typer.echo(f"Copied {rows:,} rows; all are the same.")


async def _upgrade(settings: DatabaseSettings) -> None:
    async with open_sessions(settings):
        pass


async def _copy(source: Path, settings: DatabaseSettings) -> int:
    given = settings.model_copy(update={"url": f"sqlite+aiosqlite:///{source}"})
    engine = create_engine(given)
    exists = await engine.exists()
    await engine.close([])
    if not exists:
        raise SettingsError("There is no such file to copy from.", source)
    return await _copy_between(given, settings)


async def _back_up(settings: DatabaseSettings, file: Path) -> int:
    target = settings.model_copy(update={"url": f"sqlite+aiosqlite:///{file}"})
    return await _copy_between(settings, target)


async def _copy_between(source: DatabaseSettings, target: DatabaseSettings) -> int:
    with counted("Rows") as advance:
        async with open_sessions(source) as read, open_sessions(target) as written:
            return await copy_everything(read, written, advance)
