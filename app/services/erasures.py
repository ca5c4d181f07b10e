"""What is erased leaves the disk: now if nobody is in the way, else as soon as nobody is.

Deleted rows are zeros in the database, but their former pages are in the write-ahead log until it
is emptied, which takes a moment in which nobody reads an older state: a backup, a shell, an export
elsewhere. So what is still to be done is a row, in the transaction that deletes, and it is tried
again every second, by every process, until it is done.
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
from app.errors import FarsightError, StorageError
from app.services.background import Background

_TRY_EVERY_S = 1.0
# Readers of ours are gone after some milliseconds; a caller waits for them, not for a backup.
_PAUSES_S = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErasureView:
    """Whether something that was erased of a user may still be on the disk.

    Attributes:
        user_id: The user's.
        pending: Whether it may.
        erased_at: When the oldest of it was erased; None where nothing is left.
    """

    user_id: str
    pending: bool
    erased_at: datetime | None


class Erasures:
    """Erases, and sees to it that it is done.

    Args:
        sessions: Where the rows are.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._background = Background()

    def start(self) -> None:
        """Begins to try what is pending, and puts disk space by for erasures to come."""
        self._background.start(self._again_and_again())

    async def close(self) -> None:
        """Tries a last time."""
        await self._background.close()
        await self.finish()

    async def run(self, work: Callable[[WriteSession], Coroutine[Any, Any, None]]) -> bool:
        """Writes what erases; on a full disk with the space that was put by.

        Args:
            work: Calls `erasures.add`. May be done twice, of which the first time does not count.

        Returns:
            Whether what was erased has left the disk. Otherwise it will, as soon as nobody reads.

        Raises:
            StorageError: Not even that space was enough; nothing was erased.
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
        """How the erasure of a user, or of something of a user, stands."""
        async with self._sessions.read() as session:
            row = await erasures.oldest_of(session, user_id)
        return ErasureView(user_id, row is not None, None if row is None else row.at)

    async def finish(self) -> bool:
        """Tries once; whether nothing is pending any more."""
        try:
            async with self._sessions.read() as session:
                ids = [row.id for row in await erasures.pending(session)]
            if ids:
                if not await self._sessions.empty_log():
                    return False
                await self._sessions.write(partial(erasures.finish, ids=ids))
        except FarsightError as error:
            _log.warning("an erasure is still to be finished: %s", error)
            return False
        return True

    async def _again_and_again(self) -> None:
        has_reserve = True
        while True:
            if await self.finish():
                had_reserve = has_reserve
                has_reserve = await asyncio.to_thread(self._sessions.file.keep_reserve)
                if had_reserve and not has_reserve:
                    _log.warning("the disk has no room for erasures that a full disk would need")
            await asyncio.sleep(_TRY_EVERY_S)
