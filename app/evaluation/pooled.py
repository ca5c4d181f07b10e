"""Photos of one person averaged: templates of several photos, and probes of several frames.

So the service is used: people are registered with three photos or more, and identified from
several frames with `same_person=true` or before a camera.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.errors import EvaluationError
from app.evaluation.all_pairs import AllPairs
from app.vision.scaling import Floats


@dataclass(frozen=True, slots=True)
class Pooling:
    """How many photos stand on each side of a comparison.

    Attributes:
        template_photos: Of a template, on the gallery side.
        frames: Of a probe.
    """

    template_photos: int = 1
    frames: int = 1

    def check(self, people: NDArray[np.integer]) -> None:
        """Sees to it that somebody has a probe and a template without it.

        Args:
            people: (n,) the number of the person on each photo.

        Raises:
            EvaluationError: Nobody has that many photos.
        """
        needed = self.template_photos + self.frames
        most = max(Counter(people.tolist()).values(), default=0)
        if most < needed:
            raise EvaluationError(
                f"Templates of {self.template_photos} and probes of {self.frames} need a person "
                f"with {needed} photos, and nobody has more than {most}. Give more photos, or "
                "smaller --template-photos and --frames."
            )


ONE_BY_ONE = Pooling()
"""Every photo is a template and a probe."""


@dataclass(frozen=True, slots=True)
class PooledPhotos:
    """m sets of k photos, each of one person; no photo is in two of them.

    Attributes:
        owner: (m,) the person's number.
        photos: (m, k) the numbers of the photos in each.
    """

    owner: NDArray[np.int64]
    photos: NDArray[np.int64]

    def rows(self, indices: NDArray[np.integer]) -> "PooledPhotos":
        """The sets at these places, in this order."""
        return PooledPhotos(self.owner[indices], self.photos[indices])

    def vectors(self, embeddings: Floats) -> Floats:
        """(m, 512) the mean embedding of each set, of unit length.

        Embeddings that are zero do not count; where all are, the mean is zero. A photo by itself
        keeps its embedding bit by bit.

        Args:
            embeddings: (n, 512) of all photos, of unit length or zero.
        """
        of_photos = embeddings[self.photos]
        if of_photos.shape[1] == 1:
            return np.asarray(of_photos[:, 0], dtype=np.float32)
        sums = of_photos.sum(axis=1, dtype=np.float64)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.maximum(lengths, np.finfo(np.float64).tiny), dtype=np.float32)

    def pairs(self, similarity: Floats, probes: "PooledPhotos") -> AllPairs:
        """Every probe against each of these templates, except those that share a photo with it.

        Args:
            similarity: (p, m), a row per probe.
            probes: p of them.
        """
        n_photos = 1 + max(self.photos.max(initial=-1), probes.photos.max(initial=-1))
        template_of = np.full(n_photos, -1)
        template_of[self.photos] = np.arange(len(self.owner))[:, None]
        impostor = probes.owner[:, None] != self.owner
        genuine = ~impostor
        shared = template_of[probes.photos]
        row, frame = np.nonzero(shared >= 0)
        genuine[row, shared[row, frame]] = False
        return AllPairs(similarity, genuine, impostor)


def pool_photos(
    people: NDArray[np.integer],
    n_photos: int,
    usable: NDArray[np.bool_] | None = None,
    *,
    from_last: bool = False,
) -> PooledPhotos:
    """Sets of so many photos each, in their order; what is left of a person makes none.

    Args:
        people: (n,) the number of the person on each photo.
        n_photos: Of a set.
        usable: (n,) which photos may be taken; None for all.
        from_last: A person's first photos are left over, not the last ones. If probes are made so,
            and templates of the first photos, whoever has enough for both has a pair.
    """
    places = np.arange(len(people)) if usable is None else np.flatnonzero(usable)
    order = places[np.argsort(people[places], kind="stable")]
    of_people = np.split(order, np.flatnonzero(np.diff(people[order])) + 1)
    sets = [
        rows[start : start + n_photos]
        for rows in of_people
        for start in range(len(rows) % n_photos if from_last else 0, len(rows), n_photos)
        if start + n_photos <= len(rows)
    ]
    sets.sort(key=lambda rows: int(rows[0]))
    photos = np.array(sets, dtype=np.int64).reshape(-1, n_photos)
    return PooledPhotos(np.asarray(people[photos[:, 0]], dtype=np.int64), photos)
