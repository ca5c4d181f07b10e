"""Who waits for an answer, and how callers take turns.

One busy key must not starve the others: wherever requests wait, keys take turns, and where a total
is limited, each key may have as much as it leaves to the others.
"""

import asyncio
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.errors import OverloadedError

_RETRY_AFTER_S = 1


class Requester:
    """The caller of one request.

    Args:
        party: Who takes turns with others: a key's id; "" for the service itself.

    Attributes:
        is_gone: Whether they hung up, so that nobody will read an answer.
    """

    def __init__(self, party: str = "") -> None:
        self.party = party
        self.is_gone = False
        self._work: asyncio.Timeout | None = None

    @contextmanager
    def may_leave(self, work: asyncio.Timeout) -> Iterator[None]:
        """Makes what runs inside time out when the caller goes.

        Args:
            work: An entered `asyncio.timeout` around this.
        """
        self._work = work
        if self.is_gone:
            work.reschedule(0)
        try:
            yield
        finally:
            self._work = None

    def leave(self) -> None:
        """Notes that the caller has gone."""
        self.is_gone = True
        if self._work is not None:
            self._work.reschedule(0)


_NOBODY = Requester()
requester: ContextVar[Requester] = ContextVar("requester", default=_NOBODY)
"""The caller of the request that is being answered; like the request id, it is no argument."""


def leaves_enough(own: int, total: int, most: int) -> bool:
    """Whether a party leaves others as much as it has itself.

    A lone party gets half of everything, and however many are greedy, the next one finds room:
    k of them together have k/(k+1) (Choudhury and Hahne, 1998, "Dynamic queue length thresholds").

    Args:
        own: What the party would have.
        total: What all would have together, this party included.
        most: What there is.
    """
    return own <= most - total


class Turns:
    """A number of places; parties take turns for one, and each serves its own in order.

    A party with a thousand requests delays the next party by only one of them. For one event loop.

    Args:
        places: Held at once.
        spare: Further places, for parties that have none: what others have begun may take long.
        most_waiting: Of one party; one more is refused at once.
    """

    def __init__(self, places: int, spare: int = 0, most_waiting: int = sys.maxsize) -> None:
        self._free = places
        self._spare = spare
        self._most_waiting = most_waiting
        self._held: Counter[str] = Counter()
        # The party at the front has the next turn; each has somebody waiting.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def held(self) -> int:
        """Places that are taken."""
        return self._held.total()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(map(len, self._waiting.values()))

    async def take(self, party: str) -> None:
        """Waits for a place, which `give_back` returns. Cancelled while waiting, one has none.

        Raises:
            OverloadedError: As many of the party as allowed wait already.
        """
        if self._may_begin(party):
            self._begin(party)
            return
        if len(self._waiting.get(party, ())) >= self._most_waiting:
            raise OverloadedError(
                f"{self._most_waiting} requests with this key are already waiting.",
                retry_after_s=_RETRY_AFTER_S,
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(party, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(party)  # the place came at the same moment
            else:
                self._forget(party, turn)
            raise

    def give_back(self, party: str) -> None:
        """Frees a place of this party for whoever is next."""
        self._free += 1
        self._held[party] -= 1
        if not self._held[party]:
            del self._held[party]
        for next_one in list(self._waiting):
            turns = self._waiting[next_one]
            while turns and turns[0].cancelled():  # its caller has not noticed yet
                turns.popleft()
            if not turns:
                del self._waiting[next_one]
            elif self._may_begin(next_one):
                del self._waiting[next_one]
                turns.popleft().set_result(None)
                self._begin(next_one)
                if turns:
                    self._waiting[next_one] = turns  # now last
                return

    def close(self) -> None:
        """Cancels everybody who waits; from any thread."""
        waiting, self._waiting = self._waiting, {}
        for turn in (turn for turns in waiting.values() for turn in turns):
            turn.get_loop().call_soon_threadsafe(turn.cancel)

    def _may_begin(self, party: str) -> bool:
        return self._free > 0 or (self._free > -self._spare and not self._held[party])

    def _begin(self, party: str) -> None:
        self._free -= 1
        self._held[party] += 1

    def _forget(self, party: str, turn: asyncio.Future[None]) -> None:
        turns = self._waiting.get(party, deque())
        if turn in turns:  # unless all were cancelled
            turns.remove(turn)
        if not turns:
            self._waiting.pop(party, None)
