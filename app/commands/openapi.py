"""`farsight openapi`: the API's description, for generators of clients and for docs/."""

import json

import typer

from app.main import create_app
from app.settings import Settings


def openapi() -> None:
    """Print the OpenAPI document; nothing is started."""
    typer.echo(json.dumps(create_app(Settings.read()).openapi(), indent=2, ensure_ascii=False))
