"""The one thread in which photos are recognised, and who may wait for it."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

import cv2
import numpy as np
import torch

from app.errors import DeadlineExceededError, NotReadyError, OverloadedError
from app.runtime.recognizer import Recognition, Recognizer
from app.runtime.serving import Serving
from app.vision.alignment import Crop
from app.vision.edgeface import CROP_SIZE_PX

_RETRY_AFTER_S = 1
_NORM_TOLERANCE = 1e-3


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

    async def recognize(
        self, photo: bytes, serving: Serving, *, max_faces: int, detect: bool = True
    ) -> Recognition:
        """Reads one photo in the thread; see Recognizer.recognize."""
        work = partial(
            self._recognizer.recognize,
            photo,
            serving.embedder,
            max_faces=max_faces,
            detect=detect,
        )
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def probe(self, serving: Serving) -> None:
        """Embeds a fixed pattern and searches for it, which also warms the networks up.

        Raises:
            NotReadyError: The networks do not answer, or not with an embedding.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline_s):
                await loop.run_in_executor(self._thread, _embed_pattern, serving)
        except TimeoutError:
            raise NotReadyError("The networks did not answer in time.") from None

    def close(self) -> None:
        """Ends the thread after the photo that it is reading."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def _embed_pattern(serving: Serving) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (CROP_SIZE_PX, CROP_SIZE_PX, 3), np.uint8)
    embeddings, _ = serving.embedder.embed([Crop(pixels, face_px=float(CROP_SIZE_PX))])
    if not abs(float(np.linalg.norm(embeddings[0])) - 1) < _NORM_TOLERANCE:  # also when NaN
        raise NotReadyError("The networks answer with vectors that are no embeddings.")
    serving.gallery.search(embeddings[0], top_k=1)


def set_library_threads(torch_threads: int, opencv_threads: int) -> None:
    """How many threads a call of each library may use, for the whole process.

    onnxruntime takes its number per session (app.vision.detector.load_detector).
    """
    torch.set_num_threads(torch_threads)
    cv2.setNumThreads(opencv_threads)
