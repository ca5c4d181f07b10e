"""`python -m app serve`: the HTTP service."""

import asyncio
from typing import Annotated

import typer
import uvicorn

from app.main import create_app
from app.observability import configure_logging
from app.settings import Settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
) -> None:
    """Serve the HTTP API. All other settings come from FARSIGHT_* variables."""
    settings = Settings.read()
    configure_logging(settings.log_level)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        # Its own access log would show addresses, and they name users.
        access_log=False,
        log_config=None,
        server_header=False,
    )
    asyncio.run(uvicorn.Server(config).serve())
