"""Prints how strangers' faces come together by likeness, as the console's Review shows them.

Run as `python -m benchmarks.strangers`, on every third photo of `faces/val`, whose people no
network has seen; for docs/decisions/0039. Beside the service's way: to the cluster with the most
alike face, and to the one whose mean of unit length is most alike.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.evaluation.probes import shrink_crop
from app.services.clustering import clusters_of
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder
from benchmarks.material import Vectors, limit_threads, read_images, show

_RATE = 1e-4
_SIZES = (None, 32, 24, 16)


def other_way(embeddings: Vectors, threshold: float, *, chained: bool) -> list[list[int]]:
    """As clusters_of, but compared with a cluster's most alike face, or its mean of unit length."""
    clusters: list[list[int]] = []
    for place, embedding in enumerate(embeddings):
        alike = []
        for cluster in clusters:
            of = embeddings[cluster]
            mean = of.mean(axis=0)
            one = (of @ embedding).max() if chained else mean @ embedding / np.linalg.norm(mean)
            alike.append(float(one))
        if alike and max(alike) >= threshold:
            clusters[int(np.argmax(alike))].append(place)
        else:
            clusters.append([place])
    return clusters


def show_row(
    size: str, way: str, clusters: Sequence[Sequence[int]], people: NDArray[np.int64]
) -> None:
    """One row."""
    together = right = mixed = 0
    for cluster in clusters:
        _, counts = np.unique(people[list(cluster)], return_counts=True)
        together += len(cluster) * (len(cluster) - 1) // 2
        right += int((counts * (counts - 1) // 2).sum())
        mixed += len(counts) > 1
    _, counts = np.unique(people, return_counts=True)
    same = int((counts * (counts - 1) // 2).sum())
    show(
        f"| {size} | {way} | {len(clusters)} | {mixed} | {right / max(together, 1):.3f} "
        f"| {right / same:.3f} |"
    )


def main() -> None:
    """One table."""
    limit_threads()
    embedder = Embedder(load_bundle(Path("weights/farsight-xxs")), "cpu")
    images, people = read_images("faces/val", step=3)
    mixed = np.random.default_rng(0).permutation(len(images))  # as people come, not one by one
    images, people = [images[place] for place in mixed], people[mixed]
    show(f"{len(images)} faces of {len(np.unique(people))} people")
    show(
        "| `face_px` | joins by | clusters | of several people | of pairs together, right "
        "| of a person's pairs, together |"
    )
    show("|---|---|---|---|---|---|")
    for size in _SIZES:
        crops = [shrink_crop(Crop(image, float(CROP_SIZE_PX)), size) for image in images]
        embeddings, _ = embedder.embed(crops)
        threshold = embedder.bundle.manifest.threshold(crops[0].face_px, _RATE)
        assert threshold is not None
        name = "112" if size is None else str(size)
        ways = {
            "mean similarity (the service)": clusters_of(embeddings, [threshold] * len(crops)),
            "most alike face": other_way(embeddings, threshold, chained=True),
            "mean of unit length": other_way(embeddings, threshold, chained=False),
        }
        for way, clusters in ways.items():
            show_row(name, way, clusters, people)


if __name__ == "__main__":
    main()
