"""A camera that a service elsewhere follows: frames go there, events come back."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from io import BytesIO

from PIL import Image as PillowImage

from app.services.watching import WatchWishes
from app.tracking.events import Event, EventKind, Followed, Verdict
from app.vision.image import Image, Rect
from farsight_client import (
    ApiError,
    AsyncClient,
    CameraEvent,
    CameraSocket,
    FrameRefused,
    FrameSeen,
)

_log = logging.getLogger(__name__)

_JPEG_QUALITY = 92
_ANSWERED_WITHIN_S = 60.0


class RemoteWatcher:
    """See Watcher. A socket that is lost is opened again with the next frame.

    Args:
        client: Of the service.
        wishes: What is asked.
    """

    def __init__(self, client: AsyncClient, wishes: WatchWishes) -> None:
        self._client = client
        self._wishes = wishes
        self._opened = AsyncExitStack()
        self._socket: CameraSocket | None = None
        self._last_s = 0.0

    async def see(
        self,
        frame: Image,
        at_s: float,
        moved: Sequence[Rect] | None = None,  # noqa: ARG002 - the service looks at all of it
    ) -> Sequence[Event]:
        """Sends a frame and waits until it was looked at: what is not sent cannot pile up."""
        self._last_s = at_s
        return await self._ask(await asyncio.to_thread(_jpeg, frame), at_s)

    async def stay(self, at_s: float) -> Sequence[Event]:
        """Nothing has moved."""
        self._last_s = at_s
        return await self._ask("still", at_s)

    async def end(self) -> Sequence[Event]:
        """Everybody has left."""
        try:
            return [] if self._socket is None else await self._ask("end", self._last_s)
        finally:
            await self._close()

    def followed(self) -> Sequence[Followed]:
        """None: a service tells events, not every box."""
        return []

    async def _ask(self, what: bytes | str, at_s: float) -> Sequence[Event]:
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN_S):
                socket = self._socket or await self._open()
                if isinstance(what, bytes):
                    await socket.send(what, at_s)
                else:
                    await (socket.stay(at_s) if what == "still" else socket.end(at_s))
                events = []
                async for news in socket:
                    if isinstance(news, CameraEvent):
                        events.append(_event(news))
                    elif isinstance(news, FrameRefused):
                        _log.warning("a frame was not looked at: %s", news.code)
                        return events
                    elif isinstance(news, FrameSeen):
                        return events
        except (ApiError, TimeoutError) as error:
            if isinstance(error, ApiError) and error.status is not None:
                raise  # a wrong key gets no better by trying again
        _log.warning("the service does not answer; trying again with the next frame")
        await self._close()
        return []

    async def _open(self) -> CameraSocket:
        wishes = self._wishes
        self._socket = await self._opened.enter_async_context(
            self._client.watch(
                threshold=wishes.threshold,
                min_face_px=wishes.min_face_px,
                groups=sorted(wishes.groups or ()),
                zones=wishes.zones,
                gone_after_s=wishes.gone_after_s,
            )
        )
        return self._socket

    async def _close(self) -> None:
        self._socket = None
        await self._opened.aclose()


def _jpeg(frame: Image) -> bytes:
    file = BytesIO()
    PillowImage.fromarray(frame).save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def _event(told: CameraEvent) -> Event:
    verdict = None
    if told.threshold is not None:
        verdict = Verdict(told.user_id, told.similarity, told.margin, told.threshold)
    box = (told.box.x, told.box.y, told.box.width, told.box.height)
    return Event(
        kind=EventKind(told.event),
        track=told.track,
        at_s=told.at_s,
        since_s=told.since_s,
        box=box,
        face_px=told.face_px,
        moved=told.moved,
        frames_seen=told.frames_seen,
        frames_pooled=told.frames_pooled,
        verdict=verdict,
    )
