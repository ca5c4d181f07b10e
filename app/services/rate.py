"""How much somebody may want in a minute, kept in memory."""

import math
import time
from dataclasses import dataclass

from app.errors import RateLimitedError

_WINDOW_S = 60
# About 10 MB. Whoever is forgotten has their whole minute again.
_MOST_PARTIES = 50_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a party.

    Attributes:
        limit: In a minute.
        remaining: At once, now.
        reset_s: Seconds until it is all there again.
    """

    limit: int
    remaining: int
    reset_s: int


class Rate:
    """So much a minute for each party: at once, or spread; what is used up grows back steadily.

    This is the generic cell rate algorithm (ITU-T I.371): of each party nothing is kept but the
    time at which all will have grown back. Of this process alone.

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
            RateLimitedError: There is not so much left; nothing was taken. More than the limit at
                once is never granted.
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
        self._whole_at_s.pop(party, None)  # so that who was here last stands last
        if len(self._whole_at_s) >= _MOST_PARTIES:
            del self._whole_at_s[next(iter(self._whole_at_s))]
        self._whole_at_s[party] = whole_at_s

    def left(self, party: str) -> Allowance:
        """What is left to a party."""
        each_s = _WINDOW_S / self._per_minute
        reset_s = max(self._whole_at_s.get(party, 0) - time.monotonic(), 0)
        remaining = int((_WINDOW_S - reset_s) / each_s)
        return Allowance(self._per_minute, remaining, math.ceil(reset_s))
