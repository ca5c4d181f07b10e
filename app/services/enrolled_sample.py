"""Photos of enrolled people, seen by the serving bundle and by the one to replace it."""

import asyncio
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.db.repositories import enrolled
from app.db.repositories.enrolled import EnrolledPhoto
from app.db.session import Sessions, patiently
from app.evaluation.enrolled import EnrolledPhotos
from app.evaluation.gate import EnrolledFigures, GateReport, judge_enrolled
from app.recognition.inference import Inference
from app.recognition.serving import Serving
from app.services.reembedding import PATIENCE_S, decode_crops
from app.vision.dimensions import EMBEDDING_SIZE
from app.vision.scaling import Floats

# 19,900 pairs of users: a false-accept rate of 1e-4 shows as two of them. With five photos each a
# CPU needs four seconds.
_MAX_USERS = 200
_MAX_PHOTOS_PER_USER = 5


class EnrolledSample:
    """Judges a new bundle by the people who are enrolled.

    Args:
        sessions: Where crops and embeddings are.
        inference: Where crops are embedded.
    """

    def __init__(self, sessions: Sessions, inference: Inference) -> None:
        self._sessions = sessions
        self._inference = inference

    async def judge(
        self, serving: Serving, new: Serving, max_loss: float
    ) -> GateReport[EnrolledFigures]:
        """Compares both on all users, or on some if there are many.

        Args:
            serving: What serves.
            new: What is to serve; its gallery is ignored.
            max_loss: See judge_enrolled.
        """
        sample, stored = await patiently(partial(self._draw, serving.space_id), PATIENCE_S)
        crops = await asyncio.to_thread(
            decode_crops, [(stored[of.photo], of.face_px) for of in sample]
        )
        before = vectors_of(sample)
        after = await self._inference.embed(crops, new.embedder, background=True)
        photos = EnrolledPhotos(
            people=np.array([of.user for of in sample], dtype=np.int64),
            before=before,
            after=after,
            threshold_before=await asyncio.to_thread(_thresholds, serving, sample, before),
            threshold_after=await asyncio.to_thread(_thresholds, new, sample, after),
        )
        return judge_enrolled(photos, new.manifest, new.false_accept_rate, max_loss)

    async def _draw(self, space_id: str) -> tuple[list[EnrolledPhoto], dict[UUID, bytes]]:
        """Photos and their crops."""
        async with self._sessions.read() as session:
            users = draw(await enrolled.users_with_crops(session, space_id), _MAX_USERS)
            photos = await enrolled.photos_in_space(
                session, space_id, users, _MAX_PHOTOS_PER_USER, with_crop=True
            )
            return photos, await enrolled.crops_of(session, [of.photo for of in photos])


def _thresholds(
    serving: Serving, photos: Sequence[EnrolledPhoto], embeddings: Floats
) -> NDArray[np.float64]:
    return np.array(
        [serving.threshold(of.face_px, probe) for of, probe in zip(photos, embeddings, strict=True)]
    )


def draw(users: Sequence[int], at_most: int) -> Sequence[int]:
    """A sample of many users, always the same, in their order."""
    if len(users) <= at_most:
        return users
    drawn = np.random.default_rng(0).choice(len(users), at_most, replace=False)
    return [users[index] for index in sorted(drawn)]


def vectors_of(photos: Sequence[EnrolledPhoto]) -> Floats:
    """(n, 512) the embeddings of photos, in their order."""
    return np.array([of.vector for of in photos], np.float32).reshape(-1, EMBEDDING_SIZE)
