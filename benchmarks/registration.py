"""Prints the tables of docs/decisions/0008-registration-limits.md.

Run as `python -m benchmarks.registration BUNDLE`.
"""

from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from app.services.photo_comparison import outliers
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder, mean_embedding
from benchmarks.material import Vectors, limit_threads, read_images, show

PHOTOS = 8
STOCK_THRESHOLD = 0.35
# Of a person's photos to the others: a wrong label rather than a bad photo.
LIKELY_MISLABELLED = 0.15
DRAWS = 2000


def people_of(folder: str, embedder: Embedder) -> list[Vectors]:
    """(8, 512) embeddings per person, of those that have as many well-labelled photos."""
    images, person_of = read_images(folder)
    embeddings, _ = embedder.embed([Crop(image, float(CROP_SIZE_PX)) for image in images])
    found = []
    for person in np.unique(person_of):
        own = embeddings[person_of == person][: 3 * PHOTOS]
        medians = np.median(own @ own.T, axis=1)
        own = own[medians >= LIKELY_MISLABELLED][:PHOTOS]
        if len(own) == PHOTOS:
            found.append(own)
    return found


def show_duplicates(people: list[Vectors]) -> None:
    """Templates of one half of the photos against templates, and photos, of the other half."""
    show(
        f"duplicates: {len(people)} people; | compared | genuine p1 / p5 | strangers p99.9 / max |"
    )
    same = np.eye(len(people), dtype=bool)
    for count in (1, 3, 4):
        old = np.stack([mean_embedding(list(own[:count])) for own in people])
        new = np.stack([mean_embedding(list(own[4 : 4 + count])) for own in people])
        similarities = old @ new.T
        p1, p5 = np.percentile(similarities[same], [1, 5])
        p999, largest = np.percentile(similarities[~same], [99.9, 100])
        shares = " ".join(
            f">= {limit}: {(similarities[~same] >= limit).mean():.1e}"
            for limit in (STOCK_THRESHOLD, 0.4, 0.5)
        )
        show(f"| means of {count} | {p1:.2f} / {p5:.2f} | {p999:.2f} / {largest:.2f} | {shares}")


def show_outliers(people: list[Vectors]) -> None:
    """How often good photos are rejected, and wrong ones kept, at several limits."""
    random = np.random.default_rng(0)
    show("outliers: | limit | 4 good: any rejected | 3 + 1 wrong: right | 2 + 2: all rejected |")
    for limit in (0.1, 0.15, 0.2, 0.25, 0.3):
        good = np.mean([not outliers(_draw(people, [4], random), limit) for _ in range(DRAWS)])
        one = np.mean([outliers(_draw(people, [3, 1], random), limit) == [3] for _ in range(DRAWS)])
        everybody = [0, 1, 2, 3]
        two = np.mean(
            [outliers(_draw(people, [2, 2], random), limit) == everybody for _ in range(DRAWS)]
        )
        show(f"| {limit} | {1 - good:.1%} | {one:.1%} | {two:.1%} |")


def _draw(people: list[Vectors], counts: list[int], random: np.random.Generator) -> Vectors:
    """Photos of as many people as there are counts, so many of each."""
    drawn: NDArray[np.int64] = random.choice(len(people), len(counts), replace=False)
    return np.concatenate(
        [
            people[person][random.choice(PHOTOS, count, replace=False)]
            for person, count in zip(drawn, counts, strict=True)
        ]
    )


def main(bundle: Path) -> None:
    """Both tables."""
    limit_threads()
    embedder = Embedder(load_bundle(bundle), "cpu")
    people = people_of("faces/val", embedder) + people_of("faces/train", embedder)
    show_duplicates(people)
    show_outliers(people)


if __name__ == "__main__":
    typer.run(main)
