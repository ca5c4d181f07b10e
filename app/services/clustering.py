"""Which faces of strangers are probably one person's."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def clusters_of(embeddings: NDArray[np.float32], thresholds: Sequence[float]) -> list[list[int]]:
    """Puts faces together that are alike.

    Each face, in the order given, comes to the cluster to whose faces it is most alike on average,
    if that average reaches the stricter one of its own and the cluster's thresholds; else it
    begins a cluster. An average, unlike the most alike pair, does not chain strangers together; and
    unlike the similarity to a mean of unit length, it does not grow with the size of a cluster.

    Args:
        embeddings: (n, 512) of unit length; the surest first, because they begin the clusters.
        thresholds: From which similarity on each counts as somebody's.

    Returns:
        Places of the faces of each cluster, ascending; clusters in the order in which they began.
    """
    count = len(embeddings)
    sums = np.zeros_like(embeddings)
    sizes, strictest = np.zeros(count, np.float32), np.zeros(count, np.float32)
    clusters: list[list[int]] = []
    for place in range(count):
        begun = len(clusters)
        chosen = begun
        if begun:
            averages = sums[:begun] @ embeddings[place] / sizes[:begun]
            margins = averages - np.maximum(strictest[:begun], thresholds[place])
            best = int(np.argmax(margins))
            chosen = best if margins[best] >= 0 else begun
        if chosen == begun:
            clusters.append([])
        clusters[chosen].append(place)
        sums[chosen] += embeddings[place]
        sizes[chosen] += 1
        strictest[chosen] = max(float(strictest[chosen]), thresholds[place])
    return clusters
