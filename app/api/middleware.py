"""What happens around every request: its id, its log line, the limit of its body."""

import logging
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import internal_problem
from app.observability import new_request_id, request_id

_log = logging.getLogger("app.access")
# What a client may choose as an id: it goes into headers and log lines.
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


# Of every answer; answers are about people.
_HEADERS = {
    "Cache-Control": "no-store",  # no proxy or browser may keep them
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # addresses name users
    "X-Content-Type-Options": "nosniff",
}


class RequestContext:
    """Gives every request an id, a log line, safe headers, and an answer even when it fails.

    The line has the route's pattern instead of the address, which would name users.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = Headers(scope=scope).get("x-request-id", "")
        token = request_id.set(wanted if _SANE_ID.fullmatch(wanted) else new_request_id())
        start = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id.get()
                headers.update(_HEADERS)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            _log.exception("request failed")
            if status:  # the answer has begun already; the server must break it off
                raise
            await internal_problem()(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            spent_ms = (time.perf_counter() - start) * 1000
            _log.info("%s %s %d %.0f ms", scope["method"], route, status, spent_ms)
            request_id.reset(token)


class BodyLimit:
    """Stops reading a body that is, or says that it is, too large."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        too_large = announced.isdecimal() and int(announced) > self._max_bytes
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = {} if too_large else await receive()
            received += len(message.get("body", b""))
            if too_large or received > self._max_bytes:
                # An HTTPException, because FastAPI takes any other one for a malformed body.
                raise HTTPException(413, f"At most {self._max_bytes:,} bytes are accepted.")
            return message

        await self._app(scope, receive_within_limit, send)
