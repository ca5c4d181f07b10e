"""What the photos of one person say about each other."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from app.services.reviewed_photo import ReviewedPhoto, usable_photos
from app.vision.image import Image, decode_image
from app.vision.quality import Rejection

# Crops of one photo that was saved in several ways are at least this much alike; those of different
# photos of ../shared/photos reach 0.96 at most (`python -m benchmarks.copies`).
_COPY_LIKENESS = 0.99
_COMPARED_SIDE_PX = 56
# One crop is cut by this much, so that it can move within the other: detections differ.
_COPY_MARGIN_PX = 4
_COPY_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)


def reject_outliers(photos: Sequence[ReviewedPhoto], min_similarity: float) -> None:
    """Rejects the photos that show somebody else than the others; see `outliers`."""
    usable = usable_photos(photos)
    if not usable:
        return
    embeddings = np.stack([each.embedding for each in usable])
    for index in outliers(embeddings, min_similarity):
        usable[index].photo.reject(Rejection.OUTLIER)


def reject_copies(photos: Sequence[ReviewedPhoto], stored: Sequence[bytes] = ()) -> None:
    """Rejects photos that repeat another one, saved in another way.

    Args:
        photos: Of one person; of several copies the first is kept.
        stored: Crops of photos that the person has already, as they are stored.
    """
    kept = [(decode_image(crop), "stored already") for crop in stored]
    for photo, face, _ in usable_photos(photos):
        crop = face.crop.pixels
        original = next(
            (told for other, told in kept if likeness(crop, other) >= _COPY_LIKENESS), None
        )
        if original is None:
            kept.append((crop, f"photo {photo.index} of the request"))
        else:
            photo.reject(
                Rejection.DUPLICATE_PHOTO,
                f"This is the same picture as {original}, saved in another way. Send another one.",
            )


def likeness(crop: Image, other: Image) -> float:
    """How likely two crops are one picture, whatever was lost when they were saved.

    One is laid over the other as well as an affine map can (Evangelidis and Psarakis,
    "Parametric image alignment using enhanced correlation coefficient maximization", PAMI 2008).

    Args:
        crop: (112, 112, 3) uint8, RGB.
        other: Likewise.

    Returns:
        The correlation of their luma, -1..1; 0 if no map is found.
    """
    inner = slice(_COPY_MARGIN_PX, -_COPY_MARGIN_PX)
    start = np.eye(2, 3, dtype=np.float32)
    start[:, 2] = _COPY_MARGIN_PX
    try:
        correlation, _ = cv2.findTransformECC(
            _small(crop)[inner, inner],
            _small(other),
            start,
            cv2.MOTION_AFFINE,
            _COPY_STEPS,
        )
    except cv2.error:  # they are too different for any map to be found
        return 0.0
    return float(correlation)


def _small(crop: Image) -> NDArray[np.float32]:
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    side = (_COMPARED_SIDE_PX, _COMPARED_SIDE_PX)
    return np.asarray(cv2.resize(luma, side, interpolation=cv2.INTER_AREA), np.float32)


def outliers(embeddings: NDArray[np.float32], min_similarity: float) -> list[int]:
    """Which photos said to be of one person show somebody else.

    While the lowest median similarity of a photo to the others is below the limit, that photo goes.
    The median, unlike the mean, is not lifted by a second photo of the same wrong person. The
    photos that stay must outnumber those that went: with two against two nobody knows who is meant,
    so all four are outliers.

    Args:
        embeddings: (n, 512) of unit length.
        min_similarity: The limit.

    Returns:
        Indices of the outliers, ascending.
    """
    similarities = embeddings @ embeddings.T
    kept = list(range(len(embeddings)))
    while len(kept) > 1:
        among_kept = similarities[np.ix_(kept, kept)]
        others = among_kept[~np.eye(len(kept), dtype=bool)].reshape(len(kept), len(kept) - 1)
        medians = np.median(others, axis=1)
        worst = int(np.argmin(medians))
        if medians[worst] >= min_similarity:
            break
        del kept[worst]
    if 2 * len(kept) <= len(embeddings):
        return list(range(len(embeddings)))
    return [index for index in range(len(embeddings)) if index not in kept]
