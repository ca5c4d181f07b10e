"""What a bundle makes of enrolled people: the service's comparisons, all at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.evaluation.leave_one_out import LeaveOneOut
from app.vision.scaling import Floats


@dataclass(frozen=True, slots=True)
class EnrolledPhotos:
    """The same n photos of enrolled people, seen by two bundles.

    Attributes:
        people: (n,) a number per user, the same for all their photos.
        before: (n, 512) float32, embeddings in the serving space.
        after: (n, 512) float32, embeddings in the new space.
        threshold_before: (n,) the serving bundle's threshold for a face of the photo's size.
        threshold_after: (n,) the new bundle's.
    """

    people: NDArray[np.integer]
    before: Floats
    after: Floats
    threshold_before: NDArray[np.floating]
    threshold_after: NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class BundleFigures:
    """What one bundle makes of the enrolled people.

    Genuine: a photo against the mean of the same user's other photos. Impostor: a photo against
    another user's template. None where there is nothing to compare.

    Attributes:
        genuine_mean: Mean similarity.
        genuine_accepted: Share that reaches the bundle's threshold for the photo.
        impostor_mean: Mean similarity.
        impostor_std: Its standard deviation.
        impostor_accepted: Share that reaches the threshold.
    """

    genuine_mean: float | None
    genuine_accepted: float | None
    impostor_mean: float | None
    impostor_std: float | None
    impostor_accepted: float | None


@dataclass(frozen=True, slots=True)
class TemplateComparison:
    """Every photo against the users' templates, in one space.

    Attributes:
        genuine: (g,) similarity of each photo to the mean of the user's others.
        genuine_accepted: (g,) whether it reaches the threshold.
        impostor: (i,) similarity of each photo to each other user's template.
        accepted: (users, users) how many photos of the one reach the threshold at the other's
            template; 0 for the user's own.
        n_photos: (users,)
    """

    genuine: Floats
    genuine_accepted: NDArray[np.bool_]
    impostor: Floats
    accepted: NDArray[np.int64]
    n_photos: NDArray[np.int64]

    @classmethod
    def of(
        cls, people: NDArray[np.integer], embeddings: Floats, thresholds: NDArray[np.floating]
    ) -> "TemplateComparison":
        """Compares photos of some users.

        Args:
            people: (n,) a number per user.
            embeddings: (n, 512) of unit length.
            thresholds: (n,) for a face of the photo's size.
        """
        compared = LeaveOneOut.of(people, embeddings)
        n_users = len(compared.n_photos)
        reached = (compared.similarity >= thresholds[:, None]) & compared.is_other
        accepted = np.zeros((n_users, n_users), dtype=np.int64)
        np.add.at(accepted, compared.member, reached)
        has_others = ~np.isnan(compared.genuine)
        genuine = compared.genuine[has_others]
        return cls(
            genuine=genuine,
            genuine_accepted=genuine >= thresholds[has_others],
            impostor=compared.impostor,
            accepted=accepted,
            n_photos=compared.n_photos,
        )

    @property
    def accepted_shares(self) -> NDArray[np.float64]:
        """(users, users) the accepted comparisons between two users, both ways."""
        accepted = self.accepted + self.accepted.T
        return accepted / (self.n_photos[:, None] + self.n_photos)

    def figures(self) -> BundleFigures:
        """The comparison in five figures."""
        n_impostor = len(self.impostor)
        return BundleFigures(
            genuine_mean=_mean(self.genuine),
            genuine_accepted=_mean(self.genuine_accepted),
            impostor_mean=_mean(self.impostor),
            impostor_std=float(self.impostor.std(dtype=np.float64)) if n_impostor else None,
            impostor_accepted=int(self.accepted.sum()) / n_impostor if n_impostor else None,
        )


@dataclass(frozen=True, slots=True)
class FalseAccepts:
    """False accepts of two bundles among the same pairs of users.

    Two people who look alike do so in all their photos at once: 12 comparisons are not 12
    independent trials. So a pair of users is one trial, and it adds the share of its comparisons
    that are accepted, from 0 to 1. Among sums of such shares with one mean, that of 0-or-1 trials
    spreads most (Hoeffding 1963), so a test made for those errs on the bundle's side.

    Attributes:
        pairs: Pairs of two users.
        before: Sum of the shares that the serving bundle accepts.
        after: Of those that the new one accepts.
        gained: By how much shares rose, over the pairs where they did.
        lost: By how much they fell.
    """

    pairs: int
    before: float
    after: float
    gained: float
    lost: float

    @classmethod
    def of(cls, before: TemplateComparison, after: TemplateComparison) -> "FalseAccepts":
        """Counts them in two comparisons of the same photos."""
        pairs = np.triu_indices(len(before.accepted), k=1)
        shares_before, shares_after = before.accepted_shares[pairs], after.accepted_shares[pairs]
        change = shares_after - shares_before
        return cls(
            pairs=len(change),
            before=float(shares_before.sum()),
            after=float(shares_after.sum()),
            gained=float(change[change > 0].sum()),
            lost=float(-change[change < 0].sum()),
        )


def _mean(values: NDArray[np.generic]) -> float | None:
    return float(values.mean(dtype=np.float64)) if len(values) else None
