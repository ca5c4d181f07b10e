"""The command `farsight-trainer`; the service is installed without what it needs."""

import sys
from importlib.metadata import version


def main() -> None:
    """Runs `python -m trainer`, or says what is missing."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"farsight-trainer {version('farsight')}\n")
        return
    try:
        from trainer.__main__ import main as run  # noqa: PLC0415 - it may lack its libraries
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in {"app", "trainer"}:
            raise
        sys.exit(f"farsight-trainer needs {error.name}: pip install 'farsight[train]'")
    run()
