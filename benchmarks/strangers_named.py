"""How many strangers are named in galleries of 10 to 1,000 (decision 0040).

`python -m benchmarks.strangers_named CACHE --gallery DIR --probes DIR`: templates of three photos
of people in the gallery; the others' photos are searched for, by thresholds for all probes alike
and by those that follow each (decision 0041). Below 20 px templates are fused. Embeddings are kept
in CACHE, as `benchmarks.templates` keeps them. Rates per search become rates per comparison as in
the service.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from app.evaluation.pooled import pool_photos
from app.evaluation.sizes import Size, parse_sizes, size_name
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.cohort import read_cohort
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import fused_template
from app.vision.manifest import per_comparison
from app.vision.scaling import Floats
from benchmarks.material import show
from benchmarks.templates import Material, read_crops, shrunk

_PHOTOS = 3
_USERS = (1, 10, 40, 100, 300, 1000)
_RATES = (0.1, 0.01, 0.001)
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
    """The share of probes that are named, over the one asked for."""
    torch.set_num_threads(1)
    material = Material(cache, bundle)
    loaded = load_bundle(bundle)
    manifest = loaded.manifest
    assert manifest.cohort is not None
    cohort = read_cohort(loaded.files[manifest.cohort.means.name])
    people = [sorted(who.iterdir())[:_PHOTOS] for who in sorted(gallery.iterdir())]
    people = [of for of in people if len(of) == _PHOTOS][: _USERS[-1]]
    crops_of_gallery = read_crops([path for of in people for path in of])
    templates = pool_photos(np.repeat(np.arange(len(people)), _PHOTOS), _PHOTOS)

    def seen(name: str, crops: list[Crop], size: Size) -> Floats:
        name = f"{name}-{size_name(size)}"
        return material.embedded(name, partial(shrunk, crops, size))

    plain = templates.vectors(seen(f"{gallery.name}-gallery", crops_of_gallery, None))
    show("| probes | px | templates | thresholds | users | asked for 0.1 | 0.01 | 0.001 |")
    show("|---|---|---|---|---|---|---|---|")
    for folder in probes:
        crops = read_crops(
            [path for who in sorted(folder.iterdir()) for path in sorted(who.iterdir())[:photos]]
        )
        for size in parse_sizes(sizes):
            embeddings = seen(f"{folder.name}-{photos}", crops, size)
            template_px = size if size in manifest.template_sizes else None
            vectors = plain
            if template_px is not None:
                of_gallery = seen(f"{gallery.name}-gallery", crops_of_gallery, size)
                vectors = fused_template(plain, templates.vectors(of_gallery))
            similarity = embeddings @ vectors.T
            face_px = float(size or CROP_SIZE_PX)
            usual = manifest.usual_likeness(face_px, template_px)
            assert usual is not None
            raised_by = cohort.likeness(embeddings) - usual
            ways = {
                "for all": (None, similarity),
                "follow": (usual, similarity - raised_by[:, None]),
            }
            for way, (likeness, left) in ways.items():
                chance = np.random.default_rng(_SEED)  # the same galleries
                for users in (count for count in _USERS if count <= len(vectors)):
                    best = np.concatenate(
                        [
                            left[:, chance.permutation(len(vectors))[:users]].max(axis=1)
                            for _ in range(_DRAWS)
                        ]
                    )
                    cells = []
                    for wanted in _RATES:
                        rate = per_comparison(wanted, users)
                        threshold = manifest.threshold_at(face_px, rate, template_px, likeness)
                        assert threshold is not None
                        cells.append(f"{(best >= threshold).mean() / wanted:.2f}")
                    show(
                        f"| {folder.name} | {size_name(size)} | "
                        f"{'plain' if template_px is None else 'fused'} | {way} | {users} | "
                        + " | ".join(cells)
                        + " |"
                    )


if __name__ == "__main__":
    typer.run(main)
