"""Keeps faces of identifications for review, if a setting says so: beside requests, and bounded.

An identification only puts its faces into a queue. It waits for nothing, and is not failed by
anything that happens here: a full queue or a busy disk costs faces to review, never an answer.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import kept_faces, users
from app.db.session import Sessions, WriteSession
from app.db.tables import KeptFace, utc_now
from app.errors import FarsightError
from app.gallery.gallery import Groups
from app.recognition.serving import Serving
from app.services.background import Background
from app.services.identified import IdentifiedFace
from app.setting_groups import ReviewSettings
from app.turns import requester
from app.vision.png import encode_png

# A crop has 38 kB: what waits is 10 MB at most.
_MOST_WAITING = 256
_ROWS_AT_ONCE = 64
_TIDY_EVERY_S = 60.0
# A camera shows one face many times: one so much alike is not kept again within the time. Different
# photos of one person reach 0.94 among the tests' samples (docs/decisions/0039-review.md).
_SAME_SIMILARITY = 0.95
_SAME_WITHIN_S = 60.0
_MOST_REMEMBERED = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A face that is not stored yet."""

    face: IdentifiedFace
    vector: NDArray[np.float32]
    space_id: str
    route: str
    groups: Groups | None
    key_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Kept:
    """A face that was kept a moment ago."""

    at_s: float
    space_id: str
    vector: NDArray[np.float32]
    user_id: str | None
    groups: Groups | None


class Keeping:
    """Stores faces of identifications, and deletes them when their time is over.

    Args:
        sessions: Where they are kept.
        settings: For how long, and how many.
    """

    def __init__(self, sessions: Sessions, settings: ReviewSettings) -> None:
        self._sessions = sessions
        self._settings = settings
        self._waiting: deque[_Waiting] = deque()
        self._remembered: deque[_Kept] = deque(maxlen=_MOST_REMEMBERED)
        self._not_kept = 0
        self._comes = asyncio.Event()
        self._is_running = False
        self._background = Background()

    @property
    def hours(self) -> float:
        """For so long faces are kept; 0: none is."""
        return self._settings.keep_hours

    def start(self) -> None:
        """Begins to store and to delete; before that, `keep` does nothing.

        Where nothing is to be kept, what an earlier setting has kept is deleted.
        """
        self._is_running = True
        works = [self._tidy_again_and_again()]
        if self.hours:
            works.append(self._store_again_and_again())
        self._background.start(*works)

    async def close(self) -> None:
        """Ends; what waits is not stored."""
        self._is_running = False
        await self._background.close()

    def keep(
        self,
        serving: Serving,
        faces: Sequence[IdentifiedFace],
        embeddings: NDArray[np.float32],
        groups: Groups | None,
    ) -> None:
        """Puts the faces of an answer into the queue; takes no time, and never fails.

        Args:
            serving: Which answered.
            faces: Of all photos.
            embeddings: (n, 512), one for each face.
            groups: The users who were looked for are in one of these; None: everybody.
        """
        if not self._is_running or not self.hours:
            return
        key_id, at = requester.get().party, utc_now()
        for face, vector in zip(faces, embeddings, strict=True):
            user_id = face.decision.user_id
            kept = _Kept(time.monotonic(), serving.space_id, vector, user_id, groups)
            if self._is_repeated(kept):
                continue
            if len(self._waiting) >= _MOST_WAITING:
                self._not_kept += 1
                continue
            self._remembered.append(kept)
            route = serving.embedder.route(face.face.crop.face_px)
            self._waiting.append(
                _Waiting(face, vector, serving.space_id, route, groups, key_id, at)
            )
        self._comes.set()

    async def tidy(self) -> None:
        """Deletes what is too old or too much; however many processes do so."""
        await self._sessions.write(self._delete_old)

    def _is_repeated(self, new: _Kept) -> bool:
        return any(
            new.at_s - kept.at_s < _SAME_WITHIN_S
            and (kept.space_id, kept.user_id, kept.groups)
            == (new.space_id, new.user_id, new.groups)
            and float(kept.vector @ new.vector) >= _SAME_SIMILARITY
            for kept in self._remembered
        )

    async def _store_again_and_again(self) -> None:
        while True:
            await self._comes.wait()
            self._comes.clear()
            while self._waiting:
                count = min(_ROWS_AT_ONCE, len(self._waiting))
                await self._try_to_store([self._waiting.popleft() for _ in range(count)])
            if self._not_kept:
                _log.warning(
                    "%d faces were not kept for review: too many came at once, or the database "
                    "was not to be had",
                    self._not_kept,
                )
                self._not_kept = 0

    async def _try_to_store(self, some: Sequence[_Waiting]) -> None:
        try:
            pngs = await asyncio.to_thread(_encoded, some)
            await self._sessions.write(partial(self._store, some, pngs))
        except FarsightError:
            self._not_kept += len(some)
        except Exception:  # noqa: BLE001 - logged; the next ones may be kept
            self._not_kept += len(some)
            _log.exception("faces were not kept for review")

    async def _store(
        self, waiting: Sequence[_Waiting], pngs: Sequence[bytes], session: WriteSession
    ) -> None:
        rows = await users.rows_of(
            session, {of.face.decision.user_id for of in waiting if of.face.decision.user_id}
        )
        await kept_faces.add(
            session,
            [
                KeptFace(
                    face_id=uuid4(),
                    kept_at=of.at,
                    key_id=of.key_id,
                    groups=None if of.groups is None else sorted(of.groups),
                    user=rows[user_id] if user_id is not None else None,
                    similarity=of.face.decision.similarity,
                    threshold=of.face.decision.threshold,
                    face_px=of.face.face.crop.face_px,
                    route=of.route,
                    quality=asdict(of.face.face.quality),
                    space_id=of.space_id,
                    vector=of.vector,
                    crop=png,
                )
                for of, png in zip(waiting, pngs, strict=True)
                # Who has been erased since the answer is not kept either.
                if (user_id := of.face.decision.user_id) is None or user_id in rows
            ],
        )
        if await kept_faces.count(session) > self._settings.max_faces:
            # A tenth at once: each deletion has to leave the disk.
            await kept_faces.erase_oldest(session, self._settings.max_faces * 9 // 10)

    async def _delete_old(self, session: WriteSession) -> None:
        await kept_faces.erase_before(session, utc_now() - timedelta(hours=self.hours))
        if await kept_faces.count(session) > self._settings.max_faces:
            await kept_faces.erase_oldest(session, self._settings.max_faces)

    async def _tidy_again_and_again(self) -> None:
        while True:
            is_done = await self._try_to_tidy()
            if is_done and not self.hours:
                return  # nothing will come
            await asyncio.sleep(_TIDY_EVERY_S)

    async def _try_to_tidy(self) -> bool:
        try:
            await self.tidy()
        except FarsightError as error:
            _log.warning("kept faces whose time is over are not deleted yet: %s", error.code)
        except Exception:  # noqa: BLE001 - logged; it will be tried again
            _log.exception("kept faces whose time is over are not deleted yet")
        else:
            return True
        return False


def _encoded(waiting: Sequence[_Waiting]) -> list[bytes]:
    return [encode_png(of.face.face.crop.pixels) for of in waiting]
