"""Notes about keys in use: when they were used last, and what they were refused.

Requests do not wait for them; they take at most one transaction a second.
"""

import asyncio
import logging
from collections import Counter
from datetime import datetime, timedelta

from app.db.repositories import events, keys
from app.db.session import Sessions, WriteSession
from app.db.tables import utc_now
from app.errors import FarsightError
from app.services.background import Background

_GATHER_S = 1.0
_TRY_AGAIN_S = 10.0
_LAST_USE_WITHIN = timedelta(minutes=10)
_log = logging.getLogger(__name__)


class KeyDiary:
    """Notes in memory, and writes soon afterwards.

    Args:
        sessions: Where it is written.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._used: dict[str, datetime] = {}
        self._written: dict[str, datetime] = {}
        self._refused: Counter[tuple[str, str]] = Counter()
        self._noted = asyncio.Event()
        self._background = Background()

    def start(self) -> None:
        """Begins writing the notes."""
        self._background.start(self._again_and_again())

    async def close(self) -> None:
        """Writes the remaining notes."""
        await self._background.close()
        await self._try_to_write()

    def used(self, key_id: str) -> None:
        """Notes a request with this key; last uses are accurate to ten minutes."""
        now = utc_now()
        written = self._written.get(key_id)
        if written is None or now - written >= _LAST_USE_WITHIN:
            self._used[key_id] = now
            self._noted.set()

    def refused(self, key_id: str, call: str) -> None:
        """Notes that this key was refused an admin call.

        Args:
            key_id: Whose.
            call: Method and the route's pattern, such as "POST /v1/admin/reload".
        """
        self._refused[key_id, call] += 1
        self._noted.set()

    async def write(self) -> None:
        """Writes all notes, or none, which then stay.

        Raises:
            FarsightError: As Sessions.write.
        """
        used, refused = dict(self._used), Counter(self._refused)

        async def store(session: WriteSession) -> None:
            await keys.note_use(session, used)
            for (key_id, call), times in refused.items():
                await events.record(session, key_id, "admin.refused", call, {"times": times})

        if used or refused:
            await self._sessions.write(store)
        self._written |= used
        self._used = {key_id: at for key_id, at in self._used.items() if used.get(key_id) != at}
        self._refused -= refused

    async def _again_and_again(self) -> None:
        while True:
            await self._noted.wait()
            self._noted.clear()
            await asyncio.sleep(_GATHER_S)
            if not await self._try_to_write():
                self._noted.set()
                await asyncio.sleep(_TRY_AGAIN_S)

    async def _try_to_write(self) -> bool:
        try:
            await self.write()
        except FarsightError as error:
            _log.warning("notes about keys cannot be written yet: %s", error)
            return False
        except Exception:  # noqa: BLE001 - logged; whatever it is, it will be tried again
            _log.exception("notes about keys cannot be written")
            return False
        return True
