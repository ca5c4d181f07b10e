"""Thresholds raised by how much a probe resembles strangers, on people of another kind.

`python -m benchmarks.raised_thresholds CACHE --chosen-on DIR --judged-on DIR --cohort DIR`
(decisions 0040 and 0041). A probe's threshold is a constant plus its likeness to strangers, by one
of these cohorts: none (the constant alone); the strangers themselves, the fortieth part of them
that it resembles most; means of those who are alike, as bundles have them; and the mean of all
plus four deviations. Constants are chosen on one folder with templates of one photo and probes of
one frame; pairs of one family are left out. Embeddings are kept in CACHE.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from app.evaluation.all_pairs import AllPairs
from app.evaluation.pooled import pool_photos
from app.evaluation.sizes import Size, parse_sizes, size_name
from app.vision.cohort import Cohort, pack_cohort, read_cohort
from app.vision.embedder import fused_template
from app.vision.scaling import Floats
from benchmarks.material import show
from benchmarks.templates import Material, read_crops, shrunk

_RATES = (1e-3, 1e-4)
_DEVIATIONS = 4
_SIZED = (16, 12)

Raised = Callable[[Floats], Floats]
"""From (n, 512) probes to (n,), how much higher their thresholds are."""


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
        return self._material.embedded(
            f"{self._name}-{size_name(size)}", lambda: shrunk(read_crops(self._paths), size)
        )

    def pairs(
        self, size: Size, n_photos: int, frames: int, raised_by: Raised, *, is_sized: bool
    ) -> AllPairs:
        """Similarities less what each probe's threshold is raised by.

        Args:
            size: Of the probes.
            n_photos: Of each template.
            frames: Of each probe, which is their mean.
            raised_by: From (n, 512) probes to (n,).
            is_sized: Whether templates are fused with those of the probes' size.
        """
        templates, probes = (pool_photos(self._people, n) for n in (n_photos, frames))
        vectors = templates.vectors(self.seen(None))
        if is_sized:
            vectors = fused_template(vectors, templates.vectors(self.seen(size)))
        of_probes = probes.vectors(self.seen(size))
        raised = raised_by(of_probes)[:, None]
        found = templates.pairs(of_probes @ vectors.T - raised, probes)
        of_probe, of_template = (self._families[of.photos[:, 0]] for of in (probes, templates))
        strangers = of_probe[:, None] != of_template
        return AllPairs(found.similarity, found.genuine, found.impostor & strangers)


def _cohorts(strangers: Floats) -> dict[str, Raised]:
    """From (n, 512) probes to (n,), by what a cohort is made of."""
    mean = strangers.mean(axis=0)
    covariance = np.cov(strangers.T, bias=True).astype(np.float32)

    def none(probes: Floats) -> Floats:
        return np.zeros(len(probes), np.float32)

    def normal(probes: Floats) -> Floats:
        deviation = np.sqrt(np.einsum("nd,nd->n", probes @ covariance, probes))
        return np.asarray(probes @ mean + _DEVIATIONS * deviation, np.float32)

    return {
        "none": none,
        f"{len(strangers)} strangers": Cohort(strangers).likeness,
        "their means": read_cohort(pack_cohort(strangers)).likeness,
        f"mean + {_DEVIATIONS} deviations": normal,
    }


def main(
    cache: Path,
    chosen_on: Annotated[Path, typer.Option(help="Aligned crops of people, a folder each.")],
    judged_on: Annotated[Path, typer.Option(help="The same of others.")],
    cohort: Annotated[Path, typer.Option(help="Aligned crops of strangers, f*.jpg.")],
    bundle: Path = Path("weights/farsight-xxs"),
    strangers: Annotated[int, typer.Option(help="The cohort's size.")] = 10_000,
    photos: Annotated[int, typer.Option(help="Of each person.")] = 100,
    frames: Annotated[int, typer.Option(help="Whose mean each probe is that is judged.")] = 1,
    sizes: str = "hr,24,16,12",
) -> None:
    """TAR at FAR 1e-3 on both, and what the thresholds of the first do on the second."""
    material = Material(cache, bundle)
    make = partial(read_crops, sorted(cohort.glob("f*.jpg"))[:strangers])
    known = material.embedded(f"cohort-{strangers}", make)
    first, second = (People(material, folder, photos) for folder in (chosen_on, judged_on))
    cohorts = _cohorts(known)
    show("| px | templates | cohort | photos | TAR | others: TAR | at 1e-3 | 1e-4 | others | |")
    show("|---|---|---|---|---|---|---|---|---|---|")
    for size in parse_sizes(sizes):
        for is_sized in (False, True) if size in _SIZED else (False,):
            basis = 3 if is_sized else 1  # as publish does
            for cohort_name, raised_by in cohorts.items():
                chosen, *judged = (
                    who.pairs(size, n, of, raised_by, is_sized=is_sized)
                    for who, n, of in (
                        (first, basis, 1),
                        *((who, n, frames) for n in (1, 3) for who in (first, second)),
                    )
                )
                for n, (own, others) in zip((1, 3), (judged[:2], judged[2:]), strict=True):
                    of_rates = (
                        _kept(chosen, people, rate) for people in (own, others) for rate in _RATES
                    )
                    show(
                        f"| {size_name(size)} | {'fused' if is_sized else 'plain'} | "
                        f"{cohort_name} | {n} | {100 * own.tar():.1f} | {100 * others.tar():.1f} | "
                        + " | ".join(of_rates)
                        + " |"
                    )


def _kept(chosen: AllPairs, judged: AllPairs, rate: float) -> str:
    """By the threshold chosen for a rate: FAR over it, and TAR."""
    at = np.quantile(chosen.similarity[chosen.impostor], 1 - rate)
    far, tar = (
        (judged.similarity[which] >= at).mean() for which in (judged.impostor, judged.genuine)
    )
    return f"{far / rate:.2f}, {100 * tar:.1f}"


if __name__ == "__main__":
    typer.run(main)
