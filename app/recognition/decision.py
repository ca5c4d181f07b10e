"""Whose face it is: the rule that the service and the Python API share.

The answer for a stranger is None, never the nearest user: below the threshold, users appear only
among the candidates that the caller asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.gallery.gallery import Groups, Match
from app.recognition.recognizer import FoundFace
from app.recognition.serving import Serving
from app.tracking.events import Verdict
from app.tracking.sighting import Sighting, pooled
from app.vision.embedder import mean_embedding

_BEST_AND_RUNNER_UP = 2


@dataclass(frozen=True, slots=True)
class Decision:
    """Whose face it is.

    Attributes:
        user_id: None for a stranger.
        similarity: To the most similar user; None when nobody is registered.
        margin: The runner-up's similarity is this much lower; None if there is none.
        threshold: Minimum similarity at which `user_id` is set.
        candidates: As many as asked for, best first.
    """

    user_id: str | None
    similarity: float | None
    margin: float | None
    threshold: float
    candidates: list[Match]


def decide(
    serving: Serving,
    faces: Sequence[FoundFace],
    embeddings: NDArray[np.float32],
    *,
    threshold: float | None = None,
    top_k: int = 0,
    groups: Groups | None = None,
) -> Decision:
    """Whose face the mean of these faces is.

    Args:
        serving: Its gallery is searched.
        faces: One, or several of one person.
        embeddings: (n, 512), one of each face.
        threshold: Instead of the bundle's.
        top_k: How many candidates to list, whatever their similarity.
        groups: Only users who are in one of these; None: everybody.
    """
    threshold = strictest_threshold(serving, faces, threshold)
    return _decide(serving, mean_embedding(embeddings), threshold, top_k, groups)


def decide_track(
    serving: Serving,
    sightings: Sequence[Sighting],
    *,
    threshold: float | None = None,
    groups: Groups | None = None,
) -> Verdict:
    """Whose track it is, by the weighted mean of these sightings, one at least."""
    if threshold is None:
        threshold = max(serving.threshold(each.quality.face_px) for each in sightings)
    found = _decide(serving, pooled(sightings), threshold, 0, groups)
    return Verdict(found.user_id, found.similarity, found.margin, found.threshold)


def _decide(
    serving: Serving,
    embedding: NDArray[np.float32],
    threshold: float,
    top_k: int,
    groups: Groups | None,
) -> Decision:
    matches = serving.gallery.search(embedding, max(top_k, _BEST_AND_RUNNER_UP), groups)
    if not matches:
        return Decision(None, None, None, threshold, [])
    best = matches[0]
    return Decision(
        user_id=best.user_id if best.similarity >= threshold else None,
        similarity=best.similarity,
        margin=best.similarity - matches[1].similarity if len(matches) > 1 else None,
        threshold=threshold,
        candidates=matches[:top_k],
    )


def strictest_threshold(
    serving: Serving, faces: Sequence[FoundFace], wanted: float | None = None
) -> float:
    """The similarity that faces, taken together, must reach: `wanted`, else the bundle's."""
    if wanted is not None:
        return wanted
    return max(serving.threshold(face.crop.face_px) for face in faces)
