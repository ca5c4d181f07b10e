"""Crops waiting for the networks, in the order of their callers' turns."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.observability import Span
from app.vision.alignment import Crop
from app.vision.embedder import Embedder, Route


@dataclass(slots=True, eq=False)
class Call:
    """What one caller wants embedded, and the part that is done."""

    crops: Sequence[Crop]
    embedder: Embedder
    party: str
    embeddings: NDArray[np.float32]
    missing: int
    answer: Future[NDArray[np.float32]]
    span: Span | None = None
    asked_s: float = field(default_factory=time.monotonic)


Rows = list[tuple[Call, int]]
"""What a worker embeds at once: for each crop the call and its row in it."""


@dataclass(slots=True, eq=False)
class _Share:
    """The rows of one call and route that no worker has begun; the first has this turn."""

    call: Call
    route: Route
    rows: deque[int]
    turn: int


class Lane:
    """One of the batcher's two queues; the batcher holds its lock around every use.

    Each party's crops take turns, counted from the one being worked on. So parties alternate,
    however much each of them wants (start-time fair queueing, Goyal et al. 1996).
    """

    def __init__(self) -> None:
        self._shares: list[_Share] = []
        self._turn = 0
        self._next_turns: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(len(share.rows) for share in self._shares)

    def count(self, party: str) -> int:
        """Crops of one party."""
        return sum(len(share.rows) for share in self._shares if share.call.party == party)

    def calls(self) -> list[Call]:
        """Parties with crops in here; one with two routes counts twice."""
        return [share.call for share in self._shares]

    def add(self, call: Call, by_route: Mapping[Route, deque[int]]) -> None:
        """Puts the crops of a call behind its party's others."""
        turn = max(self._turn, self._next_turns.get(call.party, 0))
        for route, rows in by_route.items():
            self._shares.append(_Share(call, route, rows, turn))
            turn += len(rows)
        self._next_turns[call.party] = turn

    def forget(self, calls: Sequence[Call]) -> None:
        """Drops what has not begun of some calls."""
        self._shares = [share for share in self._shares if share.call not in calls]

    def cut(
        self, idle: int, max_size: int | None = None
    ) -> tuple[Embedder, list[tuple[Call, int]]]:
        """Takes the crop whose turn it is, and as many of its kind as one worker should.

        Args:
            idle: Workers that could share the work, the one who asks included.
            max_size: Maximum number of crops.

        Returns:
            One embedder, and rows of calls, all of one route. Something must be waiting.
        """
        first = min(self._shares, key=_turn)
        embedder = first.call.embedder
        alike = [s for s in self._shares if s.call.embedder is embedder and s.route == first.route]
        wanted = -(-sum(len(share.rows) for share in alike) // idle)
        if max_size is not None:
            wanted = min(wanted, max_size)
        size = max(size for size in batch_sizes(embedder) if size <= wanted)
        self._turn = max(self._turn, first.turn)
        rows: Rows = []
        while len(rows) < size:
            share = min(alike, key=_turn)
            rows.append((share.call, share.rows.popleft()))
            share.turn += 1
            if not share.rows:
                alike.remove(share)
                self._shares.remove(share)
        return embedder, rows


def batch_sizes(embedder: Embedder) -> list[int]:
    """Powers of two: few shapes, so that libraries keep few plans and buffers."""
    return [1 << power for power in range(embedder.max_batch.bit_length())]


def _turn(share: _Share) -> int:
    return share.turn
