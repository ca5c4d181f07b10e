"""Which of the faces that a service returned are really in the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.subjects import Box

_OVERLAP = 0.3
_SIZES_APART = 2.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result for a picture's faces.

    Attributes:
        hits: For each real face the index of the returned one, None if it was missed.
        false: Returned ones that match none, or one for the second time.
    """

    hits: list[int | None]
    false: int

    @property
    def found(self) -> int:
        """How many of the real faces were returned."""
        return sum(hit is not None for hit in self.hits)


def judge(returned: Sequence[Box], there: Sequence[Box]) -> Judgement:
    """Assigns each real face the best returned one that is still free."""
    free = list(range(len(returned)))
    hits: list[int | None] = []
    for truth in there:
        fitting = [index for index in free if is_same(returned[index], truth)]
        best = max(fitting, key=lambda index: overlap(returned[index], truth), default=None)
        if best is not None:
            free.remove(best)
        hits.append(best)
    return Judgement(hits, len(free))


def is_same(box: Box, truth: Box) -> bool:
    """Whether they overlap enough, or the centre lies inside and neither is twice as large."""
    centre = box[:2] + box[2:] / 2
    inside = bool((centre >= truth[:2]).all() and (centre <= truth[:2] + truth[2:]).all())
    apart = float(np.sqrt(np.prod(box[2:]) / np.prod(truth[2:])))
    return overlap(box, truth) >= _OVERLAP or (inside and 1 / _SIZES_APART <= apart <= _SIZES_APART)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    shared = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - np.maximum(one[:2], other[:2])
    intersection = float(np.prod(shared.clip(min=0)))
    return intersection / float(np.prod(one[2:]) + np.prod(other[2:]) - intersection)
