"""The one thread in which photos are recognised, and who may wait for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from app.errors import DeadlineExceededError, NotReadyError, OverloadedError
from app.runtime.recognizer import Finding, Recognizer
from app.runtime.serving import Serving
from app.vision.alignment import Crop
from app.vision.edgeface import CROP_SIZE_PX, EMBEDDING_SIZE
from app.vision.embedder import Embedder
from app.vision.self_test import are_embeddings, known_crop

T = TypeVar("T")

_RETRY_AFTER_S = 1
# Crops in a turn beside requests: two take about as long as half a request, so that a turn makes
# each of those that wait wait half as long again at most; below four the networks are slow.
_TURN_PER_REQUEST = 2
_SHORTEST_TURN = 4
_PAUSE_PER_TURN = 3


class Inference:
    """Runs a recognizer off the event loop, one photo at a time.

    The networks use all cores for one photo, so a second photo beside it would finish no sooner.
    Requests take turns photo by photo: a registration of twenty does not hold up everybody else.

    Args:
        recognizer: What reads photos.
        max_requests: Requests admitted at once.
        deadline_s: Seconds that a request may stay admitted.
    """

    def __init__(self, recognizer: Recognizer, max_requests: int, deadline_s: float) -> None:
        self._recognizer = recognizer
        self._max_requests = max_requests
        self._deadline_s = deadline_s
        self._admitted = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Around all photos of one request.

        A photo that has begun when its request is cancelled or out of time is read to the end and
        forgotten; those that have not begun never do.

        Raises:
            OverloadedError: As many requests as allowed are admitted.
            DeadlineExceededError: The request's photos were not read in time.
        """
        if self._admitted >= self._max_requests:
            raise OverloadedError(
                f"{self._max_requests} requests are waiting for the networks already.",
                retry_after_s=_RETRY_AFTER_S,
            )
        self._admitted += 1
        deadline = asyncio.timeout(self._deadline_s)
        try:
            async with deadline:
                yield
        except TimeoutError:
            if not deadline.expired():
                raise
            raise DeadlineExceededError(
                f"The photos were not read within {self._deadline_s:g} s.",
                retry_after_s=_RETRY_AFTER_S,
            ) from None
        finally:
            self._admitted -= 1

    async def find(self, photo: bytes, *, max_faces: int, detect: bool = True) -> Finding:
        """Finds the faces of one photo in the thread; see Recognizer.find."""
        work = partial(self._recognizer.find, photo, max_faces=max_faces, detect=detect)
        return await self.run(work)

    async def embed(
        self, crops: Sequence[Crop], embedder: Embedder, *, background: bool = False
    ) -> NDArray[np.float32]:
        """Embeds the crops of one request in one turn, or crops that nobody waits for.

        In the background a turn is short while requests are admitted, and the thread is theirs for
        three times as long before the next one: three quarters of it, whatever there is to embed.
        What a turn waits behind requests is their time already: it would count twice if the pause
        were as long as usual (measured with eight connections: a fifth of the crops per second).

        Returns:
            (n, 512) float32 of unit length.
        """
        if not background:
            return await self.run(partial(_embed, embedder, crops))
        parts = [np.empty((0, EMBEDDING_SIZE), np.float32)]
        start = 0
        while start < len(crops):
            end = start + self._turn(embedder)
            asked = time.perf_counter()
            part, lasted_s = await self.run(partial(_embed_timed, embedder, crops[start:end]))
            parts.append(part)
            if self._admitted:
                waited_s = time.perf_counter() - asked - lasted_s
                await asyncio.sleep(max(0.0, _PAUSE_PER_TURN * lasted_s - waited_s))
            start = end
        return np.concatenate(parts)

    def _turn(self, embedder: Embedder) -> int:
        """How many crops to embed before requests are let through."""
        if not self._admitted:
            return embedder.max_batch
        return min(embedder.max_batch, max(_SHORTEST_TURN, _TURN_PER_REQUEST * self._admitted))

    async def run(self, work: Callable[[], T]) -> T:
        """Runs something in the thread, after what waits for it already."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def warm_up(self, embedder: Embedder) -> None:
        """Runs networks once with every size of batch that they will meet, on both routes."""
        size = 1
        while size <= embedder.max_batch:
            for face_px in (0.0, float(CROP_SIZE_PX)):
                crops = [known_crop(face_px)] * size
                await self.run(partial(_embed, embedder, crops))
            size *= 2

    async def probe(self, serving: Serving) -> None:
        """Embeds a known crop and searches for it, which also warms the networks up.

        Raises:
            NotReadyError: The networks do not answer, or not with an embedding.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                await self.run(partial(_embed_known_crop, serving))
        except TimeoutError:
            raise NotReadyError("The networks did not answer in time.") from None

    def close(self) -> None:
        """Ends the thread after the photo that it is reading."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _embed(embedder: Embedder, crops: Sequence[Crop]) -> NDArray[np.float32]:
    embeddings, _ = embedder.embed(crops)
    return embeddings


def _embed_timed(embedder: Embedder, crops: Sequence[Crop]) -> tuple[NDArray[np.float32], float]:
    began = time.perf_counter()
    return _embed(embedder, crops), time.perf_counter() - began


def _embed_known_crop(serving: Serving) -> None:
    embeddings, _ = serving.embedder.embed([known_crop()])
    if not are_embeddings(embeddings).all():
        raise NotReadyError("The networks answer with vectors that are no embeddings.")
    serving.gallery.search(embeddings[0], top_k=1)


def set_library_threads(torch_threads: int, opencv_threads: int) -> None:
    """How many threads a call of each library may use, for the whole process.

    onnxruntime takes its number per session (app.vision.detector.load_detector).
    """
    torch.set_num_threads(torch_threads)
    cv2.setNumThreads(opencv_threads)
