"""Prints the tables of docs/decisions/0015-covered-faces.md about crops.

Run as `python -m benchmarks.covers BUNDLE`. Covers are drawn over the crops of `faces/val`, on
which the limits were chosen; refusals of uncovered faces are reported for other folders, too.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from app.vision.alignment import ARCFACE_TEMPLATE, Crop
from app.vision.bundle import load_bundle
from app.vision.covers import without_eyes, without_mouth
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder, mean_embedding
from app.vision.image import Image, decode_image
from app.vision.quality import REGISTRATION_LIMITS as LIMITS
from benchmarks.drawn_covers import GLASS_COLOURS, MASK_COLOURS, draw_glasses, draw_mask
from benchmarks.material import SHARED, Vectors, limit_threads, read_images, show

PHOTOS = 3
NEAR = 0.4


def glasses(crop: Image, number: int) -> Image:
    """Dark glasses on a crop."""
    return draw_glasses(crop, ARCFACE_TEMPLATE, number % len(GLASS_COLOURS))


def mask(crop: Image, number: int) -> Image:
    """A mask on a crop."""
    return draw_mask(crop, ARCFACE_TEMPLATE, number % len(MASK_COLOURS))


COVERS: dict[str, Callable[[Image, int], Image]] = {
    "none": lambda crop, _: crop,
    "mask": mask,
    "glasses": glasses,
    "mask and glasses": lambda crop, number: glasses(mask(crop, number), number),
}


class Measured:
    """Embeddings of crops, and how similar they are to themselves without eyes and mouth."""

    def __init__(self, embedder: Embedder, crops: Sequence[Image]) -> None:
        faces = [Crop(crop, CROP_SIZE_PX) for crop in crops]
        self.embeddings: Vectors = embedder.embed(faces)[0]
        self.eyes = self._similarity(embedder, [without_eyes(face) for face in faces])
        self.mouth = self._similarity(embedder, [without_mouth(face) for face in faces])

    def _similarity(self, embedder: Embedder, hidden: Sequence[Crop]) -> NDArray[np.float32]:
        return np.asarray((self.embeddings * embedder.embed(hidden)[0]).sum(axis=1))

    @property
    def is_good(self) -> NDArray[np.bool_]:
        """(n,) whether registration accepts them."""
        return np.asarray(
            (self.eyes < LIMITS.max_similarity_without_eyes)
            & (self.mouth < LIMITS.max_similarity_without_mouth)
        )


def show_uncovered(embedder: Embedder) -> None:
    """How many uncovered faces would be refused."""
    show("| folder | faces | without eyes p50 / p95 / p99 | without mouth | refused |")
    folders = [("faces/val", 1), ("faces/train", 8), ("faces/train_pose", 9)]
    sets = [(name, read_images(name, step)[0]) for name, step in folders]
    fairface = sorted((SHARED / "faces" / "unlabelled").glob("f*.jpg"))[::25]
    sets.append(("faces/unlabelled/f*", [decode_image(path.read_bytes()) for path in fairface]))
    for name, crops in sets:
        measured = Measured(embedder, crops)
        refused = 1 - measured.is_good.mean()
        eyes, mouth = _percentiles(measured.eyes), _percentiles(measured.mouth)
        show(f"| {name} | {len(crops)} | {eyes} | {mouth} | {refused:.1%} |")


def show_covered(embedder: Embedder) -> None:
    """How many covered faces are refused, and how near strangers come to the people left."""
    crops, people = read_images("faces/val")
    show("| cover | eyes p1 / p5 / p50 | mouth | refused | templates before | and after |")
    for name, cover in COVERS.items():
        measured = Measured(embedder, [cover(crop, n) for n, crop in enumerate(crops)])
        eyes = _percentiles(measured.eyes, (1, 5, 50))
        mouth = _percentiles(measured.mouth, (1, 5, 50))
        before = _nearest(measured.embeddings, people, np.ones(len(people), dtype=np.bool_))
        after = _nearest(measured.embeddings, people, measured.is_good)
        show(
            f"| {name} | {eyes} | {mouth} | {1 - measured.is_good.mean():.1%} | {before} | {after}"
        )


def _nearest(embeddings: Vectors, people: NDArray[np.int64], good: NDArray[np.bool_]) -> str:
    """How many templates of three photos are near a stranger's photo under the same cover."""
    nearest = []
    for person in np.unique(people):
        own = np.flatnonzero((people == person) & good)[:PHOTOS]
        if len(own) == PHOTOS:
            template = mean_embedding(embeddings[own])
            nearest.append(float((embeddings[people != person] @ template).max()))
    largest = f", {max(nearest):.2f} at most" if nearest else ""
    return f"{sum(each >= NEAR for each in nearest)} of {len(nearest)} near{largest}"


def _percentiles(values: NDArray[np.float32], which: Sequence[int] = (50, 95, 99)) -> str:
    return " / ".join(f"{value:.2f}" for value in np.percentile(values, which))


def main(bundle: Path) -> None:
    """Both tables."""
    limit_threads()
    embedder = Embedder(load_bundle(bundle), "cpu")
    show_uncovered(embedder)
    show_covered(embedder)


if __name__ == "__main__":
    typer.run(main)
