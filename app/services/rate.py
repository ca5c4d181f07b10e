"""Limits per minute, kept in memory."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.errors import RateLimitedError

_WINDOW_S = 60
# About 10 MB. A party that is dropped starts with a full minute again.
_MOST_PARTIES = 50_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a party has left.

    Attributes:
        limit: In a minute.
        remaining: At once, now.
        reset_s: Seconds until all of it is available again.
    """

    limit: int
    remaining: int
    reset_s: int


class Rate:
    """A limit per minute for each party: at once or spread; what is used grows back steadily.

    This is the generic cell rate algorithm (ITU-T I.371): all that is kept of a party is the time
    at which everything will have grown back.

    Each process keeps its own, so each grants its share (docs/decisions/0032-replicas.md). A party
    that has all of its share left may exceed it once, up to the limit, and pays it back in time.

    Args:
        per_minute: The limit.
        what: For the message: "requests".
        processes: Among how many processes it is shared now.
    """

    def __init__(
        self, per_minute: int, what: str, processes: Callable[[], int] = lambda: 1
    ) -> None:
        self._per_minute = per_minute
        self._what = what
        self._processes = processes
        self._whole_at_s: dict[str, float] = {}

    def spend(self, party: str, amount: int = 1) -> None:
        """Takes something from what a party has left.

        Raises:
            RateLimitedError: Not enough is left; nothing was taken. More than the limit at once is
                never granted.
        """
        now_s = time.monotonic()
        before_s = max(self._whole_at_s.get(party, now_s), now_s)
        whole_at_s = before_s + amount * self._each_s
        wait_s = whole_at_s - now_s - _WINDOW_S
        is_whole = before_s == now_s and amount <= self._per_minute
        if wait_s > 0 and not is_whole:
            raise RateLimitedError(
                f"At most {self._per_minute:,} {self._what} a minute are allowed.",
                retry_after_s=math.ceil(min(wait_s, _WINDOW_S)),
            )
        self._whole_at_s.pop(party, None)  # so that the latest party stands last
        if len(self._whole_at_s) >= _MOST_PARTIES:
            del self._whole_at_s[next(iter(self._whole_at_s))]
        self._whole_at_s[party] = whole_at_s

    def left(self, party: str) -> Allowance:
        """What a party has left."""
        reset_s = max(self._whole_at_s.get(party, 0) - time.monotonic(), 0)
        remaining = int(max(_WINDOW_S - reset_s, 0) / self._each_s)
        return Allowance(self._per_minute, remaining, math.ceil(reset_s))

    @property
    def _each_s(self) -> float:
        return _WINDOW_S * self._processes() / self._per_minute
