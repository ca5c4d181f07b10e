"""Whose face it is: the rule that the service and the Python API share.

The answer for a stranger is None, never the nearest user: below the threshold, users appear only
among the candidates that the caller asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.gallery.gallery import Match
from app.recognition.recognizer import FoundFace
from app.recognition.serving import Serving
from app.tracking.events import Verdict
from app.tracking.sighting import Sighting

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
    probe: NDArray[np.float32],
    matches: Sequence[Match],
    *,
    threshold: float | None = None,
    top_k: int = 0,
) -> Decision:
    """Whose face the mean of these faces is.

    Args:
        serving: Where it was searched.
        faces: One, or several of one person.
        probe: (512,) the mean of their embeddings.
        matches: The users most similar to the mean, by templates of the size that
            `template_px_of` tells, best first: `how_many(top_k)` where there are so many.
        threshold: Instead of the bundle's.
        top_k: How many candidates to list, whatever their similarity.
    """
    if threshold is None:
        threshold = _search_threshold(serving, probe, [face.crop.face_px for face in faces])
    return _decide(matches, threshold, top_k)


def decide_track(
    serving: Serving,
    sightings: Sequence[Sighting],
    probe: NDArray[np.float32],
    matches: Sequence[Match],
    *,
    threshold: float | None = None,
) -> Verdict:
    """Whose track it is, by the weighted mean of its sightings, one at least.

    Args:
        serving: Where it was searched.
        sightings: Those of the track that count.
        probe: (512,) their weighted mean.
        matches: The users most similar to their mean, by templates of the size that
            `Serving.template_px` tells, best first: `how_many(0)` where there are so many.
        threshold: Instead of the bundle's.
    """
    if threshold is None:
        threshold = _search_threshold(serving, probe, [each.quality.face_px for each in sightings])
    found = _decide(matches, threshold, 0)
    return Verdict(found.user_id, found.similarity, found.margin, found.threshold)


def _decide(matches: Sequence[Match], threshold: float, top_k: int) -> Decision:
    if not matches:
        return Decision(None, None, None, threshold, [])
    best = matches[0]
    return Decision(
        user_id=best.user_id if best.similarity >= threshold else None,
        similarity=best.similarity,
        margin=best.similarity - matches[1].similarity if len(matches) > 1 else None,
        threshold=threshold,
        candidates=list(matches[:top_k]),
    )


def how_many(top_k: int) -> int:
    """How many users to search for if so many candidates are to be listed."""
    return max(top_k, _BEST_AND_RUNNER_UP)


def _search_threshold(
    serving: Serving, probe: NDArray[np.float32], sizes: Sequence[float]
) -> float:
    """The strictest one of faces that are taken together."""
    template_px = serving.template_px(sizes)
    return max(serving.search_threshold(face_px, probe, template_px) for face_px in sizes)


def strictest_threshold(
    serving: Serving,
    faces: Sequence[FoundFace],
    probes: NDArray[np.float32],
    wanted: float | None = None,
    template_px: int | None = None,
) -> float:
    """The similarity that each of some faces must reach: `wanted`, else the bundle's.

    Args:
        serving: Where they are compared.
        faces: One at least.
        probes: (n, 512) their embeddings.
        wanted: Instead of the bundle's.
        template_px: The size of the templates that they are compared with; see Serving.threshold.
    """
    if wanted is not None:
        return wanted
    return max(
        serving.threshold(face.crop.face_px, probe, template_px)
        for face, probe in zip(faces, probes, strict=True)
    )


def template_px_of(serving: Serving, faces: Sequence[FoundFace]) -> int | None:
    """The size of the templates that faces, taken together, are compared with."""
    return serving.template_px(face.crop.face_px for face in faces)
