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
from app.setting_groups import LimitSettings
from app.turns import leaves_enough

_SMALL_BYTES = 64_000
_FIRST_S = 10.0
_RETRY_AFTER_S = 1


class Bodies:
    """All bodies that are being read, or in memory until their request is answered.

    Args:
        limits: See LimitSettings.

    Attributes:
        in_flight: How many there are.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self.limits = limits
        self.in_flight = 0
        self._held_bytes: Counter[str] = Counter()

    @property
    def held_bytes(self) -> int:
        """Room reserved for all of them."""
        return self._held_bytes.total()

    @contextmanager
    def admit(
        self, party: str, headers: Headers, receive: Receive, *, large_types: tuple[str, ...]
    ) -> Iterator["Body"]:
        """Reserves room for a request's body: the announced size, or else as it arrives.

        Args:
            party: Whose it is.
            headers: Of the request.
            receive: The server's.
            large_types: Prefixes of the media types of photos and files that the route takes.

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
            self.in_flight -= body.held_bytes > 0
            self._held_bytes += Counter()  # drops parties that hold nothing

    def hold(self, party: str, n_bytes: int) -> None:
        """Reserves more for a party.

        Raises:
            OverloadedError: It would not leave as much to others.
        """
        own, total = self._held_bytes[party] + n_bytes, self._held_bytes.total() + n_bytes
        if not leaves_enough(own, total, self.limits.max_bodies_bytes):
            raise OverloadedError(
                "Other uploads fill the memory set aside for uploads.",
                retry_after_s=_RETRY_AFTER_S,
            )
        self._held_bytes[party] = own


class Body:
    """One request's body; see `Bodies.admit`.

    Attributes:
        held_bytes: Room reserved for it.
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
        """Reserves room for this many more bytes.

        Raises:
            BodyTooLargeError: More than it may have.
            OverloadedError: See Bodies.hold.
        """
        if self.held_bytes + n_bytes > self._max_bytes:
            raise BodyTooLargeError(f"At most {self._max_bytes:,} bytes are accepted.")
        self._bodies.hold(self._party, n_bytes)
        self._bodies.in_flight += self.held_bytes == 0 < n_bytes
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
                f"It must arrive within {limits.body_deadline_s:g} s, at "
                f"{limits.min_body_bytes_per_s:,} bytes a second or faster."
            ) from None
        if message["type"] == "http.disconnect":
            raise CallerGoneError("The caller hung up while sending.")
        return message


def media_type_of(headers: Headers) -> str:
    """The body's declared media type without parameters; empty if none is declared."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def _look_who_has_gone() -> None:
    """Waits until the event loop has noticed a hang-up that follows a request.

    It shows at the next poll of the sockets, and is reported one turn later.
    """
    for _ in range(2):
        await asyncio.sleep(0)
