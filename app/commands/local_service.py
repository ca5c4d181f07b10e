"""The API without HTTP: the application answers the client in this process.

So a command does one thing, whether it works here or on a service elsewhere: it calls the client.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from app.api.deps import LOCAL_CALLER, Admission
from app.graph import Graph, Rows
from app.main import create_app
from app.services.keys import COMMAND_LINE, Caller, Scope
from app.settings import Settings
from farsight_client import AsyncClient

# Somebody at the terminal shares memory and time with nobody: what they want is what they get.
_ANY_BYTES = 2**62
_BYTES = {"max_body_bytes": _ANY_BYTES // 2, "max_bodies_bytes": _ANY_BYTES}
_RATES = {"requests_per_minute": None, "photos_per_minute": None}
# Names a request that may come again; this one does not, and there is no key to note it under.
_IDEMPOTENCY_KEY = b"idempotency-key"


@asynccontextmanager
async def local_client(
    rows: Rows, settings: Settings, *, is_shared: bool = True
) -> AsyncIterator[AsyncClient]:
    """A client of the application on what is open here; it may do everything.

    Args:
        rows: A Graph for what needs networks.
        settings: Those that it was opened with.
        is_shared: Whether other processes may change the rows meanwhile.
    """
    limits = settings.limits.model_copy(update=_BYTES | _RATES)
    app = create_app(settings.model_copy(update={"limits": limits}))
    admission = Admission.within(limits)
    caller = Caller(COMMAND_LINE, frozenset(Scope))

    async def answer(scope: AsgiScope, receive: Receive, send: Send) -> None:
        if is_shared and isinstance(rows, Graph):
            # Who was registered or erased elsewhere since the last request is, or is not.
            await rows.following.catch_up()
        scope["state"] = {"graph": rows, "admission": admission, LOCAL_CALLER: caller}
        scope["headers"] = [each for each in scope["headers"] if each[0] != _IDEMPOTENCY_KEY]
        # In a task of its own, as under a server: requests put things into their context.
        await asyncio.create_task(app(scope, receive, send))

    transport = httpx.ASGITransport(answer)
    async with AsyncClient("http://farsight", transport=transport, patience_s=0) as client:
        yield client
