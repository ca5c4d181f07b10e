"""What is found in a photo, for people or for programs."""

import json
from collections.abc import Iterable

import msgspec
import typer

from farsight_client import Embeddings, Faces, Identification


def tell_photo(
    photo: str,
    found: Faces | Embeddings | Identification,
    sentences: Iterable[str],
    *,
    as_json: bool,
) -> None:
    """Prints a JSON object, or a line for each sentence about the photo's faces."""
    if as_json:
        typer.echo(json.dumps({"photo": photo, **msgspec.to_builtins(found)}))
        return
    if not found.faces:
        typer.echo(f"{photo}: no face")
    for sentence in sentences:
        typer.echo(f"{photo}: {sentence}")
