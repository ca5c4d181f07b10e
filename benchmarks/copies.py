"""Prints how alike crops are: of one photo saved in several ways, and of different photos.

Run as `python -m benchmarks.copies`; for docs/decisions/0015.
"""

from collections.abc import Sequence
from io import BytesIO
from itertools import combinations

import numpy as np
from PIL import Image as PillowImage

from app.services.photo_comparison import likeness
from app.vision.alignment import align
from app.vision.detection import find_faces, largest_first
from app.vision.detector import Detector
from app.vision.image import Image, decode_image
from benchmarks.material import limit_threads, load_detectors, read_images, show

# JPEG quality, and the scale of each side.
WAYS = ((90, 1.0), (60, 1.0), (30, 1.0), (15, 1.0), (80, 0.7), (60, 0.5))
FIRST_PHOTOS = 4


def saved(photo: Image, quality: int, scale: float) -> Image:
    """The photo as it comes back from a file."""
    picture = PillowImage.fromarray(photo)
    size = (round(picture.width * scale), round(picture.height * scale))
    file = BytesIO()
    picture.resize(size, PillowImage.Resampling.LANCZOS).save(file, "JPEG", quality=quality)
    return decode_image(file.getvalue())


def crop_of(detector: Detector, photo: Image) -> Image:
    """Of the largest face."""
    return align(photo, largest_first(find_faces(detector, photo).faces)[0].landmarks).pixels


def show_row(name: str, found: Sequence[float]) -> None:
    """One row."""
    told = " / ".join(f"{value:.3f}" for value in np.percentile(found, [0, 5, 50, 100]))
    show(f"| {name} | {len(found)} | {told} |")


def main() -> None:
    """One table."""
    limit_threads()
    detector = load_detectors()["yunet"]
    photos, people = read_images("photos")
    chosen = [
        index
        for person in np.unique(people)
        for index in np.flatnonzero(people == person)[:FIRST_PHOTOS]
    ]
    crops = {index: crop_of(detector, photos[index]) for index in chosen}
    show("| compared with the photo | pairs | likeness least / p5 / p50 / most |")
    for quality, scale in WAYS:
        again = [crop_of(detector, saved(photos[index], quality, scale)) for index in chosen]
        found = [likeness(crops[index], crop) for index, crop in zip(chosen, again, strict=True)]
        show_row(f"JPEG {quality}, {scale:g} of the size", found)
    pairs = [(a, b) for a, b in combinations(chosen, 2) if people[a] == people[b]]
    show_row("another photo of the person", [likeness(crops[a], crops[b]) for a, b in pairs])


if __name__ == "__main__":
    main()
