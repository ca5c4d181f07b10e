"""How old that is which a process knows from memory: who is in the gallery, who may call.

A database on a server can be out of reach while this process is well. It then goes on answering
what it can from memory, for a while.
"""

import time

from app.db.engine import RETRY_AFTER_S
from app.errors import NotReadyError

# Looks come every second; one that is late does not mean that the database is lost.
_LOST_AFTER_S = 3.0


class Freshness:
    """When the database answered last, and when everything that it told was followed.

    It does not matter for a file, which does not get lost without the process, nor where nobody
    follows the rows, as in commands.

    Args:
        most_s: From this age on nothing is answered from memory.
        is_remote: See Engine.

    Attributes:
        most_s: As given.
    """

    def __init__(self, most_s: float, *, is_remote: bool) -> None:
        self.most_s = most_s
        self._is_remote = is_remote
        self._answered_s: float | None = None
        self._followed_s: float | None = None

    def answered(self, began_s: float) -> None:
        """Notes that the database was asked, at this time of `time.monotonic`, and answered."""
        if self._is_remote:
            self._answered_s = began_s

    def followed(self, began_s: float) -> None:
        """Notes that what it told then is what this process answers from."""
        if self._is_remote:
            self._followed_s = began_s

    @property
    def age_s(self) -> float | None:
        """How old answers from memory are, in seconds; None where that does not matter."""
        return None if self._followed_s is None else time.monotonic() - self._followed_s

    @property
    def is_lost(self) -> bool:
        """Whether the database has not answered for longer than it is asked."""
        since_s = self._answered_s
        return since_s is not None and time.monotonic() - since_s > _LOST_AFTER_S

    def require(self) -> None:
        """Makes sure that answers from memory are not too old.

        Raises:
            NotReadyError: They would be.
        """
        age_s = self.age_s
        if age_s is not None and age_s > self.most_s:
            raise NotReadyError(
                "The database has not answered, or its bundle could not be loaded, for more than "
                f"{self.most_s:g} s.",
                retry_after_s=RETRY_AFTER_S,
            )
