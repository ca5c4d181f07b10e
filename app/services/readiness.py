"""Whether this process can answer requests, found out beforehand so that asking costs nothing.

An orchestrator asks every few seconds and kills a process that does not answer at once. A busy
service must not look like a broken one, so the trial runs at its own pace, and `require` reports
what it found.
"""

import asyncio
import logging
import time

from app.db.repositories import pointer
from app.db.session import Sessions
from app.errors import FarsightError, NotReadyError, OverloadedError
from app.recognition.inference import Inference
from app.recognition.serving import Current
from app.services.background import Background
from app.services.freshness import Freshness
from app.storage_errors import DatabaseBusyError
from app.vision.self_test import known_crop

_TRY_EVERY_S = 2.0
# Reading every page of the database takes a hundredth of the time at most.
_LOOK_THROUGH_EVERY_S = 60.0
_LOOK_THROUGH_SHARE = 0.01
_log = logging.getLogger(__name__)


class Readiness:
    """Tries networks and database again and again, and remembers the result.

    Args:
        sessions: The database that must answer.
        current: Whose networks must answer.
        inference: Where they do.
        freshness: For how long the database may be lost.
        patience_s: How long a trial may wait behind requests.
    """

    def __init__(
        self,
        sessions: Sessions,
        current: Current,
        inference: Inference,
        freshness: Freshness,
        patience_s: float,
    ) -> None:
        self._sessions = sessions
        self._current = current
        self._inference = inference
        self._freshness = freshness
        self._patience_s = patience_s + _TRY_EVERY_S
        self._succeeded_s = time.monotonic()
        self._trouble: str | None = None
        self._look_through_at_s = self._succeeded_s + _LOOK_THROUGH_EVERY_S
        self._background = Background()

    def start(self) -> None:
        """Begins trying."""
        self._background.start(self._again_and_again())

    async def close(self) -> None:
        """Stops trying."""
        await self._background.close()

    def require(self) -> None:
        """Returns if the service is ready; never waits.

        Raises:
            NotReadyError: It is not, and why.
        """
        self._inference.require_life()
        self._freshness.require()
        if self._trouble is not None:
            raise NotReadyError(self._trouble)
        if time.monotonic() - self._succeeded_s > self._patience_s:
            raise NotReadyError(
                f"Networks and database have not both answered for {self._patience_s:g} s."
            )

    async def check(self) -> None:
        """One trial: a known crop becomes an embedding, the database answers and can be written."""
        try:
            # Not in the background: an import of a large gallery would keep it waiting.
            await self._inference.embed([known_crop()], self._current.serving.embedder)
            async with self._sessions.read() as session:
                await pointer.gallery_revision(session)
            await self._look_at_database()
            if self._sessions.trouble is not None:
                await self._sessions.try_again(pointer.rewrite)
        except (OverloadedError, DatabaseBusyError) as error:
            if isinstance(error, DatabaseBusyError) and error.is_lost and self._freshness.age_s:
                # The networks have answered, and `freshness` says how long that is enough.
                self._succeeded_s = time.monotonic()
            return  # busy is not broken; the next trial comes soon
        except FarsightError as error:
            if self._trouble != error.detail:
                _log.error("the service is not ready: %s", error)
            self._trouble = error.detail
        except Exception:  # noqa: BLE001 - logged; whatever it is, requests will meet it too
            _log.exception("the service is not ready")
            self._trouble = "Networks or database failed."
        else:
            self._trouble, self._succeeded_s = None, time.monotonic()

    async def _look_at_database(self) -> None:
        """Checks what is on the disk: connections to a file have pages of their own in memory."""
        began_s = time.monotonic()
        thorough = began_s > self._look_through_at_s
        await self._sessions.look(thorough=thorough)
        if thorough:
            now_s = time.monotonic()
            pause_s = max(_LOOK_THROUGH_EVERY_S, (now_s - began_s) / _LOOK_THROUGH_SHARE)
            self._look_through_at_s = now_s + pause_s

    async def _again_and_again(self) -> None:
        while True:
            await asyncio.sleep(_TRY_EVERY_S)
            await self.check()
