"""`python -m trainer COMMAND`: from folders of photos to the weights that the service runs on."""

import sys

import typer

from app.errors import FarsightError
from trainer.evaluate import evaluate

_EXIT_REFUSED = 2

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.command()(evaluate)


@app.callback()
def _trainer() -> None:
    """Keeps the command's name necessary while there is only one."""


def main() -> None:
    """Runs a command; what Farsight refuses becomes one sentence and exit code 2."""
    try:
        app()
    except FarsightError as error:
        typer.echo(f"{error.title}: {error.detail}", err=True)
        sys.exit(_EXIT_REFUSED)


if __name__ == "__main__":
    main()
