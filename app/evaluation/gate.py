"""May a bundle replace another? Judged by figures, which every reason quotes.

Twice: on what the publishers measured on held-out people (`judge_manifests`), and on the crops of
the people enrolled here (`judge_enrolled`). No constant here was tuned on photos.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from app.errors import BundleError
from app.evaluation.enrolled import BundleFigures, EnrolledPhotos, FalseAccepts, TemplateComparison
from app.evaluation.sizes import size_name
from app.evaluation.verification import USUAL_FAR
from app.vision.manifest import Manifest, SizeMetrics
from app.vision.self_test import are_embeddings

# farsight-xxs has 0.025 on sharp faces, 0.054 at 12 px. With its deviation (0.085)
# and its threshold (0.31) a mean of 0.2 would accept every tenth stranger.
MAX_IMPOSTOR_MEAN = 0.2
# A network with impostors of m +- s elsewhere does not pass m + 3 s just because people differ.
_MAX_IMPOSTOR_DEVIATIONS = 3
# With few people one pair of photos is more than the allowed loss; two of them, each counted from
# both sides, are chance.
_CHANCE_PAIRS = 4
# One photo more or less is chance, however few there are.
_MIN_PHOTOS_LOST = 2
# How rarely a bundle that is no worse is refused for its false accepts: once in a thousand reloads.
_SIGNIFICANCE = 1e-3
_HR = size_name(None)


@dataclass(frozen=True, slots=True)
class SizeComparison:
    """Held-out figures for one size of faces; None where a manifest has none."""

    size: str
    tar_before: float | None
    tar_after: float | None
    impostor_mean_after: float | None


@dataclass(frozen=True, slots=True)
class HeldOutFigures:
    """What two manifests say, size by size; TAR is at FAR 1e-3.

    Attributes:
        sizes: Figures.
        same_people: Whether both were measured on the same; else they are not compared.
    """

    sizes: tuple[SizeComparison, ...]
    same_people: bool


@dataclass(frozen=True, slots=True)
class EnrolledFigures:
    """What both bundles make of the enrolled people.

    Attributes:
        photos: How many.
        users: Of how many people.
        n_genuine: Genuine comparisons.
        n_impostor: Impostor comparisons.
        before: The bundle that serves.
        after: The new one.
        pairs_of_users: Two users each.
        false_accept_rate_before: Among them, every pair with the same weight.
        false_accept_rate_after: Likewise.
        promised_rate: What the new bundle's thresholds were chosen for.
        p_promise: How likely this many false accepts are if the new bundle keeps the promise.
        p_serving: How likely this many more than before are if it is no worse than the serving one.
    """

    photos: int
    users: int
    n_genuine: int
    n_impostor: int
    before: BundleFigures
    after: BundleFigures
    pairs_of_users: int
    false_accept_rate_before: float | None
    false_accept_rate_after: float | None
    promised_rate: float
    p_promise: float
    p_serving: float


Found = TypeVar("Found", HeldOutFigures, EnrolledFigures)


@dataclass(frozen=True, slots=True)
class GateReport(Generic[Found]):
    """A judgement.

    Attributes:
        figures: What it rests on; JSON after `dataclasses.asdict`.
        reasons: Why the bundle should not serve, each with its figures.
    """

    figures: Found
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the bundle."""
        return not self.reasons


def collapse_reasons(metrics: Sequence[SizeMetrics], max_impostor_mean: float) -> list[str]:
    """A reason for each size at which strangers are more alike than allowed, on average."""
    return [
        f"impostor mean {of.impostor_mean:.3f} at {of.size} px is above {max_impostor_mean} "
        "(collapsed)"
        for of in metrics
        if of.impostor_mean > max_impostor_mean
    ]


def loss_reasons(
    after: Sequence[SizeMetrics], before: Sequence[SizeMetrics], max_loss: float
) -> list[str]:
    """A reason for each size at which TAR at FAR 1e-3 fell by more than allowed.

    Args:
        after: Held-out figures; sizes that `before` lacks are not judged.
        before: Likewise, of what was there.
        max_loss: Of TAR, 0 to 1; on few pairs of photos, what is more than chance.
    """
    tar_before, tar_after = _tar_by_size(before), _tar_by_size(after)
    n_genuine = {of.size: of.n_genuine for of in after}
    allowed = {size: max(max_loss, _CHANCE_PAIRS / max(n, 1)) for size, n in n_genuine.items()}
    return [
        f"TAR at FAR {USUAL_FAR} at {size} px fell from {tar_before[size]:.4f} to {tar:.4f}, "
        f"more than {allowed[size]:.3g}"
        for size, tar in tar_after.items()
        if size in tar_before and tar < tar_before[size] - allowed[size]
    ]


def judge_manifests(
    new: Manifest, serving: Manifest, max_loss: float
) -> GateReport[HeldOutFigures]:
    """Judges what a bundle's publisher measured on people who were not trained on.

    It is compared with what the serving bundle's publisher measured where that was on the same
    people: on others the same weights have other figures.

    Args:
        new: Of the bundle that is to serve.
        serving: Of the one that does.
        max_loss: How much TAR at FAR 1e-3 may fall at any size that both report, 0 to 1.
    """
    before, after = _tar_by_size(serving.metrics), _tar_by_size(new.metrics)
    same_people = _are_same_people(new, serving)
    reasons = collapse_reasons(new.metrics, MAX_IMPOSTOR_MEAN)
    if same_people:
        reasons += loss_reasons(new.metrics, serving.metrics, max_loss)
    impostor_means = {of.size: of.impostor_mean for of in new.metrics}
    sizes = tuple(
        SizeComparison(size, before.get(size), after.get(size), impostor_means.get(size))
        for size in before | after | impostor_means
    )
    return GateReport(HeldOutFigures(sizes, same_people), tuple(reasons))


def unmeasured_reasons(new: Manifest, enrolled: EnrolledFigures) -> list[str]:
    """A reason against a bundle of which nobody has shown that it tells strangers apart.

    Either its publisher has, or it does so with the people enrolled, where anybody is.
    """
    if new.metrics or not enrolled.photos or enrolled.n_impostor:
        return []
    return [
        f"nobody has measured {new.name!r}, and photos of one person tell nothing of strangers: "
        f"`farsight bundles measure {new.name}` measures it on people of yours"
    ]


def judge_enrolled(
    photos: EnrolledPhotos, new: Manifest, false_accept_rate: float, max_loss: float
) -> GateReport[EnrolledFigures]:
    """Compares what two bundles make of enrolled people, as the service compares them.

    Refused are: strangers that look alike (impostor mean above 0.2, or above the manifest's by 3 of
    its standard deviations); genuine comparisons that no longer reach the threshold; more false
    accepts, beyond chance, than promised and than the serving bundle's. Duplicates and twins are
    accepted by both bundles, and so are people who are more alike than those whom the thresholds
    were chosen on: that speaks against neither. Where there is nothing to compare, nothing is
    refused: one user has no impostors.

    Args:
        photos: All photos of some or all users: a template is the mean of what is here.
        new: The manifest of the bundle that is to serve.
        false_accept_rate: What its thresholds promise per comparison, 0 to 1.
        max_loss: Share of genuine comparisons that may be lost, 0 to 1; two photos at least.

    Raises:
        BundleError: The new bundle's vector for a crop is not an embedding.
    """
    if broken := np.count_nonzero(~are_embeddings(photos.after)):
        raise BundleError(
            f"{broken} of {len(photos.after)} enrolled crops get vectors that are not embeddings."
        )
    before = TemplateComparison.of(photos.people, photos.before, photos.threshold_before)
    after = TemplateComparison.of(photos.people, photos.after, photos.threshold_after)
    accepts = FalseAccepts.of(before, after)
    gained, lost = math.floor(accepts.gained), math.ceil(accepts.lost)
    figures = EnrolledFigures(
        photos=len(photos.people),
        users=len(before.accepted),
        n_genuine=len(after.genuine),
        n_impostor=len(after.impostor),
        before=before.figures(),
        after=after.figures(),
        pairs_of_users=accepts.pairs,
        false_accept_rate_before=accepts.before / accepts.pairs if accepts.pairs else None,
        false_accept_rate_after=accepts.after / accepts.pairs if accepts.pairs else None,
        promised_rate=false_accept_rate,
        p_promise=binomial_tail(math.floor(accepts.after), accepts.pairs, false_accept_rate),
        p_serving=binomial_tail(gained, gained + lost, 0.5),
    )
    reasons = _alike_reasons(figures.after.impostor_mean, new)
    reasons += _lost_reasons(before, after, max_loss)
    if max(figures.p_promise, figures.p_serving) < _SIGNIFICANCE:
        promised = accepts.pairs * false_accept_rate
        reasons.append(
            f"of {accepts.pairs} pairs of users {accepts.after:.1f} are taken for one person, more "
            f"than the promised {promised:.1f} (chance: {figures.p_promise:.1g}) and than the "
            f"{accepts.before:.1f} so far (chance: {figures.p_serving:.1g})"
        )
    return GateReport(figures, tuple(reasons))


def binomial_tail(count: int, trials: int, probability: float) -> float:
    """The probability of `count` or more successes in a number of trials, exact.

    The sum is taken where terms fall, so that a tiny tail keeps its digits.

    Args:
        count: From 0 to `trials`.
        trials: At least 0.
        probability: Of each, 0 <= probability < 1.
    """
    if count == 0:
        return 1.0
    if probability == 0:
        return 0.0
    odds = probability / (1 - probability)
    if count <= trials * probability:
        return 1.0 - binomial_tail(trials - count + 1, trials, 1 - probability)
    term = math.exp(
        math.lgamma(trials + 1)
        - math.lgamma(count + 1)
        - math.lgamma(trials - count + 1)
        + count * math.log(probability)
        + (trials - count) * math.log1p(-probability)
    )
    tail = 0.0
    while term > tail * np.finfo(float).eps:
        tail += term
        term *= odds * (trials - count) / (count + 1)
        count += 1
    return tail


def _alike_reasons(impostor_mean: float | None, new: Manifest) -> list[str]:
    if impostor_mean is None:
        return []
    if impostor_mean > MAX_IMPOSTOR_MEAN:
        return [
            f"impostor mean {impostor_mean:.3f} on enrolled people is above {MAX_IMPOSTOR_MEAN} "
            "(collapsed)"
        ]
    return [
        f"impostor mean {impostor_mean:.3f} on enrolled people is above {of.impostor_mean:.3f} + "
        f"{_MAX_IMPOSTOR_DEVIATIONS} x {of.impostor_std:.3f}, as the manifest says"
        for of in new.metrics
        if of.size == _HR
        and impostor_mean > of.impostor_mean + _MAX_IMPOSTOR_DEVIATIONS * of.impostor_std
    ]


def _lost_reasons(
    before: TemplateComparison, after: TemplateComparison, max_loss: float
) -> list[str]:
    n = len(after.genuine)
    known_before, known_after = (int(of.genuine_accepted.sum()) for of in (before, after))
    lost = known_before - known_after
    if lost < _MIN_PHOTOS_LOST or lost <= max_loss * n:
        return []
    return [
        f"{known_after} of {n} photos of enrolled people are recognised by their others, before "
        f"{known_before}: a loss of {lost / n:.3g}, more than {max_loss:g}"
    ]


def _are_same_people(new: Manifest, serving: Manifest) -> bool:
    if new.measured_on is not None and serving.measured_on is not None:
        return new.measured_on == serving.measured_on
    # Older manifests do not tell; of other people there are other numbers of pairs.
    before, after = _pairs_by_size(serving.metrics), _pairs_by_size(new.metrics)
    shared = before.keys() & after.keys()
    return bool(shared) and all(before[size] == after[size] for size in shared)


def _pairs_by_size(metrics: Sequence[SizeMetrics]) -> dict[str, tuple[int, int]]:
    return {of.size: (of.n_genuine, of.n_impostor) for of in metrics}


def _tar_by_size(metrics: Sequence[SizeMetrics]) -> dict[str, float]:
    return {of.size: of.tar_at_far[USUAL_FAR] for of in metrics if USUAL_FAR in of.tar_at_far}
