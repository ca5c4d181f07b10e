"""Erased data leaves the disk: now if nobody is in the way, else as soon as nobody is.

What is deleted stays on the disk until the database has been tidied up: SQLite's write-ahead log
emptied, PostgreSQL's tables vacuumed. That takes a moment in which nobody sees an older state: a
backup, a shell, an export elsewhere. So the transaction that deletes also adds a row for what
remains to be done, and every process tries again every second until it is done.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from app.db.repositories import erasures
from app.db.session import Sessions, WriteSession
from app.errors import FarsightError
from app.services.background import Background
from app.storage_errors import StorageError

_TRY_EVERY_S = 1.0
# Our own readers finish within milliseconds; a caller waits for them, not for a backup.
_PAUSES_S = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErasureView:
    """Whether erased data of a user may still be on the disk.

    Attributes:
        user_id: The user's.
        pending: Whether that is so.
        erased_at: When the oldest of it was erased; None if nothing is left.
    """

    user_id: str
    pending: bool
    erased_at: datetime | None


class Erasures:
    """Erases, and makes sure that it is completed.

    Args:
        sessions: Where the rows are.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._background = Background()

    def start(self) -> None:
        """Begins to try pending erasures, and reserves disk space for later ones."""
        self._background.start(self._again_and_again())

    async def close(self) -> None:
        """Tries one last time."""
        await self._background.close()
        await self.finish()

    async def run(self, work: Callable[[WriteSession], Coroutine[Any, Any, None]]) -> bool:
        """Writes what erases; on a full disk, with the reserved space.

        Args:
            work: Calls `erasures.add`. May run twice, in which case the first run does not count.

        Returns:
            Whether what was erased has left the disk. If not, it will as soon as nobody reads.

        Raises:
            StorageError: Even that space was not enough; nothing was erased.
        """
        try:
            await self._sessions.write(work)
        except StorageError:
            await self._sessions.make_room()
            await self._sessions.write(work)
        for pause_s in _PAUSES_S:
            await asyncio.sleep(pause_s)
            if await self.finish():
                return True
        return False

    async def of_user(self, user_id: str) -> ErasureView:
        """The state of the erasure of a user, or of some of a user's data."""
        async with self._sessions.read() as session:
            row = await erasures.oldest_of(session, user_id)
        return ErasureView(user_id, row is not None, None if row is None else row.at)

    async def finish(self) -> bool:
        """Tries once; returns whether nothing is pending."""
        try:
            async with self._sessions.read() as session:
                ids = [row.id for row in await erasures.pending(session)]
            if ids:
                if not await self._sessions.wipe():
                    return False
                await self._sessions.write(partial(erasures.finish, ids=ids))
        except FarsightError as error:
            _log.warning("an erasure is not finished yet: %s", error)
            return False
        return True

    async def _again_and_again(self) -> None:
        has_reserve = True
        while True:
            if await self.finish():
                had_reserve = has_reserve
                has_reserve = await self._sessions.keep_reserve()
                if had_reserve and not has_reserve:
                    _log.warning(
                        "the disk has no room for the reserve that erasing on a full disk needs"
                    )
            await asyncio.sleep(_TRY_EVERY_S)
