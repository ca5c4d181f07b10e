"""The command line: `python -m app COMMAND`.

Exit codes: 0 done, 1 refused or failed with a sentence, 2 wrong usage.
"""

import sys

import typer
from rich.console import Console

from app.commands import (
    bundles,
    calibrate,
    check,
    evaluate,
    gallery,
    identify,
    keys,
    openapi,
    register,
    serve,
)
from app.errors import FarsightError

cli = typer.Typer(
    name="farsight", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)
cli.command()(serve.serve)
cli.command()(register.register)
cli.command()(identify.identify)
cli.command()(openapi.openapi)
cli.command()(evaluate.evaluate)
cli.command()(calibrate.calibrate)
cli.command()(check.check)
cli.add_typer(keys.cli, name="keys")
cli.add_typer(bundles.cli, name="bundles")
cli.add_typer(gallery.cli, name="gallery")


def main() -> None:
    """Runs a command; what Farsight refuses is a sentence, not a stack trace."""
    try:
        cli()
    except FarsightError as error:
        Console(stderr=True).print(f"{error.title}. {error.detail}", style="red", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
