"""Thresholds raised by the strangers that a probe resembles, on people of another kind.

`python -m benchmarks.raised_thresholds CACHE --chosen-on DIR --judged-on DIR --cohort DIR` after
`benchmarks.templates` has filled CACHE with both folders (decision 0040). A probe's threshold is a
constant plus its mean similarity to the strangers that it resembles most; K 0 is the constant
alone. Constants are chosen for FAR 1e-3 on one folder; pairs of one family are left out.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from app.evaluation.all_pairs import AllPairs
from app.evaluation.pooled import pool_photos
from app.evaluation.sizes import Size, parse_sizes, size_name
from app.evaluation.verification import FALSE_ACCEPT_RATES, USUAL_FAR
from app.vision.embedder import fused_template
from app.vision.scaling import Floats
from benchmarks.material import show
from benchmarks.templates import Material, read_crops

_FAR = FALSE_ACCEPT_RATES[USUAL_FAR]
_SIZED = (16, 12)


class People:
    """The photos of a folder of people, against templates made of them.

    Args:
        material: Has their embeddings.
        folder: `family_member` or any other names.
        photos: Of each person.
    """

    def __init__(self, material: Material, folder: Path, photos: int) -> None:
        paths = [
            path for who in sorted(folder.iterdir()) for path in sorted(who.iterdir())[:photos]
        ]
        names = [path.parent.name for path in paths]
        self._people = np.unique(names, return_inverse=True)[1]
        self._families = np.unique([name.split("_")[0] for name in names], return_inverse=True)[1]
        self._name = f"{folder.name}-{photos}"
        self._material, self._paths = material, paths

    def seen(self, size: Size) -> Floats:
        """(n, 512) the photos shrunk to a size."""
        make = partial(read_crops, self._paths)  # sharp ones; the others are in the cache
        return self._material.embedded(f"{self._name}-{size_name(size)}", make)

    def pairs(self, size: Size, n_photos: int, raised_by: Floats, *, is_sized: bool) -> AllPairs:
        """Similarities less what each probe's threshold is raised by, (n,)."""
        templates, probes = (pool_photos(self._people, n) for n in (n_photos, 1))
        vectors = templates.vectors(self.seen(None))
        if is_sized:
            vectors = fused_template(vectors, templates.vectors(self.seen(size)))
        found = templates.pairs(self.seen(size) @ vectors.T - raised_by[:, None], probes)
        strangers = self._families[:, None] != self._families[templates.photos[:, 0]]
        return AllPairs(found.similarity, found.genuine, found.impostor & strangers)


def _raised_by(probes: Floats, cohort: Floats, nearest: int) -> Floats:
    if not nearest:
        return np.zeros(len(probes), np.float32)
    near = np.partition(probes @ cohort.T, -nearest, axis=1)[:, -nearest:]
    return np.asarray(near.mean(axis=1), np.float32)


def _makers(pairs: AllPairs) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The probes and the templates of the false accepts at FAR 1e-3."""
    threshold = np.quantile(pairs.similarity[pairs.impostor], 1 - _FAR)
    probes, templates = np.nonzero(pairs.impostor & (pairs.similarity >= threshold))
    return np.unique(probes), np.unique(templates)


def main(
    cache: Path,
    chosen_on: Annotated[Path, typer.Option(help="Aligned crops of people, a folder each.")],
    judged_on: Annotated[Path, typer.Option(help="The same of others.")],
    cohort: Annotated[Path, typer.Option(help="Aligned crops of strangers, f*.jpg.")],
    bundle: Path = Path("weights/farsight-xxs"),
    nearest: Annotated[list[int], typer.Option(help="K.")] = [0, 50],  # noqa: B006
    strangers: Annotated[int, typer.Option(help="The cohort's size.")] = 2000,
    photos: Annotated[int, typer.Option(help="Of each person.")] = 100,
    sizes: str = "hr,24,16,12",
) -> None:
    """TAR at FAR 1e-3 on both, and FAR on the second by the threshold of the first."""
    material = Material(cache, bundle)
    make = partial(read_crops, sorted(cohort.glob("f*.jpg"))[:strangers])
    known = material.embedded(f"cohort-{strangers}", make)
    first, second = (People(material, folder, photos) for folder in (chosen_on, judged_on))
    show("| px | templates | K | photos | TAR | others: TAR | FAR x, by 1 photo | by 3 |")
    show("|---|---|---|---|---|---|---|---|")
    for size in parse_sizes(sizes):
        for is_sized in (False, True) if size in _SIZED else (False,):
            for k in nearest:
                of = {
                    (who, n): who.pairs(
                        size, n, _raised_by(who.seen(size), known, k), is_sized=is_sized
                    )
                    for who in (first, second)
                    for n in (1, 3)
                }
                for n in (1, 3):
                    judged = of[second, n]
                    rates = []
                    for basis in (1, 3):
                        chosen = of[first, basis]
                        at = np.quantile(chosen.similarity[chosen.impostor], 1 - _FAR)
                        accepted = judged.similarity[judged.impostor] >= at
                        rates.append(f"{accepted.mean() / _FAR:.1f}")
                    show(
                        f"| {size_name(size)} | {'fused' if is_sized else 'plain'} | {k} | {n} | "
                        f"{100 * of[first, n].tar():.1f} | {100 * judged.tar():.1f} | "
                        + " | ".join(rates)
                        + " |"
                    )
                    if not k:
                        probes, templates = _makers(judged)
                        show(
                            f"| | | | | {len(probes)} of {len(judged.similarity)} probes and "
                            f"{len(templates)} of {judged.similarity.shape[1]} templates make all "
                            "of their false accepts | | | |"
                        )


if __name__ == "__main__":
    typer.run(main)
