"""`WS /v1/watch`: frames of one camera in, events out; docs/cameras.md has the protocol."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import HTTPConnection
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.api.deps import address_of, admission_of
from app.api.problems import STATUSES, headers_of, problem_response
from app.api.schemas import GroupName, Threshold
from app.api.track_schemas import EventSchema
from app.errors import (
    FarsightError,
    InvalidRequestError,
    OverloadedError,
    UnauthenticatedError,
)
from app.gallery.user_fields import MAX_GROUPS
from app.graph import Graph
from app.observability import new_request_id, request_id
from app.services.keys import Caller, Scope
from app.services.watching import Watch, WatchWishes
from app.tracking.events import Event
from app.turns import Requester, requester
from app.vision.detection import LARGEST_MIN_FACE_PX, SMALLEST_MIN_FACE_PX
from app.wording import told

PROTOCOL = "farsight"
"""Browsers cannot send headers: they offer this and the key as subprotocols."""

# Of one key at once, in each process of the service; each may hold two frames in memory.
_MOST_WATCHES = 16
_HELLO_WITHIN_S = 10.0
# How long a client may leave what it was sent unread.
_UNREAD_S = 30.0
_POLICY, _TOO_SLOW = 1008, 1013
_open: dict[str, int] = {}

_Share = Annotated[float, Field(ge=0, le=1)]
_Corners = Annotated[tuple[tuple[_Share, _Share], ...], Field(min_length=3, max_length=100)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WatchOptions(_Message):
    """The first message: what is asked."""

    threshold: Threshold | None = None
    min_face_px: Annotated[float | None, Field(ge=SMALLEST_MIN_FACE_PX, le=LARGEST_MIN_FACE_PX)] = (
        None
    )
    groups: Annotated[list[GroupName], Field(max_length=MAX_GROUPS)] = []
    zones: Annotated[tuple[_Corners, ...], Field(max_length=20)] = ()
    gone_after_s: Annotated[float, Field(ge=0.5, le=600)] = 3.0


class _Note(_Message):
    """Before a frame: its time. In place of one: nothing has moved, or everybody has left."""

    at_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    instead: Literal["still", "end"] | None = None


_NOTE = TypeAdapter(_Note)


def route() -> WebSocketRoute:
    """Starlette's own: FastAPI would ask dependencies that are made for HTTP."""
    return WebSocketRoute("/v1/watch", _answer, name="watch")


async def _answer(socket: WebSocket) -> None:
    request_id.set(new_request_id())
    try:
        caller, protocol = await _admit(socket)
    except FarsightError as error:
        status = STATUSES.get(type(error), 500)
        await socket.send_denial_response(
            problem_response(
                status, error.code, error.title, error.detail, error.facts, headers_of(error)
            )
        )
        return
    _open[caller.key_id] = _open.get(caller.key_id, 0) + 1
    try:
        # The caller has gone; to starlette, sending to them afterwards is a RuntimeError.
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.accept(protocol)
            await _Session(socket, caller).run()
    finally:
        _open[caller.key_id] -= 1
        if not _open[caller.key_id]:
            del _open[caller.key_id]


async def _admit(socket: WebSocket) -> tuple[Caller, str | None]:
    """Who calls, before anything else is read, and the subprotocol to agree to."""
    key, protocol = _key_of(socket)
    graph = socket.state.graph
    assert isinstance(graph, Graph)
    key_id = await graph.keys.recognise(key, address_of(socket))
    requester.set(Requester(key_id))
    caller = await graph.keys.caller(key_id)
    caller.require(Scope.IDENTIFY)
    graph.key_diary.used(key_id)
    if _open.get(key_id, 0) >= _MOST_WATCHES:
        raise OverloadedError(
            f"This key watches {_MOST_WATCHES} cameras already.", retry_after_s=10
        )
    return caller, protocol


def _key_of(socket: HTTPConnection) -> tuple[str, str | None]:
    scheme, _, key = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip(), None
    offered: Sequence[str] = socket.scope.get("subprotocols", ())
    if len(offered) == 2 and offered[0] == PROTOCOL:  # noqa: PLR2004 - name and key
        return offered[1], PROTOCOL
    raise UnauthenticatedError(
        "Send the API key as `Authorization: Bearer KEY`; a browser as the subprotocols "
        f"`{PROTOCOL}` and the key."
    )


class _Session:
    """One socket: a reader that keeps the newest frame alone, and what looks at it."""

    def __init__(self, socket: WebSocket, caller: Caller) -> None:
        self._socket = socket
        self._caller = caller
        graph = socket.state.graph
        assert isinstance(graph, Graph)
        self._graph = graph
        self._started_s = time.monotonic()
        self._newest: tuple[int, bytes | str, float] | None = None
        self._news = asyncio.Event()
        self._frames = 0
        self._dropped = 0
        self._ended = False
        self._last_s = 0.0

    async def run(self) -> None:
        """Until either side ends."""
        try:
            async with asyncio.timeout(_HELLO_WITHIN_S):
                options = _parsed(WatchOptions, await self._socket.receive_text())
        except (TimeoutError, KeyError):
            await self._socket.close(_POLICY, "The first message must be options: {}.")
            return
        except FarsightError as error:
            await self._refuse(error, None)
            await self._socket.close(_POLICY)
            return
        watch = self._graph.watching.open(
            WatchWishes(
                threshold=options.threshold,
                min_face_px=options.min_face_px,
                groups=self._caller.within(options.groups),
                zones=options.zones,
                gone_after_s=options.gone_after_s,
            )
        )
        serving = self._graph.current.serving
        await self._send(
            {"type": "ready", "bundle": serving.manifest.name, "space": serving.space_id}
        )
        reader = asyncio.create_task(self._read())
        try:
            await self._look(watch)
        finally:
            reader.cancel()
            await watch.end()  # nobody is there to be told

    async def _read(self) -> None:
        """Takes what comes as it comes; of frames that nobody has looked at yet, the newest."""
        at_s: float | None = None
        try:
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if (frame := message.get("bytes")) is not None:
                    self._put(frame, at_s)
                    at_s = None
                    continue
                note = _parsed(_NOTE, message["text"])
                if note.instead:
                    self._put(note.instead, note.at_s)
                else:
                    at_s = note.at_s
        except FarsightError as error:
            await self._refuse(error, None)
            await self._socket.close(_POLICY)
        finally:
            self._ended = True
            self._news.set()

    def _put(self, frame: bytes | str, at_s: float | None) -> None:
        self._frames += 1
        self._dropped += self._newest is not None
        now_s = time.monotonic() - self._started_s
        self._newest = (self._frames, frame, now_s if at_s is None else at_s)
        self._news.set()

    async def _look(self, watch: Watch) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            newest, self._newest = self._newest, None
            if newest is None:
                if self._ended:
                    return
                continue
            number, frame, at_s = newest
            try:
                events = await self._see(watch, frame, max(at_s, self._last_s))
            except FarsightError as error:
                if type(error) not in STATUSES:
                    raise
                await self._refuse(error, number)
                if isinstance(error, UnauthenticatedError):
                    await self._socket.close(_POLICY)
                    return
                continue
            for event in events:
                told_event = EventSchema.of(event).model_dump(mode="json")
                await self._send({"type": "event", **told_event})
            await self._send({"type": "seen", "frame": number, "dropped": self._dropped})

    async def _see(self, watch: Watch, frame: bytes | str, at_s: float) -> list[Event]:
        self._last_s = at_s
        if isinstance(frame, str):
            return await (watch.stay(at_s) if frame == "still" else watch.end())
        # As for a request of its own: a key that was revoked sees nothing more.
        caller = await self._graph.keys.caller(self._caller.key_id)
        caller.require(Scope.IDENTIFY)
        admission = admission_of(self._socket)
        for rate in (admission.requests, admission.photos):
            if rate is not None:
                rate.spend(caller.key_id)
        return await watch.see(frame, at_s)

    async def _refuse(self, error: FarsightError, frame: int | None) -> None:
        await self._send(
            {
                "type": "error",
                "frame": frame,
                "code": error.code,
                "detail": error.detail,
                **{name: of for name, of in error.facts.items() if name == "retry_after_s"},
            }
        )

    async def _send(self, message: dict[str, Any]) -> None:
        """Sends, or closes the socket of a client that does not read."""
        try:
            async with asyncio.timeout(_UNREAD_S):
                await self._socket.send_json(message)
        except TimeoutError:
            self._ended = True
            raise WebSocketDisconnect(_TOO_SLOW) from None


def _parsed(kind: Any, text: str) -> Any:  # noqa: ANN401 - a model or an adapter
    try:
        if isinstance(kind, TypeAdapter):
            return kind.validate_json(text)
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "The message"
        raise InvalidRequestError(f"{name} {told(first)}.") from error
