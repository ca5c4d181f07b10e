"""When weights must not be published: they collapsed, or they are worse than before."""

from collections.abc import Sequence

from app.evaluation.gate import collapse_reasons, loss_reasons
from app.evaluation.verification import USUAL_FAR
from app.vision.manifest import SizeMetrics
from trainer.errors import WorseError

MAX_IMPOSTOR_MEAN = 0.1
MAX_FALL = 0.003
_LOW_SIZES = ("24", "16", "12")


def refuse_worse(new: Sequence[SizeMetrics], baseline: Sequence[SizeMetrics]) -> None:
    """Compares held-out figures, size by size.

    Args:
        new: Of the weights to be published, each face on its route.
        baseline: Of the stock network, which sees the merely enlarged crop (bicubic).

    Raises:
        WorseError: Strangers look alike; TAR at FAR 1e-3 fell by more than 0.3 points (and by more
            than two pairs of photos) at some size; or small faces are not recognised better. All
            that apply are listed, with the figures.
    """
    reasons = collapse_reasons(new, MAX_IMPOSTOR_MEAN)
    reasons += loss_reasons(new, baseline, MAX_FALL)
    before = {of.size: of.tar_at_far[USUAL_FAR] for of in baseline}
    after = {of.size: of.tar_at_far[USUAL_FAR] for of in new}
    small_before = sum(before[size] for size in _LOW_SIZES) / len(_LOW_SIZES)
    small_after = sum(after[size] for size in _LOW_SIZES) / len(_LOW_SIZES)
    if small_after <= small_before:
        reasons.append(
            f"TAR at FAR {USUAL_FAR} over {', '.join(_LOW_SIZES)} px is {small_after:.4f}, not "
            f"better than stock + bicubic with {small_before:.4f}"
        )
    if reasons:
        raise WorseError("; ".join(reasons) + ".")
