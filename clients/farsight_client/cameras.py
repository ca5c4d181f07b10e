"""The socket of `/v1/watch`: frames of a camera out, events in."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection as BlockingConnection
from websockets.sync.client import connect as connect_blocking

from farsight_client.answers import Answer
from farsight_client.error import ApiError, refused
from farsight_client.face_answers import Visit

Corners = Sequence[tuple[float, float]]


class CameraEvent(Visit, frozen=True, tag_field="type", tag="event", kw_only=True):
    """One thing to tell about somebody who passes a camera: the visit so far.

    Attributes:
        event: `appeared`, `recognised` or `unknown`, and `left`.
    """

    event: str


class FrameSeen(Answer, frozen=True, tag_field="type", tag="seen"):
    """A frame was looked at.

    Attributes:
        frame: Its number; the first one sent is 1.
        dropped: How many, ever, were not: newer ones had come meanwhile. Send fewer.
    """

    frame: int
    dropped: int


class FrameRefused(Answer, frozen=True, tag_field="type", tag="error"):
    """A frame was not looked at; `frame` is None if it is about something else."""

    frame: int | None
    code: str
    detail: str


class _Ready(Answer, frozen=True, tag_field="type", tag="ready"):
    bundle: str
    space: str


CameraNews = CameraEvent | FrameSeen | FrameRefused
_DECODER = msgspec.json.Decoder(CameraEvent | FrameSeen | FrameRefused | _Ready)


class CameraSocket:
    """An open socket; iterate over it for news. `watch` opens it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, frame: bytes, at_s: float | None = None) -> None:
        """Sends a frame.

        Args:
            frame: A JPEG or another image file.
            at_s: Its time, not before that of the frame before; by default when it arrives.

        Raises:
            ApiError: The socket is closed.
        """
        await self._put({"at_s": at_s} if at_s is not None else None, frame)

    async def stay(self, at_s: float) -> None:
        """In place of a frame in which nothing has moved; otherwise as `send`."""
        await self._put({"at_s": at_s, "instead": "still"}, None)

    async def end(self, at_s: float) -> None:
        """In place of a frame: everybody has left, and is told so."""
        await self._put({"at_s": at_s, "instead": "end"}, None)

    async def __aiter__(self) -> AsyncIterator[CameraNews]:
        """News, until the socket is closed."""
        async for message in self._socket:
            news = _DECODER.decode(message)
            if not isinstance(news, _Ready):
                yield news

    async def _put(self, note: dict[str, object] | None, frame: bytes | None) -> None:
        try:
            if note is not None:
                await self._socket.send(json.dumps(note))
            if frame is not None:
                await self._socket.send(frame)
        except ConnectionClosed as error:
            raise ApiError(None, "closed", "The socket is closed", str(error)) from error


@asynccontextmanager
async def open_socket(
    url: httpx.URL, headers: dict[str, str], options: dict[str, object]
) -> AsyncIterator[CameraSocket]:
    """Opens a socket and sends what is asked.

    Raises:
        ApiError: The service refuses, or does not answer.
    """
    try:
        socket = await connect(_place(url), additional_headers=headers, compression=None)
    except InvalidStatus as error:
        raise _refusal(url, error) from error
    except (OSError, InvalidHandshake) as error:
        raise ApiError(None, "unreachable", "The service does not answer", str(error)) from error
    async with socket:
        await socket.send(json.dumps(options))
        yield CameraSocket(socket)


class BlockingCameraSocket:
    """The same for Client: `send` and the others wait, and news are iterated over in a thread."""

    def __init__(self, socket: BlockingConnection) -> None:
        self._socket = socket

    def send(self, frame: bytes, at_s: float | None = None) -> None:
        """See CameraSocket.send."""
        self._put({"at_s": at_s} if at_s is not None else None, frame)

    def stay(self, at_s: float) -> None:
        """See CameraSocket.stay."""
        self._put({"at_s": at_s, "instead": "still"}, None)

    def end(self, at_s: float) -> None:
        """See CameraSocket.end."""
        self._put({"at_s": at_s, "instead": "end"}, None)

    def __iter__(self) -> Iterator[CameraNews]:
        """News, until the socket is closed."""
        for message in self._socket:
            news = _DECODER.decode(message)
            if not isinstance(news, _Ready):
                yield news

    def _put(self, note: dict[str, object] | None, frame: bytes | None) -> None:
        try:
            if note is not None:
                self._socket.send(json.dumps(note))
            if frame is not None:
                self._socket.send(frame)
        except ConnectionClosed as error:
            raise ApiError(None, "closed", "The socket is closed", str(error)) from error


@contextmanager
def open_blocking_socket(
    url: httpx.URL, headers: dict[str, str], options: dict[str, object]
) -> Iterator[BlockingCameraSocket]:
    """See open_socket.

    Raises:
        ApiError: The service refuses, or does not answer.
    """
    try:
        socket = connect_blocking(_place(url), additional_headers=headers, compression=None)
    except InvalidStatus as error:
        raise _refusal(url, error) from error
    except (OSError, InvalidHandshake) as error:
        raise ApiError(None, "unreachable", "The service does not answer", str(error)) from error
    with socket:
        socket.send(json.dumps(options))
        yield BlockingCameraSocket(socket)


def asked(
    threshold: float | None,
    min_face_px: float | None,
    groups: Sequence[str],
    zones: Sequence[Corners],
    gone_after_s: float,
) -> dict[str, object]:
    """The first message."""
    return {
        "threshold": threshold,
        "min_face_px": min_face_px,
        "groups": list(groups),
        "zones": [list(corners) for corners in zones],
        "gone_after_s": gone_after_s,
    }


def _place(url: httpx.URL) -> str:
    scheme = "wss" if url.scheme == "https" else "ws"
    return str(url.copy_with(scheme=scheme, path=f"{url.path.rstrip('/')}/v1/watch"))


def _refusal(url: httpx.URL, error: InvalidStatus) -> ApiError:
    answer = error.response
    return refused(
        httpx.Response(
            answer.status_code,
            headers=list(answer.headers.raw_items()),
            content=bytes(answer.body or b""),
            request=httpx.Request("GET", url),
        )
    )
