"""Options that several benchmarks have."""

from pathlib import Path
from typing import Annotated, Literal

import typer

DetectorOption = Annotated[Literal["yunet", "centerface"], typer.Option(help="Finds the faces.")]
BaseOption = Annotated[Path | None, typer.Option(help="A checkout to compare with.", exists=True)]
OutOption = Annotated[Path | None, typer.Option(help="Folder for the figures.")]
