"""Values in batches, for statements that cannot take them all."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

VALUES_AT_ONCE = 10_000
"""Values in one statement; SQLite takes 32,766."""


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` values, the last one shorter."""
    left = iter(values)
    while some := list(islice(left, size)):
        yield some
