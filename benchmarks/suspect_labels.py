"""How many of an evaluation's misses are due to the data: photos unlike all others of their person.

python -m benchmarks.suspect_labels ROOT PAIRS.txt --bundle STOCK --judge JUDGE

The pairs are judged by one bundle (LFW's protocol, aligned crops). Another one, the judge, calls
photos suspect: median similarity to the other photos of their person below 0.2. A suspect photo may
have the wrong name, or show a profile, make-up or a covered face: the figure cannot tell.
"""

import argparse
from pathlib import Path

import numpy as np

from app.evaluation.photo_sets import PersonPhoto, read_pairs, read_people
from app.evaluation.probes import view_aligned
from app.evaluation.verification import fold_verdicts
from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder
from app.vision.image import decode_image
from benchmarks.material import show

SUSPECT_BELOW = 0.2


def embed(bundle: Path, photos: list[PersonPhoto]) -> np.ndarray:
    """(n, 512) embeddings of aligned crops."""
    images = [decode_image(photo.path.read_bytes()) for photo in photos]
    crops = [crop for image in images for crop in view_aligned(image, (None,)) if crop is not None]
    return Embedder(load_bundle(bundle), "cpu").embed(crops)[0]


def suspects(embeddings: np.ndarray, people: np.ndarray) -> np.ndarray:
    """(n,) whether a photo is unlike the others of its person."""
    similarities = embeddings @ embeddings.T
    np.fill_diagonal(similarities, np.nan)
    similarities[people[:, None] != people] = np.nan
    found: np.ndarray = np.nanmedian(similarities, axis=1) < SUSPECT_BELOW
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--judge", type=Path, required=True)
    wanted = parser.parse_args()
    photos = read_people(wanted.root)
    row = {photo: index for index, photo in enumerate(photos)}
    pairs = read_pairs(wanted.pairs, wanted.root)
    first = np.array([row[pair.first] for pair in pairs])
    second = np.array([row[pair.second] for pair in pairs])
    genuine = np.array([pair.genuine for pair in pairs])
    folds = np.array([pair.fold for pair in pairs])
    embeddings = embed(wanted.bundle, photos)
    similarities = (embeddings[first] * embeddings[second]).sum(axis=1).astype(np.float64)
    right = fold_verdicts(similarities, genuine, folds)
    suspect = suspects(embed(wanted.judge, photos), np.array([photo.person for photo in photos]))
    touched = suspect[first] | suspect[second]
    rest = ~touched
    cleaned = fold_verdicts(similarities[rest], genuine[rest], folds[rest])
    show(f"accuracy {right.mean():.4f}: {(~right).sum()} misses in {len(right)} pairs")
    show(f"{suspect.sum()} suspect photos in {(~right & touched).sum()} of the misses")
    show(f"accuracy without them {cleaned.mean():.4f} on {len(cleaned)} pairs")


if __name__ == "__main__":
    main()
