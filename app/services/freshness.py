"""How old that is which a process knows from memory: who is in the gallery, who may call.

A database on a server can be out of reach while this process is well. It then goes on answering
what it can from memory, for a while.
"""

import time

from app.db.engine import RETRY_AFTER_S
from app.errors import GalleryTooOldError

# Looks come every second; one that is late does not mean that the database is lost.
_LOST_AFTER_S = 3.0


class Freshness:
    """When the rows were last seen.

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
        self._seen_s: float | None = None

    def seen(self, began_s: float) -> None:
        """Notes that everything was read and followed.

        Args:
            began_s: When reading began, by `time.monotonic`.
        """
        if self._is_remote:
            self._seen_s = began_s

    @property
    def age_s(self) -> float | None:
        """Seconds since the rows were last seen; None where that does not matter."""
        return None if self._seen_s is None else time.monotonic() - self._seen_s

    @property
    def is_lost(self) -> bool:
        """Whether the database has not answered for longer than it is asked."""
        age_s = self.age_s
        return age_s is not None and age_s > _LOST_AFTER_S

    def require(self) -> None:
        """Makes sure that answers from memory are not too old.

        Raises:
            GalleryTooOldError: They would be.
        """
        age_s = self.age_s
        if age_s is not None and age_s > self.most_s:
            raise GalleryTooOldError(
                f"The database has not answered for more than {self.most_s:g} s.",
                retry_after_s=RETRY_AFTER_S,
            )
