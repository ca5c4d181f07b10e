"""What happens around every request: its id, its log line, and who waits for whom without a key."""

import asyncio
import logging
import re
import time

from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.deps import Admission, address_of
from app.api.problems import internal_problem
from app.metrics import Metrics
from app.observability import current_span, new_request_id, request_id
from app.services.keys import Caller
from app.traces import RequestSpan, Traces
from app.turns import Requester, Turns

_log = logging.getLogger("app.access")
# What a client may choose as an id: it goes into headers and log lines.
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# W3C Trace Context: version, trace id, span id, flags; later versions may add more.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)
# Asked every few seconds, by machines.
_NOT_TRACED = ("/livez", "/readyz", "/metrics")
_WITHOUT_KEY = (401, 429)
_FIRST_REFUSAL = 400
# 200 answers a second.
_HELD_AT_ONCE = 4
_HELD_S = 0.02
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""FastAPI's own telemetry, all of it off: it would send addresses and the texts of errors, which
name users, as soon as somebody sets FASTAPI_OTEL_AUTO_CONFIGURE."""
HELD = "farsight.held"
"""In a scope while its answer is held back: the waiting caller, who may be sent away for others."""


# Of every answer; answers are about people.
_HEADERS = {
    "Cache-Control": "no-store",  # no proxy or browser may keep them
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # addresses name users
    "X-Content-Type-Options": "nosniff",
}


class RequestContext:
    """Gives every request an id, a log line, safe headers, and an answer even when it fails.

    HEAD is answered wherever GET is.

    The line has the route's pattern instead of the address, which would name users.

    Callers without a key share 200 answers a second, turn by turn between addresses, so that they
    cost callers with a key next to nothing. Refusals to callers with a key are limited likewise,
    turn by turn between keys: a refusal is quick, and a caller who provokes nothing else would come
    again so often that the others wait.

    Args:
        app: What answers.
        metrics: Where answers are counted.
        traces: Where each request is a trace, or a part of its caller's.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics | None = None, traces: Traces | None = None
    ) -> None:
        self._app = app
        self._metrics = metrics or Metrics()
        self._traces = traces or Traces()
        self._keyless = Turns(_HELD_AT_ONCE)
        self._refusals = Turns(_HELD_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        span = None if scope["path"] in _NOT_TRACED else self._traces.begin(headers)
        span_token = current_span.set(span)
        token = request_id.set(_id_of(headers, span))
        start = time.perf_counter()
        status = 0
        of_connection = scope  # where the connection looks for who is held
        is_head = scope["method"] == "HEAD"
        if is_head:  # as GET, whose headers are the answer
            scope = {**scope, "method": "GET"}

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                caller = _caller(scope)
                if caller is None:
                    address = address_of(HTTPConnection(scope))
                    await _wait_for_turn(of_connection, self._keyless, address)
                elif message["status"] >= _FIRST_REFUSAL:
                    await _wait_for_turn(of_connection, self._refusals, caller.key_id)
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(_rate_headers(scope))
                headers["X-Request-ID"] = request_id.get()
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                await send(message)
                if is_head:  # the answer is complete, and further writing is refused
                    await send({"type": "http.response.body", "body": b""})
            elif not is_head:
                await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            _log.exception("request failed")
            if status:  # the answer has begun already; the server must break it off
                raise
            await internal_problem()(scope, receive, send_with_headers)
        finally:
            spent_s = time.perf_counter() - start
            self._note(scope, status, spent_s, span)
            request_id.reset(token)
            current_span.reset(span_token)

    def _note(self, scope: Scope, status: int, spent_s: float, span: RequestSpan | None) -> None:
        """Counts and logs an answer, and ends its trace."""
        operation = _operation(scope)
        self._metrics.answered(operation, status, spent_s)
        if span is not None:
            span.answered(operation, status)
        if status in _WITHOUT_KEY and _caller(scope) is None:
            # Anybody could fill the disk with such lines; this one comes once a minute.
            _log.warning("requests without a valid key are refused")
        else:
            route = getattr(scope.get("route"), "path", "-")
            _log.info("%s %s %d %.0f ms", scope["method"], route, status, spent_s * 1000)


def _id_of(headers: Headers, span: RequestSpan | None) -> str:
    """The caller's own id, that of the trace which the request belongs to, or a new one."""
    wanted = headers.get("x-request-id", "")
    if _SANE_ID.fullmatch(wanted):
        return wanted
    if span is not None:
        return span.trace_id
    traced = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return traced[1] if traced else new_request_id()


def _operation(scope: Scope) -> str:
    """Method and pattern as in the API's description; anybody can make up others."""
    route = scope.get("route")
    if scope["method"] not in (getattr(route, "methods", None) or ()):
        return "none"
    return f"{scope['method']} {getattr(route, 'path', '-')}"


async def _wait_for_turn(scope: Scope, turns: Turns, party: str) -> None:
    """Holds an answer back until its turn, or until nobody waits for it."""
    waiting = Requester(party)
    scope[HELD] = waiting
    try:
        async with asyncio.timeout(None) as patience:
            with waiting.may_leave(patience):
                await turns.take(party)
    except TimeoutError:  # they hung up: the server sends them nothing
        return
    finally:
        del scope[HELD]
    asyncio.get_running_loop().call_later(_HELD_S, turns.give_back, party)


def _caller(scope: Scope) -> Caller | None:
    caller: Caller | None = scope.get("state", {}).get("caller")
    return caller


def _rate_headers(scope: Scope) -> dict[str, str]:
    """What the caller has left (draft-ietf-httpapi-ratelimit-headers)."""
    caller = _caller(scope)
    if caller is None:
        return {}
    admission: Admission = scope["state"]["admission"]
    rates = {"requests": admission.requests, "photos": admission.photos}
    left = {name: rate.left(caller.key_id) for name, rate in rates.items() if rate is not None}
    if not left:
        return {}
    return {
        "RateLimit-Policy": ", ".join(f'"{name}";q={of.limit};w=60' for name, of in left.items()),
        "RateLimit": ", ".join(
            f'"{name}";r={of.remaining};t={of.reset_s}' for name, of in left.items()
        ),
    }
