"""Values for statements that cannot take as many as there are."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

VALUES_AT_ONCE = 10_000
"""In one statement; SQLite takes 32,766."""


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` values, the last one shorter."""
    left = iter(values)
    while some := list(islice(left, size)):
        yield some
