"""Prints what templates of the probe's size and a cohort of strangers are worth (decision 0040).

`python -m benchmarks.templates CACHE --people DIR --cohort DIR`: photos of people (aligned crops, a
folder each) against templates of one photo and of three, sharp (plain), fused with the same photos
shrunk as probes are (sizes), normalised by a cohort (S-norm), and both. Embeddings are kept in
CACHE, so other weights and sizes cost nothing. Every template leaves out the probe's own photo.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from app.evaluation.all_pairs import AllPairs
from app.evaluation.probes import shrink_crop
from app.evaluation.sizes import format_sizes, parse_sizes, size_name
from app.evaluation.verification import FALSE_ACCEPT_RATES, USUAL_FAR, threshold_at_far
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder
from app.vision.image import decode_image
from app.vision.scaling import Floats
from benchmarks.material import show
from trainer.degradation import Degradation, degrade

TEMPLATE_SIZES = (32, 24, 16, 12)
PROBE_SIZES = (None, 40, 32, 28, 24, 20, 18, 16, 14, 12)
CAMERA_SIZES = (24, 16, 12)
_CAMERA = Degradation(clean=0.0)
_SEED = 7
_DRAWS = 400
_BINS = np.linspace(-1, 6, 1401)


@dataclass(frozen=True, slots=True)
class Templates:
    """m templates of people.

    Attributes:
        owner: (m,) the person's number.
        members: (m, n) which of the n photos each is made of.
    """

    owner: NDArray[np.int64]
    members: NDArray[np.bool_]

    def vectors(self, embeddings: Floats) -> Floats:
        """(m, 512) the mean of the members' embeddings, of unit length."""
        return _unit(self.members.astype(np.float32) @ embeddings)


def templates_of_size(people: NDArray[np.int64], n_photos: int) -> Templates:
    """As many templates of so many photos as everybody has photos for, drawn by a fixed seed."""
    chance = np.random.default_rng(_SEED)
    owner, members = [], []
    for person in np.unique(people):
        rows = chance.permutation(np.flatnonzero(people == person))
        for start in range(0, len(rows) - n_photos + 1, n_photos):
            owner.append(person)
            members.append(np.isin(np.arange(len(people)), rows[start : start + n_photos]))
    return Templates(np.array(owner), np.array(members))


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def nearest_size(size: int | None) -> int | None:
    """The templates' size that stands for a probe's; None for a probe above them."""
    if size is None or size > TEMPLATE_SIZES[0]:
        return None
    return min(TEMPLATE_SIZES, key=lambda of: abs(np.log(of / size)))


class Normalised:
    """Scores by a cohort of c strangers' sharp embeddings (adaptive S-norm).

    Args:
        cohort: (c, 512) of unit length.
        nearest: Of how many of them mean and deviation are taken, the most similar ones.
    """

    def __init__(self, cohort: Floats, nearest: int) -> None:
        self._cohort = cohort
        self._nearest = nearest

    def __call__(self, probes: Floats, templates: Floats) -> Floats:
        """(n, m) half the sum of the similarity as each side's cohort sees it."""
        similarity = probes @ templates.T
        probe_mean, probe_deviation = self._seen_by(probes)
        mean, deviation = self._seen_by(templates)
        by_probe = (similarity - probe_mean[:, None]) / probe_deviation[:, None]
        score: Floats = (by_probe + (similarity - mean) / deviation) / 2
        return score

    def _seen_by(self, vectors: Floats) -> tuple[Floats, Floats]:
        near = -np.partition(-(vectors @ self._cohort.T), self._nearest, axis=1)
        near = near[:, : self._nearest]
        return near.mean(axis=1), near.std(axis=1)


class Material:
    """Embeddings of people's photos at every size, and of the cohort.

    Args:
        cache: A folder for them.
        bundle: Whose embeddings.
    """

    def __init__(self, cache: Path, bundle: Path) -> None:
        self._cache = cache / bundle.name
        self._cache.mkdir(parents=True, exist_ok=True)
        self._bundle = bundle
        self._embedder: Embedder | None = None

    def embedded(self, name: str, crops: Callable[[], list[Crop]]) -> Floats:
        """(n, 512), from the cache if they are there."""
        path = self._cache / f"{name}.npy"
        if not path.exists():
            if self._embedder is None:
                self._embedder = Embedder(load_bundle(self._bundle), "cpu")
            np.save(path, self._embedder.embed(crops())[0])
        found: Floats = np.load(path)
        return found


def read_people(folder: Path, photos: int) -> tuple[list[Crop], NDArray[np.int64]]:
    """Aligned crops, so many of each person at most, and the number of each one's person."""
    paths = [
        path for person in sorted(folder.iterdir()) for path in sorted(person.iterdir())[:photos]
    ]
    _, people = np.unique([path.parent.name for path in paths], return_inverse=True)
    return read_crops(paths), people


def read_crops(paths: list[Path]) -> list[Crop]:
    """Aligned crops as the service has them."""
    return [Crop(decode_image(path.read_bytes()), float(CROP_SIZE_PX)) for path in paths]


def photographed(crops: list[Crop], size: int) -> list[Crop]:
    """As a camera may have seen them: `trainer.degradation`, nothing left clean, seeded."""
    chance = np.random.default_rng(_SEED)
    return [Crop(degrade(crop.pixels, size, _CAMERA, chance)[0], float(size)) for crop in crops]


def intervals(
    baseline: AllPairs, other: AllPairs, people: NDArray[np.int64], owner: NDArray[np.int64]
) -> tuple[float, float]:
    """95 % of the difference of TAR at FAR 1e-3, people drawn anew, the same for both."""
    chance = np.random.default_rng(_SEED)
    count = int(people.max()) + 1
    counted = [_counted(pairs, people, owner, count) for pairs in (baseline, other)]
    gains = []
    for _ in range(_DRAWS):
        weight = np.bincount(chance.integers(count, size=count), minlength=count)
        gains.append(np.subtract(*[_tar(each, weight) for each in counted[::-1]]))
    low, high = np.quantile(gains, (0.025, 0.975))
    return float(low), float(high)


def _counted(
    pairs: AllPairs, people: NDArray[np.int64], owner: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Genuine pairs by person and bin, impostor pairs by person, person and bin."""
    bins = np.clip(np.digitize(pairs.similarity, _BINS), 0, len(_BINS)).astype(np.int64)
    width = len(_BINS) + 1
    first = np.broadcast_to(people[:, None], bins.shape)
    cell = (first * count + owner) * width + bins
    genuine = np.bincount((first * width + bins)[pairs.genuine], minlength=count * width)
    impostor = np.bincount(cell[pairs.impostor], minlength=count * count * width)
    return (
        genuine.reshape(count, width).astype(np.float64),
        impostor.reshape(count, count, width).astype(np.float64),
    )


def _tar(
    counted: tuple[NDArray[np.float64], NDArray[np.float64]], weight: NDArray[np.int64]
) -> float:
    genuine = weight @ counted[0]
    impostor = np.tensordot(np.outer(weight, weight), counted[1], axes=((0, 1), (0, 1)))
    far = np.cumsum(impostor[::-1])[::-1] / impostor.sum()
    tar = np.cumsum(genuine[::-1])[::-1] / genuine.sum()
    return float(tar[int(np.argmax(far <= FALSE_ACCEPT_RATES[USUAL_FAR]))])


def main(  # noqa: PLR0913 - a script's options
    cache: Path,
    people: Annotated[Path, typer.Option(help="Aligned crops of people, a folder each.")],
    cohort: Annotated[Path, typer.Option(help="Aligned crops of strangers.")],
    bundle: Path = Path("weights/farsight-xxs"),
    weight: Annotated[list[float] | None, typer.Option(help="Of the small part.")] = None,
    nearest: Annotated[list[int] | None, typer.Option(help="Strangers of the cohort: K.")] = None,
    strangers: Annotated[int, typer.Option(help="The cohort's size.")] = 2000,
    sizes: str = format_sizes(PROBE_SIZES),
    photos: Annotated[int, typer.Option(help="Of each person.")] = 100,
    camera: bool = True,
    draws: Annotated[bool, typer.Option(help="Also 95 % intervals of the gains.")] = True,
) -> None:
    """Prints TAR at FAR 1e-3, rank-1 and impostors' mean for every variant."""
    torch.set_num_threads(1)
    material = Material(cache, bundle)
    crops, numbers = read_people(people, photos)
    chosen = sorted(cohort.glob("f*.jpg"))[:strangers]
    name = f"{people.name}-{photos}"
    wanted = parse_sizes(sizes)
    seen = {
        size: material.embedded(
            f"{name}-{size_name(size)}",
            lambda size=size: [shrink_crop(crop, size) for crop in crops],  # type: ignore[misc]
        )
        for size in dict.fromkeys((None, *wanted, *map(nearest_size, wanted)))
    }
    cameras = {
        size: material.embedded(
            f"{name}-camera-{size}", lambda size=size: photographed(crops, size)
        )  # type: ignore[misc]
        for size in (CAMERA_SIZES if camera else ())
    }
    known = material.embedded(f"cohort-{strangers}", lambda: read_crops(chosen))
    for n_photos in (1, 3):
        templates = templates_of_size(numbers, n_photos)
        show(
            f"\n{len(crops)} photos, {numbers.max() + 1} people, "
            f"{len(templates.owner)} templates of {n_photos}"
        )
        show("| probe | variant | TAR | gain | rank-1 | impostors | at the plain threshold |")
        show("|---|---|---|---|---|---|---|")
        asked = [(size_name(size), size, seen[size]) for size in wanted]
        asked += [(f"camera {size}", size, cameras[size]) for size in cameras]
        for label, size, probes in asked:
            _table(
                label,
                probes,
                _variants(templates, seen, size, weight or [0.3], nearest or [200], known),
                templates,
                numbers,
                draws,
            )


def _variants(
    templates: Templates,
    seen: dict[int | None, Floats],
    size: int | None,
    weights: list[float],
    nearest: list[int],
    cohort: Floats,
) -> dict[str, tuple[Floats, Normalised | None]]:
    sharp = templates.vectors(seen[None])
    found: dict[str, tuple[Floats, Normalised | None]] = {"plain": (sharp, None)}
    matched = nearest_size(size)
    fused = {}
    if matched is not None:
        small = templates.vectors(seen[matched])
        fused = {w: _unit((1 - w) * sharp + w * small) for w in weights}
        found |= {f"sizes {w:g}": (vectors, None) for w, vectors in fused.items()}
    for k in nearest:
        found[f"S-norm {k}"] = (sharp, Normalised(cohort, k))
        found |= {f"both {w:g}, {k}": (of, Normalised(cohort, k)) for w, of in fused.items()}
    return found


def _table(
    label: str,
    probes: Floats,
    variants: dict[str, tuple[Floats, Normalised | None]],
    templates: Templates,
    people: NDArray[np.int64],
    draws: bool,
) -> None:
    baseline: AllPairs | None = None
    for variant, (vectors, normalised) in variants.items():
        score = probes @ vectors.T if normalised is None else normalised(probes, vectors)
        impostor = people[:, None] != templates.owner
        pairs = AllPairs(score, ~impostor & ~templates.members.T, impostor)
        baseline = baseline or pairs
        gain, named = "", ""
        if pairs is not baseline:
            gain = f"{100 * (pairs.tar() - baseline.tar()):+.1f}"
            if draws:
                low, high = intervals(baseline, pairs, people, templates.owner)
                gain += f" ({100 * low:+.1f} to {100 * high:+.1f})"
        strangers = score[impostor]
        if normalised is None:
            threshold = threshold_at_far(baseline.roc(), FALSE_ACCEPT_RATES[USUAL_FAR])
            named = f"FAR {1e3 * (strangers >= threshold).mean():.2f}e-3"
        show(
            f"| {label} | {variant} | {100 * pairs.tar():.1f} | {gain} | {100 * pairs.rank1():.1f} "
            f"| {strangers.mean():.3f} | {named} |"
        )


if __name__ == "__main__":
    typer.run(main)
