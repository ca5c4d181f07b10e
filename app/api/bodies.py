"""Bodies of requests: how large, how fast, and how many at once."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from app.errors import (
    BodyTooLargeError,
    BodyTooSlowError,
    CallerGoneError,
    FarsightError,
    OverloadedError,
)
from app.settings import LimitSettings
from app.turns import leaves_enough

_SMALL_BYTES = 64_000
_FIRST_S = 10.0
_RETRY_AFTER_S = 1


class Bodies:
    """All bodies that are being read, or in memory until their request is answered.

    Args:
        limits: See LimitSettings.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self.limits = limits
        self._held_bytes: Counter[str] = Counter()

    @contextmanager
    def admit(
        self, party: str, headers: Headers, receive: Receive, *, large_types: tuple[str, ...]
    ) -> Iterator["Body"]:
        """Holds room for a request's body inside: for what is announced, or else as it comes.

        Args:
            party: Whose it is.
            headers: Of the request.
            receive: The server's.
            large_types: Beginnings of the media types of photos and files that the address takes.

        Raises:
            BodyTooLargeError: As announced.
            OverloadedError: There is no room for it now.
        """
        is_large = media_type_of(headers).startswith(large_types)
        body = Body(self, party, receive, self.limits.max_body_bytes if is_large else _SMALL_BYTES)
        announced = headers.get("content-length", "")
        try:
            if announced.isdecimal():
                body.hold(int(announced))
            yield body
        finally:
            self._held_bytes[party] -= body.held_bytes
            self._held_bytes += Counter()  # forgets those who hold nothing

    def hold(self, party: str, n_bytes: int) -> None:
        """Adds to what a party has.

        Raises:
            OverloadedError: It would not leave as much to others.
        """
        own, total = self._held_bytes[party] + n_bytes, self._held_bytes.total() + n_bytes
        if not leaves_enough(own, total, self.limits.max_bodies_bytes):
            raise OverloadedError(
                "Other uploads fill the memory that there is for them.",
                retry_after_s=_RETRY_AFTER_S,
            )
        self._held_bytes[party] = own


class Body:
    """One request's body; see `Bodies.admit`.

    Attributes:
        held_bytes: Room that it has.
    """

    def __init__(self, bodies: Bodies, party: str, receive: Receive, max_bytes: int) -> None:
        self.held_bytes = 0
        self._bodies = bodies
        self._party = party
        self._receive = receive
        self._max_bytes = max_bytes
        self._began_s = time.monotonic()
        self._received_bytes = 0
        self._is_whole = asyncio.Event()

    async def receive(self) -> Message:
        """The next piece, as ASGI has it.

        Raises:
            HTTPException: Caused by BodyTooLargeError, OverloadedError, BodyTooSlowError or
                CallerGoneError: FastAPI takes any other exception for a malformed body.
        """
        try:
            if not self._received_bytes:
                await _look_who_has_gone()
            message = await self._next_piece()
            self._received_bytes += len(message.get("body", b""))
            if self._received_bytes > self.held_bytes:
                self.hold(self._received_bytes - self.held_bytes)
        except FarsightError as error:
            raise HTTPException(400) from error
        if not message.get("more_body", False):
            self._is_whole.set()
        return message

    async def caller_leaves(self) -> None:
        """Returns when the caller hangs up, after the body or in place of it."""
        await self._is_whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def hold(self, n_bytes: int) -> None:
        """Gets room for so many bytes more.

        Raises:
            BodyTooLargeError: More than it may have.
            OverloadedError: See Bodies.hold.
        """
        if self.held_bytes + n_bytes > self._max_bytes:
            raise BodyTooLargeError(f"At most {self._max_bytes:,} bytes are accepted.")
        self._bodies.hold(self._party, n_bytes)
        self.held_bytes += n_bytes

    async def _next_piece(self) -> Message:
        limits = self._bodies.limits
        patience_s = _FIRST_S + self._received_bytes / limits.min_body_bytes_per_s
        due_s = self._began_s + min(patience_s, limits.body_deadline_s)
        try:
            async with asyncio.timeout(due_s - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlowError(
                f"It must be here within {limits.body_deadline_s:g} s, and come at "
                f"{limits.min_body_bytes_per_s:,} bytes a second or faster."
            ) from None
        if message["type"] == "http.disconnect":
            raise CallerGoneError("The caller hung up while sending.")
        return message


def media_type_of(headers: Headers) -> str:
    """What the body is said to be, without parameters; empty where nothing is said."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def _look_who_has_gone() -> None:
    """Until the event loop has seen the end of a connection that is behind a request.

    It comes one look at the sockets after the request, and another turn tells of it.
    """
    for _ in range(2):
        await asyncio.sleep(0)
