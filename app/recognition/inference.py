"""Who may wait for readers and networks, and for how long."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from app.errors import CallerGoneError, DeadlineExceededError, NotReadyError, OverloadedError
from app.metrics import Metrics
from app.recognition.batcher import Batcher
from app.recognition.memory import give_back_freed_memory
from app.recognition.readers import Readers
from app.recognition.recognizer import Finding, Recognizer
from app.turns import requester
from app.vision.alignment import Crop
from app.vision.embedder import Embedder
from app.vision.image import Image
from app.vision.photo_file import has_known_cost

_RETRY_AFTER_S = 1
# After so long without requests, memory that photos needed goes back to the system
# (docs/decisions/0022-soak.md).
_REST_S = 5.0
# 37 MiB of crops. One request has 100 faces at most.
_MAX_WAITING_FACES = 1024


class Inference:
    """Runs recognizer and networks off the event loop.

    A request submits one photo after the other, so a registration of twenty does not hold up
    everybody else.

    Args:
        recognizer: What reads photos.
        readers: Photos read at once. Half as many are for photos whose cost is unknown beforehand,
            so that the others do not wait for them.
        workers: Batches that the networks embed at once; see Batcher.
        max_requests: Of one caller, requests admitted at once.
        deadline_s: Seconds that a request may stay admitted.
        metrics: Where photos, faces and batches are counted.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        readers: int,
        workers: int,
        max_requests: int,
        deadline_s: float,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._admitted: Counter[str] = Counter()
        self._recognizer = recognizer
        self._readers = Readers(readers, self._metrics)
        self._patient_readers = Readers(max(1, readers // 2), self._metrics)
        self._batcher = Batcher(
            workers, _MAX_WAITING_FACES, lambda: self._admitted.total() > 0, self._metrics
        )
        self._max_requests = max_requests
        self._deadline_s = deadline_s
        self._rest: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Wrap this around all photos of one request.

        What has begun when its request is cancelled or out of time, or its caller gone, is finished
        and discarded; what has not begun never does.

        Raises:
            OverloadedError: This caller has as many requests as allowed.
            DeadlineExceededError: The request's photos were not read in time.
            CallerGoneError: The caller hung up.
        """
        caller = requester.get()
        if caller.is_gone:
            raise CallerGoneError("The caller hung up.")
        if self._admitted[caller.party] >= self._max_requests:
            raise OverloadedError(
                f"{self._max_requests} requests are already waiting for the networks.",
                retry_after_s=_RETRY_AFTER_S,
            )
        self._admitted[caller.party] += 1
        if self._rest is not None:
            self._rest.cancel()
        deadline = asyncio.timeout(self._deadline_s)
        try:
            async with deadline:
                with caller.may_leave(deadline):
                    yield
        except TimeoutError:
            if not deadline.expired():
                raise
            if caller.is_gone:
                raise CallerGoneError("The caller hung up.") from None
            raise DeadlineExceededError(
                f"The photos were not read within {self._deadline_s:g} s.",
                retry_after_s=_RETRY_AFTER_S,
            ) from None
        finally:
            self._admitted[caller.party] -= 1
            self._admitted += Counter()  # drops callers who have none
            if not self._admitted:
                loop = asyncio.get_running_loop()
                self._rest = loop.call_later(
                    _REST_S, loop.run_in_executor, None, self._give_back_memory
                )

    async def find(
        self,
        photo: bytes | Image,
        *,
        max_faces: int,
        skip_faces: int = 0,
        detect: bool = True,
        min_face_px: float | None = None,
    ) -> Finding:
        """Finds the faces of one photo in a reader's thread; see Recognizer.find."""
        work = partial(
            self._recognizer.find,
            photo,
            max_faces=max_faces,
            skip_faces=skip_faces,
            detect=detect,
            min_face_px=min_face_px,
        )
        readers = self._patient_readers if _may_cost_any(photo) else self._readers
        finding = await readers.run(work)
        self._metrics.read(finding.timings_ms, (face.crop.face_px for face in finding.faces))
        return finding

    async def embed(
        self, crops: Sequence[Crop], embedder: Embedder, *, background: bool = False
    ) -> NDArray[np.float32]:
        """(n, 512) float32 of unit length; see Batcher.embed."""
        return await self._batcher.embed(crops, embedder, background=background)

    async def restore(self, crop: Crop, embedder: Embedder) -> Image | None:
        """What DSR makes of a crop, (112, 112, 3) uint8 RGB; None if the bundle has no DSR.

        In a reader's thread, where callers take turns: nobody's embedding waits for a picture.
        """
        if not embedder.bundle.has_dsr:
            return None
        return await self._readers.run(partial(embedder.upscale, crop))

    def waiting(self) -> dict[str, int]:
        """By queue, how many photos or crops wait."""
        return {
            "readers": self._readers.waiting,
            "patient_readers": self._patient_readers.waiting,
            **self._batcher.waiting(),
        }

    def require_life(self) -> None:
        """Checks for signs of life, at once and without waiting.

        Raises:
            NotReadyError: A thread has died, or has worked on one photo or batch for longer than a
                request may take.
        """
        for part in (self._batcher, self._readers, self._patient_readers):
            trouble = part.trouble(self._deadline_s)
            if trouble is not None:
                raise NotReadyError(trouble)

    def close(self) -> None:
        """Ends the threads, after what they have begun and what waits for the networks."""
        if self._rest is not None:
            self._rest.cancel()
        self._readers.close()
        self._patient_readers.close()
        self._batcher.close()

    def _give_back_memory(self) -> None:
        self._recognizer.give_back_memory()
        give_back_freed_memory()


def _may_cost_any(photo: bytes | Image) -> bool:
    return isinstance(photo, bytes) and not has_known_cost(photo)


def set_library_threads(torch_threads: int, opencv_threads: int) -> None:
    """How many threads a call of each library may use, for the whole process.

    onnxruntime takes its number per session (app.vision.detector.load_detector).
    """
    cv2.setNumThreads(opencv_threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(torch_threads)
    else:  # most services never import torch; if one does, torch reads this
        os.environ["OMP_NUM_THREADS"] = str(torch_threads)
