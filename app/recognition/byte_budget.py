"""A limit on bytes in use at once, for threads that take turns."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class ByteBudget:
    """Room for a number of bytes; who wants more than is left waits, first come first served.

    A thread must not reserve again within a reservation: it could wait for itself.

    Args:
        max_bytes: Of all reservations together. A larger one gets in when it is alone.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._reserved_bytes = 0
        self._changed = threading.Condition()
        self._turns: deque[object] = deque()

    @contextmanager
    def reserve(self, n_bytes: int) -> Iterator[None]:
        """Holds `n_bytes` of the room inside; waits until they are free."""
        turn = object()
        with self._changed:
            self._turns.append(turn)
            self._changed.wait_for(lambda: self._turns[0] is turn and self._has_room(n_bytes))
            self._turns.popleft()
            self._reserved_bytes += n_bytes
            self._changed.notify_all()  # there may be room for the next one as well
        try:
            yield
        finally:
            with self._changed:
                self._reserved_bytes -= n_bytes
                self._changed.notify_all()

    def _has_room(self, n_bytes: int) -> bool:
        return not self._reserved_bytes or self._reserved_bytes + n_bytes <= self._max_bytes
