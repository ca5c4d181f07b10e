"""What a bundle says about itself: `manifest.json`, its types, and the space that it defines."""

import hashlib
import math
from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from app.errors import BundleError
from app.vision.dimensions import EMBEDDING_SIZE
from app.vision.scaling import HALF_RANGE

MANIFEST_NAME = "manifest.json"
_MAX_MANIFEST_BYTES = 1_000_000

# \Z, not $: that would let a line break pass at the end.
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Cosine = Annotated[float, msgspec.Meta(ge=-1, le=1)]
_HalfRange = Annotated[float, msgspec.Meta(ge=HALF_RANGE, le=HALF_RANGE)]
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]
_Positive = Annotated[int, msgspec.Meta(gt=0)]
_EMBEDDING_BYTES = 4 * EMBEDDING_SIZE
_Embedding = Annotated[
    bytes, msgspec.Meta(min_length=_EMBEDDING_BYTES, max_length=_EMBEDDING_BYTES)
]


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A misspelt field in a manifest is an error, not a default."""


class WeightFile(_Record, frozen=True, kw_only=True):
    """One file of weights, as it was published."""

    name: Name
    size_bytes: _Positive
    sha256: Sha256


class EdgeFaceEntry(_Record, frozen=True, kw_only=True):
    """The recognition network."""

    variant: str
    weights: WeightFile
    onnx: WeightFile | None = None


class DsrEntry(_Record, frozen=True, kw_only=True):
    """The super-resolution network, with the arguments of its constructor."""

    channels: _Positive
    blocks: _Positive
    heads: _Positive
    weights: WeightFile
    onnx: WeightFile | None = None


class Networks(_Record, frozen=True, kw_only=True):
    """The networks of a bundle; without DSR every face takes the direct route."""

    edgeface: EdgeFaceEntry
    dsr: DsrEntry | None = None


class Preprocessing(_Record, frozen=True, kw_only=True):
    """How pixels become network input. There is only one way; others are refused."""

    version: Literal[1] = 1
    size_px: Literal[112] = 112
    template: Literal["arcface-112"] = "arcface-112"
    colour_order: Literal["RGB"] = "RGB"
    mean: _HalfRange = HALF_RANGE
    std: _HalfRange = HALF_RANGE


class Routing(_Record, frozen=True, kw_only=True):
    """Faces with `face_px` below this go through DSR first, the others straight to EdgeFace."""

    dsr_below_px: _NotNegative = 0.0


class CohortEntry(_Record, frozen=True, kw_only=True):
    """Strangers by whom thresholds follow each probe; see app.vision.cohort."""

    means: WeightFile
    source: str


class Threshold(_Record, frozen=True, kw_only=True, omit_defaults=True):
    """The similarity from which two faces count as one person, for probes of a size.

    Chosen on validation people for one false-accept rate (per comparison). With a `template_px`, it
    holds where the probe is compared with templates made for crops shrunk to this size. With a
    `likeness` (the median of the validation probes' to the cohort), it holds for a probe that
    resembles the cohort so much, and is as much higher for another as that one resembles it more.
    """

    min_face_px: _NotNegative
    max_face_px: _NotNegative | None
    false_accept_rate: _Fraction
    similarity: _Cosine
    template_px: _Positive | None = None
    likeness: _Cosine | None = None

    def is_for(self, face_px: float, false_accept_rate: float) -> bool:
        """Whether it was chosen for probes of a size and a rate."""
        return self.covers(face_px) and self.false_accept_rate == false_accept_rate

    def covers(self, face_px: float) -> bool:
        """Whether it was chosen for probes of a size."""
        upper = float("inf") if self.max_face_px is None else self.max_face_px
        return self.min_face_px <= face_px < upper


class SizeMetrics(_Record, frozen=True, kw_only=True):
    """Held-out figures for probes of one size against a high-resolution gallery; fractions."""

    size: str
    n_genuine: int
    n_impostor: int
    eer: _Fraction
    tar_at_far: dict[str, _Fraction]
    rank1: _Fraction
    impostor_mean: _Cosine
    impostor_std: _NotNegative


class SelfTest(_Record, frozen=True, kw_only=True):
    """What the networks answered to the known crop (app.vision.self_test) at publishing.

    512 little-endian float32 each, base64 in JSON; none for a route that no face takes.
    """

    direct: _Embedding
    dsr: _Embedding | None = None


class Training(_Record, frozen=True, kw_only=True):
    """Where the weights come from, so that the run can be repeated."""

    command: str
    config_sha256: Sha256
    data_list_sha256: Sha256
    commit: str


class Manifest(_Record, frozen=True, kw_only=True):
    """`manifest.json` of a bundle.

    `measured_on` is the digest of the photos that `metrics` come from: figures of other people say
    nothing about each other. None where that is not known.
    """

    format_version: Literal[1] = 1
    name: Name
    created_at: datetime
    networks: Networks
    preprocessing: Preprocessing = Preprocessing()
    routing: Routing = Routing()
    thresholds: tuple[Threshold, ...] = ()
    cohort: CohortEntry | None = None
    metrics: tuple[SizeMetrics, ...] = ()
    measured_on: Sha256 | None = None
    self_test: SelfTest | None = None
    parent: str | None = None
    training: Training | None = None
    licence: str
    attribution: str

    @property
    def space_id(self) -> str:
        """16 hex digits over everything that changes an embedding.

        The ONNX files are left out: they are the same function in another format, held to that
        by the parity check at publishing. Name, metrics, thresholds, cohort and the self-test's
        answers do not change vectors.
        """
        networks = self.networks
        identity = (
            networks.edgeface.variant,
            networks.edgeface.weights.sha256,
            networks.dsr.weights.sha256 if networks.dsr else None,
            self.preprocessing,
            self.routing,
        )
        return hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest()[:16]

    def threshold(
        self,
        face_px: float,
        false_accept_rate: float,
        template_px: int | None = None,
        likeness: float | None = None,
    ) -> float | None:
        """The similarity threshold for a probe of a size, or None if the bundle has none.

        Args:
            face_px: Source pixels under the probe's crop.
            false_accept_rate: The rate wanted; only a threshold chosen for that rate counts.
            template_px: The size of the templates that it is compared with; None: of no size.
            likeness: How much it resembles the cohort, a cosine: by the thresholds that follow
                this; None: by those that are the same for all probes.
        """
        for similarity, rate in self._similarities(face_px, template_px, likeness):
            if rate == false_accept_rate:
                return similarity
        return None

    def threshold_at(
        self,
        face_px: float,
        rate: float,
        template_px: int | None = None,
        likeness: float | None = None,
    ) -> float | None:
        """The similarity threshold for any false-accept rate; None if the bundle cannot tell.

        Strangers' similarities fall off like an exponential (docs/decisions/0011), so thresholds
        lie on a line over the logarithm of the rate: between those that the bundle has, and beyond.

        Args:
            face_px: Source pixels under the probe's crop.
            rate: Per comparison, in (0, 1).
            template_px: See `threshold`.
            likeness: Likewise.
        """
        known = sorted(
            (math.log(known_rate), similarity)
            for similarity, known_rate in self._similarities(face_px, template_px, likeness)
            if known_rate > 0
        )
        if len(known) < 2:  # noqa: PLR2004 - points of a line
            return None
        at = math.log(rate)
        # The line through the two nearest, or through the last two beyond them.
        place = min(max(bisect_left(known, (at,)), 1), len(known) - 1)
        (low, low_similarity), (high, high_similarity) = known[place - 1], known[place]
        slope = (high_similarity - low_similarity) / (high - low)
        return min(1.0, low_similarity + slope * (at - low))

    def usual_likeness(self, face_px: float, template_px: int | None = None) -> float | None:
        """How much a usual probe of a size resembles the cohort; None if no threshold follows it.

        Args:
            face_px: Source pixels under the probe's crop.
            template_px: See `threshold`.
        """
        found = (
            of.likeness
            for of in self.thresholds
            if of.covers(face_px) and of.template_px == template_px and of.likeness is not None
        )
        return next(found, None)

    def _similarities(
        self, face_px: float, template_px: int | None, likeness: float | None
    ) -> list[tuple[float, float]]:
        """The thresholds for such a probe, each with its false-accept rate."""
        return [
            (of.similarity + ((likeness or 0.0) - (of.likeness or 0.0)), of.false_accept_rate)
            for of in self.thresholds
            if of.covers(face_px)
            and of.template_px == template_px
            and (of.likeness is None) == (likeness is None)
        ]

    @property
    def template_sizes(self) -> frozenset[int]:
        """The sizes of templates that there are thresholds for."""
        return frozenset(of.template_px for of in self.thresholds if of.template_px is not None)


def per_comparison(rate: float, users: int) -> float:
    """The false-accept rate at which a search among users names a stranger this often.

    As if comparisons were independent; docs/decisions/0040 has how far they are.

    Args:
        rate: Share of strangers' searches that name somebody, in (0, 1).
        users: How many a stranger is compared with.
    """
    return -math.expm1(math.log1p(-rate) / max(users, 1))


def measured_on(digests: Iterable[str]) -> str:
    """One digest of many photos, whatever they are called and however they are sorted.

    Args:
        digests: SHA-256 of each file.
    """
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Reads a bundle's manifest; its weight files are not touched.

    Raises:
        BundleError: No manifest, a symbolic link, not JSON; a field missing, unknown or out of
            its range.
    """
    path = folder / MANIFEST_NAME
    if path.is_symlink():
        raise BundleError(f"The manifest of bundle {folder.name!r} is a symbolic link.")
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise BundleError(f"The manifest of bundle {folder.name!r} is larger than 1 MB.")
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise BundleError(f"Bundle {folder.name!r} has no readable {MANIFEST_NAME}.") from error
    except msgspec.DecodeError as error:
        raise BundleError(f"The manifest of bundle {folder.name!r} is invalid: {error}") from error
