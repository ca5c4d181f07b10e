"""From folders of photos to the weights that the service runs on.

The way is prepare, dsr, finetune, publish; evaluate and compare look at the results. Training over
several processes: torchrun --nproc-per-node 2 -m trainer finetune ... On a GPU that is lent for
minutes, use pack, bench and finetune-packed instead of finetune. --config FILE reads options from a
file. Every command has --help.
"""

import sys
from collections.abc import Callable
from typing import NoReturn

import typer
from tyro.conf import OmitArgPrefixes
from tyro.extras import subcommand_cli_from_dict

from app.errors import FarsightError
from trainer.commands import dsr, finetune
from trainer.compare import compare
from trainer.errors import StoppedError
from trainer.evaluate import evaluate
from trainer.gpu_commands import bench, finetune_packed, pack
from trainer.options import with_config_file
from trainer.prepare import prepare
from trainer.publish import publish

_EXIT_REFUSED = 2
# What a shell reports for a program that Ctrl-C ended.
_EXIT_STOPPED = 130

_COMMANDS: dict[str, Callable[..., None]] = {
    "prepare": prepare,
    "dsr": dsr,
    "finetune": finetune,
    "pack": pack,
    "finetune-packed": finetune_packed,
    "bench": bench,
    "evaluate": evaluate,
    "publish": publish,
    "compare": compare,
}


def main() -> NoReturn:
    """Runs a command; an error of Farsight's becomes one sentence and exit code 2."""
    try:
        subcommand_cli_from_dict(
            _COMMANDS,
            prog="python -m trainer",
            description=__doc__,
            args=with_config_file(sys.argv[1:]),
            config=(OmitArgPrefixes,),
        )
    except FarsightError as error:
        typer.echo(f"{error.title}: {error.detail}", err=True)
        sys.exit(_EXIT_STOPPED if isinstance(error, StoppedError) else _EXIT_REFUSED)
    sys.exit(0)


if __name__ == "__main__":
    main()
