"""The command line: `farsight COMMAND`, or `python -m app COMMAND` in a checkout.

Exit codes: 0 done, 1 refused or failed with a sentence, 2 wrong usage.
"""

import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from app.commands import (
    audit,
    bundles,
    calibrate,
    check,
    crops,
    database,
    evaluate,
    faces,
    gallery,
    identify,
    jobs,
    keys,
    openapi,
    photos,
    register,
    serve,
    users,
    verify,
    watch,
)
from app.errors import FarsightError
from farsight_client import ApiError

cli = typer.Typer(
    name="farsight", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)
cli.command()(serve.serve)
cli.command()(register.register)
cli.command()(identify.identify)
cli.command()(verify.verify)
cli.command()(watch.watch)
cli.command()(faces.faces)
cli.add_typer(users.cli, name="users")
cli.add_typer(photos.cli, name="photos")
cli.add_typer(crops.cli, name="crops")
cli.add_typer(gallery.cli, name="gallery")
cli.add_typer(keys.cli, name="keys")
cli.command()(audit.audit)
cli.add_typer(bundles.cli, name="bundles")
cli.add_typer(jobs.cli, name="jobs")
cli.command()(evaluate.evaluate)
cli.command()(calibrate.calibrate)
cli.command(help="The same as `farsight db check`.")(check.check)
cli.add_typer(database.cli, name="db")
cli.command()(openapi.openapi)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"farsight {version('farsight')}")
        raise typer.Exit


@cli.callback()
def farsight(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Recognise people from photos whose faces may be 16 to 32 pixels wide."""


def main() -> None:
    """Runs a command; an error of Farsight's is printed as a sentence, not a stack trace."""
    try:
        cli()
    except FarsightError as error:
        told = f"{error.title}. {error.detail}"
        if error.paths:
            told += f" Looked in: {', '.join(str(path.absolute()) for path in error.paths)}"
        _fail(told)
    except ApiError as error:
        _fail(f"{error.title}. {error.detail}")


def _fail(told: str) -> NoReturn:
    Console(stderr=True).print(told, style="red", markup=False, soft_wrap=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
