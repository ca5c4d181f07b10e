"""`farsight serve`: the HTTP service."""

import asyncio
import gc
import logging
import resource
import sys
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.api.connection import RESERVED_FILES, Connections
from app.commands.stopping import Stopping
from app.errors import SettingsError
from app.main import create_app
from app.observability import configure_logging
from app.recognition.memory import keep_little_freed_memory
from app.settings import Settings

_SWITCH_INTERVAL_S = 0.0005
_BACKLOG = 64
_log = logging.getLogger(__name__)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
) -> None:
    """Serve the HTTP API. All other settings come from FARSIGHT_* variables or a .env file."""
    settings = Settings.read()
    configure_logging(settings.log_level, settings.logs)
    keep_little_freed_memory()
    # Readers call the networks many times per photo, and after each call a thread waits for the
    # interpreter, 5 ms by default: a tenth of the throughput (docs/decisions/0014).
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    stopping = Stopping(settings.shutdown_grace_s)
    stopping.listen()
    app = create_app(settings)
    # uvicorn's choice, as for its parser: uvloop where it is installed.
    loop_factory = uvicorn.Config(app, log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        connections = _connections(settings.limits.max_connections)
        runner.run(_serve(app, settings, host, port, connections, stopping))


def _connections(wanted: int) -> Connections:
    """As many as wanted, or as the system lets this process have files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = max(soft, min(hard, wanted + RESERVED_FILES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    most = min(wanted, files - RESERVED_FILES)
    if most < 1:
        raise SettingsError(f"{files} files may be open; at least {RESERVED_FILES + 1} are needed.")
    if most < wanted:
        _log.warning("%d connections at most: no more files may be open", most)
    return Connections(most)


async def _serve(
    app: FastAPI,
    settings: Settings,
    host: str,
    port: int,
    connections: Connections,
    stopping: Stopping,
) -> None:
    # Started here and not by uvicorn, which would turn what forbids a start into a stack trace.
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = dict(state or {})
            await app(scope, receive, send)

        # What is there now stays: the collector would go through it every few seconds, a tenth of a
        # second in which nobody is answered.
        gc.collect()
        gc.freeze()
        config = uvicorn.Config(
            with_state,
            host=host,
            port=port,
            lifespan="off",
            root_path=settings.root_path,
            forwarded_allow_ips=list(settings.trusted_proxies),
            # All that wait are accepted at once, with what they have sent, and answered before
            # anybody else is: of those who hang up at once there would be thousands.
            backlog=_BACKLOG,
            # One message at a time is taken from the socket: frames wait at the client.
            ws="websockets-sansio",
            ws_max_size=settings.limits.max_photo_bytes,
            ws_per_message_deflate=False,  # frames are compressed already
            http=connections,  # type: ignore[arg-type]  # called as a class would be
            # Its own access log would show addresses, and they name users.
            access_log=False,
            log_config=None,
            server_header=False,
        )
        await stopping.server(with_state, config).serve()
    stopping.closed()
