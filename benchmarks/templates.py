"""Prints what templates of the probe's size and a cohort of strangers are worth (decision 0040).

`python -m benchmarks.templates CACHE --people DIR --cohort DIR`: photos of people (aligned crops, a
folder each) against templates of one photo and of three: as they are (plain), fused with the same
photos shrunk as probes are (sizes), normalised by a cohort (S-norm), and both. Embeddings are kept
in CACHE, so other weights and sizes cost nothing. No probe is compared with a template it is in.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from app.evaluation.all_pairs import AllPairs
from app.evaluation.pooled import PooledPhotos, pool_photos
from app.evaluation.probes import shrink_crop
from app.evaluation.sizes import Size, parse_sizes, size_name
from app.evaluation.verification import FALSE_ACCEPT_RATES, USUAL_FAR, threshold_at_far
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import Embedder
from app.vision.image import decode_image
from app.vision.scaling import Floats
from benchmarks.material import show
from trainer.held_out import degraded

_TEMPLATE_SIZES = (24, 16, 12)
_CAMERA_SIZES = (24, 16, 12)
_SEED = 7
_DRAWS = 400
_BINS = 2000
_FAR = FALSE_ACCEPT_RATES[USUAL_FAR]

Score = Callable[[Floats, Floats], Floats]
"""From (n, 512) probes and (m, 512) templates to (n, m)."""


def s_norm(cohort: Floats, nearest: int, probes: Floats, templates: Floats) -> Floats:
    """Scores by strangers: half the sum of what a similarity is to each side's.

    Adaptive S-norm: Cumani et al., "Comparison of speaker recognition approaches for real
    applications", Interspeech 2011.

    Args:
        cohort: (c, 512) strangers' sharp embeddings.
        nearest: Of how many, each side's most similar ones, mean and deviation are taken.
        probes: (n, 512).
        templates: (m, 512).

    Returns:
        (n, m); deviations above the mean of strangers.
    """

    def seen(vectors: Floats) -> tuple[Floats, Floats]:
        near = np.partition(vectors @ cohort.T, -nearest, axis=1)[:, -nearest:]
        return near.mean(axis=1), near.std(axis=1)

    similarity = probes @ templates.T
    (mean, deviation), (probe_mean, probe_deviation) = seen(templates), seen(probes)
    by_probe = (similarity - probe_mean[:, None]) / probe_deviation[:, None]
    score = (by_probe + (similarity - mean) / deviation) / 2
    return np.asarray(score, np.float32)


class Material:
    """Embeddings, read from a cache or made.

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
        """(n, 512) of some crops, which have a name."""
        path = self._cache / f"{name}.npy"
        if not path.exists():
            self._embedder = self._embedder or Embedder(load_bundle(self._bundle), "cpu")
            np.save(path, self._embedder.embed(crops())[0])
        found: Floats = np.load(path)
        return found


def read_crops(paths: list[Path]) -> list[Crop]:
    """Aligned crops as the service has them."""
    return [Crop(decode_image(path.read_bytes()), float(CROP_SIZE_PX)) for path in paths]


def shrunk(crops: list[Crop], size: Size) -> list[Crop]:
    """Each as a probe of a size."""
    return [shrink_crop(crop, size) for crop in crops]


def _photographed(crops: list[Crop], size: int) -> list[Crop]:
    """As a camera may have seen them: nothing left clean, seeded."""
    return degraded(crops, size, np.random.default_rng(_SEED))


def _template_size(size: Size) -> int | None:
    """The templates' size that stands for a probe's; None for a probe above them."""
    if size is None or size > _TEMPLATE_SIZES[0]:
        return None
    return min(_TEMPLATE_SIZES, key=lambda of: abs(np.log(of / size)))


def rank1(pairs: AllPairs) -> float:
    """Of the probes whose person has a template without them."""
    return float(pairs.searches().found()[pairs.genuine.any(axis=1)].mean())


def _interval(
    pair: tuple[AllPairs, AllPairs], people: NDArray[np.int64], owner: NDArray[np.int64]
) -> tuple[float, float]:
    """95 % of the second's TAR at FAR 1e-3 less the first's, people drawn anew."""
    count = int(people.max()) + 1
    first, second = (_counted(of, people, owner, count) for of in pair)
    chance = np.random.default_rng(_SEED)
    gains = []
    for _ in range(_DRAWS):
        weight = np.bincount(chance.integers(count, size=count), minlength=count)
        gains.append(_tar(second, weight) - _tar(first, weight))
    low, high = np.quantile(gains, (0.025, 0.975))
    return float(low), float(high)


Counted = tuple[NDArray[np.float64], NDArray[np.float64]]


def _counted(
    pairs: AllPairs, people: NDArray[np.int64], owner: NDArray[np.int64], count: int
) -> Counted:
    """Genuine pairs by person and bin, impostor pairs by both people and bin."""
    low, high = pairs.similarity.min(), pairs.similarity.max()
    bins = ((pairs.similarity - low) / (high - low) * (_BINS - 1)).astype(np.int64)
    first = np.broadcast_to(people[:, None], bins.shape)
    genuine = np.bincount((first * _BINS + bins)[pairs.genuine], minlength=count * _BINS)
    cell = (first * count + owner) * _BINS + bins
    impostor = np.bincount(cell[pairs.impostor], minlength=count * count * _BINS)
    return (
        genuine.reshape(count, _BINS).astype(np.float64),
        impostor.reshape(count, count, _BINS).astype(np.float64),
    )


def _tar(counted: Counted, weight: NDArray[np.int64]) -> float:
    genuine = weight @ counted[0]
    impostor = np.tensordot(np.outer(weight, weight), counted[1], axes=((0, 1), (0, 1)))
    above = np.cumsum(impostor[::-1])[::-1] / impostor.sum()
    accepted = np.cumsum(genuine[::-1])[::-1] / genuine.sum()
    return float(accepted[np.searchsorted(-above, -_FAR)]) if above[-1] <= _FAR else 0.0


def main(
    cache: Path,
    people: Annotated[Path, typer.Option(help="Aligned crops of people, a folder each.")],
    cohort: Annotated[Path, typer.Option(help="Aligned crops of strangers, f*.jpg.")],
    bundle: Path = Path("weights/farsight-xxs"),
    sizes: str = "hr,24,20,16,14,12",
    photos: Annotated[int, typer.Option(help="Of each person.")] = 100,
    weight: Annotated[list[float], typer.Option(help="Of the small part.")] = [0.3],  # noqa: B006
    nearest: Annotated[list[int], typer.Option(help="K of the cohort.")] = [200],  # noqa: B006
    strangers: Annotated[int, typer.Option(help="The cohort's size.")] = 2000,
    camera: bool = True,
    draws: Annotated[bool, typer.Option(help="Also 95 % intervals of the gains.")] = True,
) -> None:
    """TAR at FAR 1e-3, rank-1, impostors' mean; FAR by the threshold of plain templates."""
    torch.set_num_threads(1)
    material = Material(cache, bundle)
    paths = [path for who in sorted(people.iterdir()) for path in sorted(who.iterdir())[:photos]]
    _, numbers = np.unique([path.parent.name for path in paths], return_inverse=True)
    crops = read_crops(paths)
    name, wanted = f"{people.name}-{photos}", parse_sizes(sizes)
    seen = {
        size: material.embedded(f"{name}-{size_name(size)}", partial(shrunk, crops, size))
        for size in dict.fromkeys((None, *wanted, *map(_template_size, wanted)))
    }
    chosen = sorted(cohort.glob("f*.jpg"))[:strangers]
    known = material.embedded(f"cohort-{strangers}", partial(read_crops, chosen))
    probes = [(size_name(size), size, seen[size]) for size in wanted]
    for face_px in _CAMERA_SIZES if camera else ():
        make = partial(_photographed, crops, face_px)
        found = material.embedded(f"{name}-camera-{face_px}", make)
        probes.append((f"camera {face_px}", face_px, found))
    for n_photos in (1, 3):
        templates = pool_photos(numbers, n_photos)
        show(f"\n{len(crops)} photos, {len(templates.owner)} templates of {n_photos}\n")
        show("| probe | variant | TAR | gain | rank-1 | impostors | FAR by plain threshold |")
        show("|---|---|---|---|---|---|---|")
        for label, size, of in probes:
            variants = _variants(templates, seen, size, weight)
            rows: dict[str, tuple[Floats, Score]] = {
                name: (vectors, lambda probe, template: probe @ template.T)
                for name, vectors in variants.items()
            }
            for k in nearest:
                rows |= {
                    f"{name}, S-norm {k}": (vectors, partial(s_norm, known, k))
                    for name, vectors in variants.items()
                }
            _show(label, of, rows, templates, numbers, draws)


def _variants(
    templates: PooledPhotos, seen: dict[Size, Floats], size: Size, weights: list[float]
) -> dict[str, Floats]:
    plain = templates.vectors(seen[None])
    found = {"plain": plain}
    matched = _template_size(size)
    if matched is not None:
        small = templates.vectors(seen[matched])
        for share in weights:
            fused = (1 - share) * plain + share * small
            found[f"sizes {share:g}"] = fused / np.linalg.norm(fused, axis=1, keepdims=True)
    return found


def _show(
    label: str,
    probes: Floats,
    rows: dict[str, tuple[Floats, Score]],
    templates: PooledPhotos,
    people: NDArray[np.int64],
    draws: bool,
) -> None:
    plain: AllPairs | None = None
    for name, (vectors, score) in rows.items():
        pairs = templates.pairs(score(probes, vectors), pool_photos(people, 1))
        plain = plain or pairs
        gain, far = "", ""
        if pairs is not plain:
            gain = f"{100 * (pairs.tar() - plain.tar()):+.1f}"
            if draws:
                low, high = _interval((plain, pairs), people, templates.owner)
                gain += f" ({100 * low:+.1f} to {100 * high:+.1f})"
        strangers = pairs.similarity[pairs.impostor]
        if "S-norm" not in name:
            far = f"{1e3 * (strangers >= threshold_at_far(plain.roc(), _FAR)).mean():.2f}e-3"
        show(
            f"| {label} | {name} | {100 * pairs.tar():.1f} | {gain} | {100 * rank1(pairs):.1f} "
            f"| {strangers.mean():.3f} | {far} |"
        )


if __name__ == "__main__":
    typer.run(main)
