"""How well bundles recognise people they have never seen: the protocols behind both `evaluate`s.

The gallery side is always the sharp photo; the probe side is a photo shrunk to a face size.

- people: every photo of a folder-per-person tree as probe against every *other* photo as gallery:
  all genuine and all impostor pairs, closed-set rank 1, open-set identification. Either side may
  be the mean of several photos of a person.
- pairs: an LFW-style list, ten folds.

See docs/decisions/0005-evaluation-protocol.md for the reasons.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import EvaluationError, ImageTooLargeError, UnreadableImageError
from app.evaluation.comparison import Comparison, Figures, Side, compare_pairs, compare_people
from app.evaluation.pair_counts import Histogram
from app.evaluation.person_figures import BestMatches
from app.evaluation.photo_sets import Pair, PersonPhoto
from app.evaluation.pooled import ONE_BY_ONE, Pooling
from app.evaluation.probes import Viewer
from app.evaluation.sizes import Size, size_name
from app.vision.alignment import Crop
from app.vision.dimensions import EMBEDDING_SIZE
from app.vision.embedder import Route
from app.vision.image import decode_image

_PHOTOS_PER_STEP = 64

Progress = Callable[[int, int], None]
"""Called after every step with the number done and the total."""


class CropEmbedder(Protocol):
    """What turns crops into embeddings: `app.vision.embedder.Embedder`, or another backend."""

    def embed(self, crops: Sequence[Crop]) -> tuple[NDArray[np.float32], list[Route]]:
        """(n, 512) of unit length, and the route of each."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One set of weights to be measured.

    Attributes:
        bundle: The bundle's name.
        space_id: Its vector space.
        embedder: Its networks.
        baseline: "bicubic" where the bundle's DSR is left out for comparison.
    """

    bundle: str
    space_id: str
    embedder: CropEmbedder
    baseline: Literal["bicubic"] | None = None


@dataclass(frozen=True, slots=True)
class SizeResult:
    """One contestant at one size.

    Attributes:
        size: "hr" or the probes' `face_px`.
        contestant: Who.
        route: Of the probes; "mixed" where they took both, "none" where no face was found.
        n_undetected: Photos without a face at this size; as probes they count as misses, unless
            frames are pooled and another one of the probe has a face.
        figures: The rates.
        histogram: The similarities.
        matches: What searches found, photo by photo; None for listed pairs.
    """

    size: str
    contestant: Contestant
    route: Literal["direct", "dsr", "mixed", "none"]
    n_undetected: int
    figures: Figures
    histogram: Histogram
    matches: BestMatches | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation found.

    Attributes:
        protocol: "people" or "pairs".
        pooling: How many photos templates and probes are made of.
        n_photos: Photos that were read.
        n_people: People on them.
        without_face: Photos in which no face was found at full size, as person/file.
        results: Contestant by contestant, size by size.
    """

    protocol: Literal["people", "pairs"]
    pooling: Pooling
    n_photos: int
    n_people: int
    without_face: list[str]
    results: list[SizeResult]

    def document(self) -> dict[str, object]:
        """`report.json`: plain values; rates are fractions.

        `bundle` and `space_id` at the top are those of the first contestant.
        """
        first = self.results[0].contestant
        return {
            "protocol": self.protocol,
            **asdict(self.pooling),
            "bundle": first.bundle,
            "space_id": first.space_id,
            "n_photos": self.n_photos,
            "n_people": self.n_people,
            "without_face": self.without_face,
            "results": [
                {
                    "bundle": result.contestant.bundle,
                    "space_id": result.contestant.space_id,
                    "baseline": result.contestant.baseline,
                    "size": result.size,
                    "route": result.route,
                    "n_undetected": result.n_undetected,
                    **asdict(result.figures),
                }
                for result in self.results
            ],
        }


def evaluate_people(
    photos: Sequence[PersonPhoto],
    sizes: Sequence[Size],
    view: Viewer,
    contestants: Sequence[Contestant],
    progress: Progress,
    pooling: Pooling = ONE_BY_ONE,
) -> Evaluation:
    """Every photo against every other photo.

    Args:
        photos: From `read_people`.
        sizes: Of the probes.
        view: How crops are made of photos.
        contestants: Who is measured, on the very same crops.
        progress: Told of the progress.
        pooling: How many photos templates and probes are made of.

    Raises:
        EvaluationError: Nobody has enough photos, one cannot be read, or too few faces were found
            for any pair.
    """
    people = _numbers([photo.person for photo in photos])
    pooling.check(people)

    def compare(gallery: Side, probes: Side) -> Comparison:
        return compare_people(gallery, probes, people, pooling)

    return _evaluate("people", pooling, photos, sizes, view, contestants, progress, compare)


def evaluate_pairs(
    pairs: Sequence[Pair],
    sizes: Sequence[Size],
    view: Viewer,
    contestants: Sequence[Contestant],
    progress: Progress,
) -> Evaluation:
    """The pairs of `read_pairs`; the rest as in `evaluate_people`."""
    photos = list(dict.fromkeys(photo for pair in pairs for photo in (pair.first, pair.second)))
    row = {photo: index for index, photo in enumerate(photos)}
    firsts = np.array([row[pair.first] for pair in pairs])
    seconds = np.array([row[pair.second] for pair in pairs])
    folds = np.array([pair.fold for pair in pairs])
    people = _numbers([photo.person for photo in photos])

    def compare(gallery: Side, probes: Side) -> Comparison:
        first, second = gallery.rows(firsts), probes.rows(seconds)
        return compare_pairs(first, second, (people[firsts], people[seconds]), folds)

    return _evaluate("pairs", ONE_BY_ONE, photos, sizes, view, contestants, progress, compare)


def _evaluate(
    protocol: Literal["people", "pairs"],
    pooling: Pooling,
    photos: Sequence[PersonPhoto],
    sizes: Sequence[Size],
    view: Viewer,
    contestants: Sequence[Contestant],
    progress: Progress,
    compare: Callable[[Side, Side], Comparison],
) -> Evaluation:
    embedded = _embed(photos, sizes, view, contestants, progress)
    gallery_found = embedded[0][None].side.found
    results = []
    for contestant, columns in zip(contestants, embedded, strict=True):
        for size in sizes:
            probes = columns[size]
            try:
                comparison = compare(columns[None].side, probes.side)
            except ValueError as error:
                raise EvaluationError(
                    f"A face was found in {gallery_found.sum()} of {len(photos)} photos: {error}."
                ) from error
            result = SizeResult(
                size=size_name(size),
                contestant=contestant,
                route=probes.route(),
                n_undetected=int((~probes.side.found).sum()),
                figures=comparison.figures,
                histogram=comparison.histogram,
                matches=comparison.matches,
            )
            results.append(result)
    without_face = [
        f"{photo.person}/{photo.path.name}"
        for photo, found in zip(photos, gallery_found, strict=True)
        if not found
    ]
    n_people = len({photo.person for photo in photos})
    return Evaluation(protocol, pooling, len(photos), n_people, without_face, results)


class _Column:
    """All photos at one size through one contestant; filled step by step."""

    def __init__(self, n_photos: int) -> None:
        self.side = Side(
            np.zeros((n_photos, EMBEDDING_SIZE), dtype=np.float32),
            np.zeros(n_photos, dtype=np.bool_),
        )
        self._routes: set[Route] = set()

    def fill(self, start: int, crops: Sequence[Crop | None], embedder: CropEmbedder) -> None:
        rows = [start + offset for offset, crop in enumerate(crops) if crop is not None]
        embeddings, routes = embedder.embed([crop for crop in crops if crop is not None])
        self.side.embeddings[rows] = embeddings
        self.side.found[rows] = True
        self._routes.update(routes)

    def route(self) -> Literal["direct", "dsr", "mixed", "none"]:
        if len(self._routes) > 1:
            return "mixed"
        return next(iter(self._routes), "none")


def _embed(
    photos: Sequence[PersonPhoto],
    sizes: Sequence[Size],
    view: Viewer,
    contestants: Sequence[Contestant],
    progress: Progress,
) -> list[dict[Size, _Column]]:
    """Per contestant and size, the embeddings of all photos; the gallery's under None.

    Photos are read once and in small steps, so that of each only embeddings stay in memory.
    """
    needed: tuple[Size, ...] = (None, *(size for size in sizes if size is not None))
    embedded = [{size: _Column(len(photos)) for size in needed} for _ in contestants]
    for start in range(0, len(photos), _PHOTOS_PER_STEP):
        step = photos[start : start + _PHOTOS_PER_STEP]
        views = [_view(photo, needed, view) for photo in step]
        for contestant, columns in zip(contestants, embedded, strict=True):
            for index, size in enumerate(needed):
                columns[size].fill(start, [crops[index] for crops in views], contestant.embedder)
        progress(start + len(step), len(photos))
    return embedded


def _view(photo: PersonPhoto, sizes: Sequence[Size], view: Viewer) -> list[Crop | None]:
    try:
        return view(decode_image(photo.path.read_bytes()), sizes)
    except (OSError, UnreadableImageError, ImageTooLargeError, EvaluationError) as error:
        raise EvaluationError(f"{photo.person}/{photo.path.name}: {error}") from error


def _numbers(names: Sequence[str]) -> NDArray[np.int64]:
    """(n,) a number from 0 for each name, in the order of first appearance."""
    number = {name: index for index, name in enumerate(dict.fromkeys(names))}
    return np.array([number[name] for name in names], dtype=np.int64)
