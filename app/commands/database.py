"""`farsight db`: the database's tables, what is in it, and ways from one database to another."""

import asyncio
import json
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from app.commands.check import check
from app.commands.place import AsJson
from app.db.copying import copy_everything, empty
from app.db.migration import create_engine, open_sessions
from app.db.repositories import pointer
from app.errors import SettingsError
from app.progress import counted
from app.setting_groups import DatabaseSettings
from app.settings import Settings

cli = typer.Typer(help="The database that the settings name.", no_args_is_help=True)
cli.command()(check)


@cli.command()
def upgrade(as_json: AsJson = False) -> None:
    """Bring the tables up to this version, as the first start of a service does by itself.

    With FARSIGHT_SEARCH=pgvector the index for search is made as well, where it is missing.
    """
    asyncio.run(_upgrade(Settings.read()))
    _tell("The database is that of this version.", {"upgraded": True}, as_json=as_json)


@cli.command()
def copy(
    source: Annotated[
        Path,
        typer.Option(
            "--from", help="The SQLite file to copy. Stop its service first.", dir_okay=False
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Copy everything from a SQLite file to the database that the settings name.

    The file stays as it is, and has to be of this version. Every row is read again and compared. A
    copy that was interrupted goes on when it is run again.
    """
    rows = asyncio.run(_copy(source, Settings.read().database))
    _tell_copied(rows, as_json=as_json)


@cli.command()
def backup(
    target: Annotated[Path, typer.Argument(help="A new file. `farsight db restore` restores it.")],
    as_json: AsJson = False,
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
    _tell_copied(rows, as_json=as_json)


@cli.command()
def restore(
    source: Annotated[
        Path, typer.Argument(help="A backup, or another SQLite file.", exists=True, dir_okay=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Put a backup into the place of a service in which nobody is registered.

    Keys, audit log and choice of weights are the backup's afterwards. Every row is read again and
    compared. The backup stays as it is, and a restore that was interrupted goes on when it is run
    again. Stop the service first.
    """
    with tempfile.TemporaryDirectory(prefix="farsight-") as folder:
        # The tables of the copy, not of the backup, become those of this version.
        duplicate = Path(folder) / "backup.db"
        _duplicate(source, duplicate)
        rows = asyncio.run(_restore(duplicate, Settings.read().database))
    _tell_copied(rows, as_json=as_json)


def _tell_copied(rows: int, *, as_json: bool) -> None:
    _tell(f"Copied {rows:,} rows; all are the same.", {"rows": rows}, as_json=as_json)


def _tell(sentence: str, document: dict[str, object], *, as_json: bool) -> None:
    typer.echo(json.dumps(document) if as_json else sentence)


async def _upgrade(settings: Settings) -> None:
    async with open_sessions(settings.database) as sessions:
        if settings.search == "pgvector":
            async with sessions.read() as session:
                active = await pointer.active_bundle(session)
            if active is not None:
                await sessions.index_templates(active.space_id)


async def _copy(source: Path, settings: DatabaseSettings) -> int:
    given = _file(source, settings)
    engine = create_engine(given)
    exists = await engine.exists()
    await engine.close([])
    if not exists:
        raise SettingsError("There is no such file to copy from.", source)
    with counted("Rows") as advance:
        async with open_sessions(given, upgrades=False) as read, open_sessions(settings) as written:
            return await copy_everything(read, written, advance)


async def _back_up(settings: DatabaseSettings, file: Path) -> int:
    with counted("Rows") as advance:
        async with (
            open_sessions(settings) as read,
            open_sessions(_file(file, settings)) as written,
        ):
            return await copy_everything(read, written, advance)


async def _restore(duplicate: Path, settings: DatabaseSettings) -> int:
    with counted("Rows") as advance:
        async with (
            open_sessions(_file(duplicate, settings)) as read,
            open_sessions(settings) as written,
        ):
            await written.write(empty)
            return await copy_everything(read, written, advance)


def _file(path: Path, settings: DatabaseSettings) -> DatabaseSettings:
    return settings.model_copy(update={"url": f"sqlite+aiosqlite:///{path}"})


def _duplicate(source: Path, target: Path) -> None:
    """Copies a SQLite file as it is at this moment.

    Raises:
        SettingsError: It is none, or damaged.
    """
    target.touch(mode=0o600)
    uri = f"{source.absolute().as_uri()}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(uri, uri=True)) as backup,
            closing(sqlite3.connect(target)) as copied,
        ):
            backup.backup(copied)
            tables = copied.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'")
            is_ours = tables.fetchone() is not None
    except sqlite3.Error as error:
        raise SettingsError("The backup is damaged, or not one of Farsight's.", source) from error
    if not is_ours:
        raise SettingsError("The file is not a backup of Farsight's.", source)
