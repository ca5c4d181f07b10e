"""The one owner of the networks: crops of all callers wait here and are embedded in batches."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.errors import NotReadyError, OverloadedError
from app.metrics import Metrics
from app.observability import current_span
from app.recognition.lane import Call, Lane, Rows, batch_sizes
from app.turns import leaves_enough, requester
from app.vision.alignment import Crop
from app.vision.dimensions import CROP_SIZE_PX, EMBEDDING_SIZE
from app.vision.embedder import Embedder, Route
from app.vision.self_test import are_embeddings, known_crop

# Crops in a background batch while there are requests: a newcomer waits for no more.
_SMALL_BATCH = 4
# After this many batches of requests in a row, one of the background has its turn.
_BATCHES_PER_BACKGROUND = 16
_RETRY_AFTER_S = 1
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Batch:
    """What a worker embeds at once: one embedder's, of one route."""

    embedder: Embedder
    rows: Rows
    background: bool
    began_s: float


class Batcher:
    """Embeds crops in threads of its own.

    A free worker takes what waits at once, even a lone crop; one caller's crops are spread over the
    free workers, several callers' crops share batches and take turns. Work that nobody waits for
    goes to the background: it gets all workers when there are no requests, and one, in small
    batches, while there are some.

    Args:
        workers: Batches at once: one per core on a CPU, one on a GPU.
        max_waiting: Crops of one caller that may wait; of all callers together twice as many, as
            long as each leaves enough to others.
        has_requests: Whether there are requests, even without crops yet.
        metrics: Where batches are counted.
    """

    def __init__(
        self,
        workers: int,
        max_waiting: int,
        has_requests: Callable[[], bool],
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._max_waiting = max_waiting
        self._has_requests = has_requests
        self._changed = threading.Condition()
        self._waiting, self._waiting_in_background = Lane(), Lane()
        self._batches_since_background = 0
        self._running: dict[int, _Batch] = {}
        self._refusal: str | None = None
        self._died = False
        self._threads = [
            threading.Thread(target=self._work, name=f"networks-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    async def embed(
        self, crops: Sequence[Crop], embedder: Embedder, *, background: bool = False
    ) -> NDArray[np.float32]:
        """Embeds crops; if the caller is cancelled, those not yet begun are dropped.

        Args:
            crops: Any number.
            embedder: Of the serving that the request has taken.
            background: Nobody waits for it.

        Returns:
            (n, 512) float32 of unit length.

        Raises:
            OverloadedError: Too many crops wait already.
            NotReadyError: The networks answer nonsense; or a worker has died, or the service ends.
        """
        if not crops:
            return np.empty((0, EMBEDDING_SIZE), np.float32)
        call = self._accept(crops, embedder, background=background)
        try:
            return await asyncio.wrap_future(call.answer)
        except asyncio.CancelledError:
            with self._changed:
                self._forget([call])
            raise

    def waiting(self) -> dict[str, int]:
        """Crops that wait, of requests and in the background. Takes no lock."""
        return {
            "networks": len(self._waiting),
            "networks_background": len(self._waiting_in_background),
        }

    def trouble(self, limit_s: float) -> str | None:
        """Why no answer can be expected; None if all is well. Takes no lock."""
        if self._died:
            return "A network thread has died."
        now_s = time.monotonic()
        if any(now_s - batch.began_s > limit_s for batch in list(self._running.values())):
            return f"The networks have been at one batch for more than {limit_s:g} s."
        return None

    def close(self) -> None:
        """Takes no more crops, embeds those taken, and ends the threads."""
        with self._changed:
            self._refusal = self._refusal or "The service is shutting down."
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _accept(self, crops: Sequence[Crop], embedder: Embedder, *, background: bool) -> Call:
        embeddings = np.empty((len(crops), EMBEDDING_SIZE), np.float32)
        party = requester.get().party
        span = current_span.get()
        call = Call(crops, embedder, party, embeddings, len(crops), Future(), span)
        # Only the batcher settles it; a caller who leaves is forgotten in `embed`.
        call.answer.set_running_or_notify_cancel()
        by_route: dict[Route, deque[int]] = {}
        for row, crop in enumerate(crops):
            by_route.setdefault(embedder.route(crop.face_px), deque()).append(row)
        with self._changed:
            if self._refusal is not None:
                raise NotReadyError(self._refusal)
            if background:
                self._waiting_in_background.add(call, by_route)
            else:
                self._require_room(party, len(crops))
                self._waiting.add(call, by_route)
            self._changed.notify_all()
        return call

    def _require_room(self, party: str, wanted: int) -> None:
        own, total = self._waiting.count(party) + wanted, len(self._waiting) + wanted
        if not leaves_enough(own, total, 2 * self._max_waiting):
            raise OverloadedError(
                "Too many faces are already waiting for the networks.",
                retry_after_s=_RETRY_AFTER_S,
            )

    def _work(self) -> None:
        """A worker's loop."""
        try:
            while (batch := self._next_batch()) is not None:
                self._embed(batch)
        except BaseException:  # noqa: BLE001 - logged; callers must not wait for a dead thread
            _log.exception("a network thread has died")
            self._die()

    def _next_batch(self) -> _Batch | None:
        """Waits for something to do; None when there will be nothing more."""
        with self._changed:
            while True:
                if self._died:
                    return None
                if (batch := self._take()) is not None:
                    self._running[threading.get_ident()] = batch
                    return batch
                if self._refusal is not None and not self._waiting_in_background:
                    return None
                self._changed.wait()

    def _take(self) -> _Batch | None:
        """What a free worker should do now, if anything."""
        in_background = sum(batch.background for batch in self._running.values())
        idle = len(self._threads) - len(self._running)
        quiet = not self._waiting and not self._has_requests()
        may_background = bool(self._waiting_in_background) and (quiet or not in_background)
        starved = self._batches_since_background >= _BATCHES_PER_BACKGROUND
        if self._waiting and not (starved and may_background):
            self._batches_since_background += 1 if self._waiting_in_background else 0
            return _batch(self._waiting.cut(idle), background=False)
        if may_background:
            self._batches_since_background = 0
            waiting = self._waiting_in_background
            cut = waiting.cut(idle) if quiet else waiting.cut(1, _SMALL_BATCH)
            return _batch(cut, background=True)
        return None

    def _embed(self, batch: _Batch) -> None:
        try:
            crops = [call.crops[row] for call, row in batch.rows]
            embeddings, _ = batch.embedder.embed(crops)
            _refuse_nonsense(embeddings, len(crops))
        except Exception as error:  # noqa: BLE001 - it is raised in every caller of the batch
            with self._changed:
                self._fail([call for call, _ in batch.rows], error)
                self._end_batch()
            return
        self._count(batch, time.monotonic() - batch.began_s)
        with self._changed:
            for (call, row), embedding in zip(batch.rows, embeddings, strict=True):
                call.embeddings[row] = embedding
                call.missing -= 1
                if not call.missing and not call.answer.done():
                    call.answer.set_result(call.embeddings)
            self._end_batch()

    def _count(self, batch: _Batch, spent_s: float) -> None:
        calls = list({id(call): call for call, _ in batch.rows}.values())
        self._metrics.embedded(
            len(batch.rows),
            [batch.began_s - call.asked_s for call in calls],
            spent_s,
            background=batch.background,
        )
        spans = [call.span for call in calls if call.span is not None]
        if spans:
            first, row = batch.rows[0]
            facts = {
                "farsight.crops": len(batch.rows),
                "farsight.route": batch.embedder.route(first.crops[row].face_px),
            }
            for span in spans:
                span.add("networks", spent_s, facts)

    def _end_batch(self) -> None:
        del self._running[threading.get_ident()]
        self._changed.notify_all()  # another worker may join in on the background now

    def _fail(self, calls: Sequence[Call], error: Exception) -> None:
        for call in calls:
            if not call.answer.done():
                call.answer.set_exception(error)
        self._forget(calls)

    def _forget(self, calls: Sequence[Call]) -> None:
        """Drops what has not begun of some calls."""
        for waiting in (self._waiting, self._waiting_in_background):
            waiting.forget(calls)

    def _die(self) -> None:
        """Fails everybody's calls: whoever watches readiness starts another process."""
        error = NotReadyError("A network thread has died.")
        with self._changed:
            self._died = True
            self._refusal = error.detail
            batch = self._running.pop(threading.get_ident(), None)
            calls = [*self._waiting.calls(), *self._waiting_in_background.calls()]
            self._fail([*calls, *(call for call, _ in (batch.rows if batch else []))], error)
            self._changed.notify_all()


def warm_up(embedder: Embedder, workers: int) -> None:
    """Runs networks with every batch size that they will meet, on both routes, in all workers.

    onnxruntime keeps the memory that calls at the same time have needed. Most of it is taken here,
    before the first request, instead of in a busy hour (docs/decisions/0022-soak.md).
    """
    with ThreadPoolExecutor(workers) as pool:
        for size in batch_sizes(embedder):
            for face_px in (0.0, float(CROP_SIZE_PX)):
                crops = [known_crop(face_px)] * size
                list(pool.map(lambda _, crops=crops: embedder.embed(crops), range(workers)))


def _batch(cut: tuple[Embedder, Rows], *, background: bool) -> _Batch:
    return _Batch(*cut, background, time.monotonic())


def _refuse_nonsense(embeddings: NDArray[np.float32], count: int) -> None:
    if embeddings.shape != (count, EMBEDDING_SIZE) or not are_embeddings(embeddings).all():
        raise NotReadyError("The networks answer with vectors that are not embeddings.")
