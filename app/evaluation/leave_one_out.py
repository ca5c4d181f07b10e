"""Photos of enrolled people against everybody's templates, as identification compares them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.vision.scaling import Floats


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """n probes, made of photos that are enrolled, against u users' templates.

    Attributes:
        member: (n,) the column of each probe's own user.
        genuine: (n,) similarity to the mean of the user's other photos; NaN where there is none.
            Against the user's template the photo would be compared with itself as well.
        similarity: (n, u) to each template.
        is_other: (n, u) whether the template is somebody else's.
        n_photos: (u,) enrolled photos of each user.
    """

    member: NDArray[np.intp]
    genuine: Floats
    similarity: Floats
    is_other: NDArray[np.bool_]
    n_photos: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        people: NDArray[np.integer],
        embeddings: Floats,
        probes: Floats | None = None,
        rows: NDArray[np.integer] | None = None,
    ) -> "LeaveOneOut":
        """Compares all photos, or some in another version.

        Args:
            people: (m,) a number per user, for all enrolled photos.
            embeddings: (m, 512) of unit length.
            probes: (n, 512) the photos in `rows` in another version; None for
                the enrolled embeddings.
            rows: (n,) which photos; None for all.
        """
        users, owner = np.unique(people, return_inverse=True)
        n_photos = np.bincount(owner, minlength=len(users))
        sums = _sums(people, embeddings)
        rows = np.arange(len(people)) if rows is None else rows
        probes = embeddings[rows] if probes is None else probes
        member = owner[rows]
        has_others = n_photos[member] > 1
        others = _unit((sums[member] - embeddings[rows])[has_others])
        genuine = np.full(len(rows), np.nan, dtype=np.float32)
        genuine[has_others] = np.einsum("nd,nd->n", probes[has_others], others)
        return cls(
            member=member,
            genuine=genuine,
            similarity=probes @ _unit(sums).T,
            is_other=member[:, None] != np.arange(len(users)),
            n_photos=n_photos,
        )

    def lowered(self, raised_by: Floats) -> "LeaveOneOut":
        """The same with similarities as one threshold for all probes sees them.

        Args:
            raised_by: (n,) how much higher each probe's threshold is.
        """
        return replace(
            self,
            genuine=self.genuine - raised_by,
            similarity=self.similarity - raised_by[:, None],
        )

    @property
    def impostor(self) -> Floats:
        """(i,) similarities of probes to templates of other users."""
        return self.similarity[self.is_other]


def templates_of(people: NDArray[np.integer], embeddings: Floats) -> Floats:
    """(u, 512) the mean of each user's photos, of unit length, in the order of the numbers."""
    return _unit(_sums(people, embeddings))


def _sums(people: NDArray[np.integer], embeddings: Floats) -> NDArray[np.float64]:
    users, owner = np.unique(people, return_inverse=True)
    sums = np.zeros((len(users), embeddings.shape[1]), dtype=np.float64)
    np.add.at(sums, owner, embeddings)
    return sums


def _unit(vectors: NDArray[np.float64]) -> Floats:
    """Brought to unit length; opposite embeddings, whose sum is zero, stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float64).tiny), dtype=np.float32)
