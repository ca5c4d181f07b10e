"""Photos of enrolled people, seen by the bundle that serves and by the one that is to."""

import asyncio
from functools import partial

import numpy as np

from app.db.repositories import spaces
from app.db.session import Sessions, patiently
from app.evaluation.enrolled import EnrolledPhotos
from app.evaluation.gate import GateReport, judge_enrolled
from app.recognition.inference import Inference
from app.recognition.serving import Serving
from app.services.reembedding import PATIENCE_S, decode_crops

# 19,900 pairs of users: a false-accept rate of 1e-4 shows as two of them. At five photos each a
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

    async def judge(self, serving: Serving, new: Serving, max_loss: float) -> GateReport:
        """Compares both on all users, or on some if there are many.

        Args:
            serving: What serves.
            new: What is to; its gallery is not looked at.
            max_loss: See judge_enrolled.
        """
        sample = await patiently(partial(self._draw, serving.space_id), PATIENCE_S)
        crops = await asyncio.to_thread(decode_crops, [crop for crop, _ in sample])
        photos = EnrolledPhotos(
            people=np.array([crop.user for crop, _ in sample], dtype=np.int64),
            before=np.array([vector for _, vector in sample], np.float32).reshape(-1, 512),
            after=await self._inference.embed(crops, new.embedder, background=True),
            threshold_before=np.array([serving.threshold(crop.face_px) for crop in crops]),
            threshold_after=np.array([new.threshold(crop.face_px) for crop in crops]),
        )
        return judge_enrolled(photos, new.manifest, new.false_accept_rate, max_loss)

    async def _draw(self, space_id: str) -> list[spaces.EmbeddedCrop]:
        async with self._sessions.read() as session:
            users = await spaces.users_with_crops(session, space_id)
            if len(users) > _MAX_USERS:
                drawn = np.random.default_rng(0).choice(len(users), _MAX_USERS, replace=False)
                users = [users[index] for index in sorted(drawn)]
            return await spaces.embedded_crops(session, space_id, users, _MAX_PHOTOS_PER_USER)
