"""Limits per minute, kept in memory."""

import math
import time
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
    at which everything will have grown back. It holds for this process alone.

    Args:
        per_minute: The limit.
        what: For the message: "requests".
    """

    def __init__(self, per_minute: int, what: str) -> None:
        self._per_minute = per_minute
        self._what = what
        self._whole_at_s: dict[str, float] = {}

    def spend(self, party: str, amount: int = 1) -> None:
        """Takes something from what a party has left.

        Raises:
            RateLimitedError: Not enough is left; nothing was taken. More than the limit at once is
                never granted.
        """
        now_s = time.monotonic()
        each_s = _WINDOW_S / self._per_minute
        whole_at_s = max(self._whole_at_s.get(party, now_s), now_s) + amount * each_s
        wait_s = whole_at_s - now_s - _WINDOW_S
        if wait_s > 0:
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
        each_s = _WINDOW_S / self._per_minute
        reset_s = max(self._whole_at_s.get(party, 0) - time.monotonic(), 0)
        remaining = int((_WINDOW_S - reset_s) / each_s)
        return Allowance(self._per_minute, remaining, math.ceil(reset_s))
