"""How many strangers are named in galleries of 10 to 1,000 (decision 0040).

`python -m benchmarks.strangers_named CACHE --gallery DIR --probes DIR`: templates of three photos
of people in the gallery; the others' photos are searched for. Embeddings are kept in CACHE, as
`benchmarks.templates` keeps them. Rates per search become rates per comparison as in the service.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from app.evaluation.pooled import pool_photos
from app.evaluation.sizes import parse_sizes, size_name
from app.vision.bundle import load_bundle
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.manifest import per_comparison
from benchmarks.material import show
from benchmarks.templates import Material, read_crops, shrunk

_PHOTOS = 3
_USERS = (1, 10, 40, 100, 300, 1000)
_DRAWS = 50
_SEED = 7


def main(
    cache: Path,
    gallery: Annotated[Path, typer.Option(help="Aligned crops of people, a folder each.")],
    probes: Annotated[list[Path], typer.Option(help="The same of others.")],
    bundle: Path = Path("weights/farsight-xxs"),
    sizes: str = "hr,24,16,12",
    photos: Annotated[int, typer.Option(help="Of each person among the probes.")] = 100,
) -> None:
    """The share of probes that are named, over the one asked for or expected at FAR 1e-4."""
    torch.set_num_threads(1)
    material = Material(cache, bundle)
    manifest = load_bundle(bundle).manifest
    people = [sorted(who.iterdir())[:_PHOTOS] for who in sorted(gallery.iterdir())]
    people = [of for of in people if len(of) == _PHOTOS][: _USERS[-1]]
    paths = [path for of in people for path in of]
    embeddings = material.embedded(f"{gallery.name}-gallery", partial(read_crops, paths))
    templates = pool_photos(np.repeat(np.arange(len(people)), _PHOTOS), _PHOTOS)
    vectors = templates.vectors(embeddings)
    chance = np.random.default_rng(_SEED)
    show("| probes | px | users | asked for 0.1 | 0.01 | 0.001 | FAR 1e-4 |")
    show("|---|---|---|---|---|---|---|")
    for folder in probes:
        of_probes = [p for who in sorted(folder.iterdir()) for p in sorted(who.iterdir())[:photos]]
        crops = read_crops(of_probes)
        for size in parse_sizes(sizes):
            name = f"{folder.name}-{photos}-{size_name(size)}"
            similarity = material.embedded(name, partial(shrunk, crops, size)) @ vectors.T
            face_px = float(size or CROP_SIZE_PX)
            for users in _USERS:
                best = np.concatenate(
                    [
                        similarity[:, chance.permutation(len(vectors))[:users]].max(axis=1)
                        for _ in range(_DRAWS)
                    ]
                )
                cells = []
                for wanted in (0.1, 0.01, 0.001):
                    threshold = manifest.threshold_at(face_px, per_comparison(wanted, users))
                    assert threshold is not None
                    cells.append(f"{(best >= threshold).mean() / wanted:.2f}")
                plain = manifest.threshold(face_px, 1e-4)
                expected = 1 - (1 - 1e-4) ** users
                cells.append(f"{(best >= plain).mean() / expected:.2f}")
                show(f"| {folder.name} | {size_name(size)} | {users} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    typer.run(main)
