"""`python -m trainer COMMAND`: from folders of photos to the weights that the service runs on.

The way is prepare, dsr, finetune, publish; evaluate and compare look at what came out. Training
over several processes: `torchrun --nproc-per-node 2 -m trainer finetune ...`. On a GPU that is lent
for minutes: pack, bench, finetune-packed in place of finetune.
"""

import sys

import typer

from app.errors import FarsightError
from trainer.commands import dsr, finetune
from trainer.compare import compare
from trainer.errors import StoppedError
from trainer.evaluate import evaluate
from trainer.gpu_commands import bench, finetune_packed, pack
from trainer.prepare import prepare
from trainer.publish import publish

_EXIT_REFUSED = 2
# What a shell reports for a program that Ctrl-C ended.
_EXIT_STOPPED = 130

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
for command in (prepare, dsr, finetune, pack, finetune_packed, bench, evaluate, publish, compare):
    app.command()(command)


def main() -> None:
    """Runs a command; what Farsight refuses becomes one sentence and exit code 2."""
    try:
        app()
    except FarsightError as error:
        typer.echo(f"{error.title}: {error.detail}", err=True)
        sys.exit(_EXIT_STOPPED if isinstance(error, StoppedError) else _EXIT_REFUSED)


if __name__ == "__main__":
    main()
