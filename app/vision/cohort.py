"""What strangers look like to a bundle's networks, by which thresholds follow each probe.

Old, grey and soft photos resemble each other, whoever is on them. A face that resembles strangers
more than usual needs more similarity to be somebody's (docs/decisions/0041-cohort.md). That is the
probe's half of score normalisation by a cohort (adaptive T-norm: Sturim and Reynolds, "Speaker
adaptive cohort selection for Tnorm", ICASSP 2005), without the division by a deviation.
"""

import cv2
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from app.errors import BundleError
from app.vision.dimensions import EMBEDDING_SIZE
from app.vision.scaling import Floats

_NAME = "means"
# The share of a cohort that a probe resembles most: few means would say who is alike, all of them
# nothing about the photo.
_NEAREST = 1 / 40
# Of so many strangers each mean is made on average, and of so many at least: it is no one person's.
_STRANGERS_PER_MEAN, FEWEST_STRANGERS = 20, 10
_ROUNDS, _SEED = 15, 0
# A face is compared with all of them while others wait; a mean of unit vectors is no longer.
_MOST_MEANS, _LONGEST = 10_000, 1.001


class Cohort:
    """Means of strangers' embeddings, in the space of one bundle.

    Args:
        means: (m, 512), each of several strangers who are alike; not of unit length.
    """

    def __init__(self, means: Floats) -> None:
        self._means = means
        self._nearest = max(1, round(_NEAREST * len(means)))

    def likeness(self, probes: Floats) -> Floats:
        """How much faces resemble strangers: (..., 512) of unit length -> (...,) cosines.

        The mean of the similarities to the fortieth part of the cohort that is most similar.
        """
        similarity = probes @ self._means.T
        nearest = np.partition(similarity, -self._nearest, axis=-1)[..., -self._nearest :]
        return np.asarray(nearest.mean(axis=-1), np.float32)


def read_cohort(content: bytes) -> Cohort:
    """Reads a bundle's file.

    Raises:
        BundleError: It is not one.
    """
    try:
        means = safetensors.numpy.load(content)[_NAME]
    except (safetensors.SafetensorError, KeyError) as error:
        raise BundleError("The cohort's file has no means.") from error
    if means.ndim != 2 or means.shape[1] != EMBEDDING_SIZE or not 0 < len(means) <= _MOST_MEANS:  # noqa: PLR2004 - (m, 512)
        raise BundleError(
            f"The cohort's means have shape {means.shape}, not (1 to {_MOST_MEANS}, 512)."
        )
    if means.dtype not in (np.float16, np.float32):
        raise BundleError(f"The cohort's means are {means.dtype}, not float16 or float32.")
    means = means.astype(np.float32)
    if not (np.linalg.norm(means, axis=1) <= _LONGEST).all():  # not for NaN either
        raise BundleError("The cohort's means are no means of embeddings.")
    return Cohort(means)


def pack_cohort(strangers: Floats) -> bytes:
    """The file of a cohort: means of strangers who are alike, by k-means, always the same.

    Args:
        strangers: (n, 512) embeddings of sharp faces, of unit length.

    Returns:
        For read_cohort: about n / 20 means, (m, 512) float16.

    Raises:
        BundleError: There are fewer than ten.
    """
    if len(strangers) < FEWEST_STRANGERS:
        raise BundleError(f"A cohort needs at least {FEWEST_STRANGERS} strangers.")
    groups = _grouped(strangers, max(1, len(strangers) // _STRANGERS_PER_MEAN))
    means = np.stack([strangers[groups == group].mean(axis=0) for group in np.unique(groups)])
    return safetensors.numpy.save({_NAME: means.astype(np.float16)})


def _grouped(strangers: Floats, count: int) -> NDArray[np.intp]:
    """(n,) a group for each; strangers of too small a group go to the next one."""
    cv2.setRNGSeed(_SEED)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, _ROUNDS, 0.0)
    _, labels, centres = cv2.kmeans(
        strangers, count, np.empty((0, 1), np.int32), stop, 1, cv2.KMEANS_PP_CENTERS
    )
    groups = labels.ravel()
    similarity = strangers @ centres.T
    while len(np.unique(groups)) > 1:
        sizes = np.bincount(groups, minlength=count)
        smallest = int(np.where(sizes > 0, sizes, len(groups) + 1).argmin())
        if sizes[smallest] >= FEWEST_STRANGERS:
            break
        similarity[:, (sizes == 0) | (np.arange(count) == smallest)] = -np.inf
        members = groups == smallest
        groups[members] = similarity[members].argmax(axis=1)
    return np.asarray(groups, np.intp)
