"""When weights must not be published: they collapsed, or they are worse than what there was."""

from collections.abc import Sequence

from app.vision.manifest import SizeMetrics
from trainer.errors import WorseError

MAX_IMPOSTOR_MEAN = 0.1
MAX_FALL = 0.003
# On few people one pair of photos is more than 0.3 points; two of them, each counted from both
# sides, are chance.
CHANCE_PAIRS = 4
_LOW_SIZES = ("24", "16", "12")
_FAR = "1e-3"


def refuse_worse(new: Sequence[SizeMetrics], baseline: Sequence[SizeMetrics]) -> None:
    """Compares held-out figures, size by size.

    Args:
        new: Of the weights to be published, each face on its route.
        baseline: Of the stock network, which sees the enlarged crop as it is (bicubic).

    Raises:
        WorseError: Strangers are alike; TAR at FAR 1e-3 fell by more than 0.3 points (and by more
            than two pairs of photos) at some size; or small faces are not recognised better. All
            that holds is told, with the figures.
    """
    reasons = [
        f"impostor mean {of.impostor_mean:.3f} at {of.size} px is above {MAX_IMPOSTOR_MEAN} "
        "(collapsed)"
        for of in new
        if of.impostor_mean > MAX_IMPOSTOR_MEAN
    ]
    before = {of.size: of.tar_at_far[_FAR] for of in baseline}
    after = {of.size: of.tar_at_far[_FAR] for of in new}
    allowed = {of.size: max(MAX_FALL, CHANCE_PAIRS / of.n_genuine) for of in new}
    reasons += [
        f"TAR at FAR {_FAR} at {size} px fell from {before[size]:.4f} to {after[size]:.4f}, "
        f"by more than {allowed[size]:.3g}"
        for size in after
        if after[size] < before[size] - allowed[size]
    ]
    small_before = sum(before[size] for size in _LOW_SIZES) / len(_LOW_SIZES)
    small_after = sum(after[size] for size in _LOW_SIZES) / len(_LOW_SIZES)
    if small_after <= small_before:
        reasons.append(
            f"TAR at FAR {_FAR} over {', '.join(_LOW_SIZES)} px is {small_after:.4f}, not better "
            f"than stock + bicubic with {small_before:.4f}"
        )
    if reasons:
        raise WorseError("; ".join(reasons) + ".")
