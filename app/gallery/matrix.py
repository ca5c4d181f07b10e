"""The templates of a gallery as a matrix: looked through in int8, compared in float32.

An int8 copy of a template is a quarter of its size, so a search reads a quarter of the memory. The
copies only choose whom to compare. The bound on their error is known, so everybody who belongs to
the best is among those compared, and a search finds what comparing everybody would find.

With a template t, an embedding q (both of unit length) and their copies t' and q',
    t q - t' q' = (t - t') q + t' (q - q'), so by the inequality of Cauchy and Schwarz
    |t q - t' q'| <= |t - t'| + (1 + |t - t'|) |q - q'|.
Each number of a copy is off by half a step at most, so |t - t'| <= step / 2 * sqrt(512).
"""

import mmap
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import simsimd
from numpy.typing import NDArray

from app.vision.dimensions import EMBEDDING_SIZE

ROWS_PER_BLOCK = 32_768
_MAX_CODE = 127
# |t - t'| in steps; a thousandth more for the rounding of a number between two codes.
_OFF_STEPS = 1.001 * EMBEDDING_SIZE**0.5 / 2
# By how much float32 may exceed the bound: 512 products and sums (3.1e-5 at most, Higham's gamma),
# the arithmetic of the bound itself (1e-6), and lengths of 1.001 (1e-3 of |t - t'| + |q - q'|, each
# at most 0.09).
_ROUNDING = 3e-4
_SQUARE_TOLERANCE = 2e-3
_GROUP_SIZE = 64


class Rows(NamedTuple):
    """Templates with their int8 copies, which are `codes * steps`.

    Attributes:
        templates: (n, 512) float32 of unit length.
        codes: (n, 512) int8 in [-127, 127].
        steps: (n,) float32, from one code to the next.
        marks: (n,) int32, by which some of the rows can be searched alone.
    """

    templates: NDArray[np.float32]
    codes: NDArray[np.int8]
    steps: NDArray[np.float32]
    marks: NDArray[np.int32]

    @classmethod
    def of(cls, templates: NDArray[np.float32], marks: Sequence[int] | None = None) -> Self:
        """Rows for (n, 512) templates; without marks all have 0.

        Raises:
            ValueError: One is not of unit length. The bound would not hold for it.
        """
        if not (np.abs(np.vecdot(templates, templates) - 1) < _SQUARE_TOLERANCE).all():
            raise ValueError("A template or an embedding is not of unit length.")
        steps = np.abs(templates).max(axis=1) / np.float32(_MAX_CODE)
        codes = np.rint(templates / steps[:, None]).astype(np.int8)
        return cls(templates, codes, steps, np.array(marks or [0] * len(templates), np.int32))

    @classmethod
    def empty(cls) -> Self:
        """A block without a template. Its memory is zero and taken when it is first written."""
        return cls(
            np.zeros((ROWS_PER_BLOCK, EMBEDDING_SIZE), np.float32),
            _codes_in_huge_pages(),
            np.zeros(ROWS_PER_BLOCK, np.float32),
            np.zeros(ROWS_PER_BLOCK, np.int32),
        )

    def copy_row(self, row: int, source: "Rows", source_row: int) -> None:
        """Copies a row from other rows."""
        mine: tuple[NDArray[Any], ...] = self
        theirs: tuple[NDArray[Any], ...] = source
        for array, source_array in zip(mine, theirs, strict=True):
            array[row] = source_array[source_row]

    def erase_row(self, row: int) -> None:
        """Leaves nothing of a row in memory."""
        arrays: tuple[NDArray[Any], ...] = self
        for array in arrays:
            array[row] = 0


def _codes_in_huge_pages() -> NDArray[np.int8]:
    """Zeros that are read faster than those of `np.zeros` where the system has huge pages."""
    memory = mmap.mmap(
        -1, ROWS_PER_BLOCK * EMBEDDING_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    )
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.int8).reshape(ROWS_PER_BLOCK, EMBEDDING_SIZE)


Marks = Sequence[int]


class Shortlist(NamedTuple):
    """Who may be among the best.

    Attributes:
        rows: (m,) rows.
        floor: All others that were asked about are less similar than this; as many rows as were
            asked for reach it. -inf if `rows` are all there are.
    """

    rows: NDArray[np.intp]
    floor: float


class TemplateMatrix:
    """Rows without gaps, in blocks: it grows and shrinks without copying what it holds.

    For one thread at a time, except `shortlist`: it may run beside a change, and is then right
    about the rows that were not written meanwhile.

    Attributes:
        blocks: What it holds. Whatever lies behind the last row is zero.
    """

    def __init__(self) -> None:
        self.blocks: list[Rows] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def template(self, row: int) -> NDArray[np.float32]:
        """A copy of a (512,) template."""
        block, within = self._find(row)
        template: NDArray[np.float32] = block.templates[within]
        return template.copy()

    def put(self, row: int, source: Rows, source_row: int) -> None:
        """Writes a row, or a new one if `row` is the one after the last."""
        if row == len(self.blocks) * ROWS_PER_BLOCK:
            self.blocks.append(Rows.empty())
        block, within = self._find(row)
        block.copy_row(within, source, source_row)
        self._size = max(self._size, row + 1)

    def remove(self, row: int) -> None:
        """Erases a row; the last one moves into its place."""
        last = self._size - 1
        last_block, last_within = self._find(last)
        if row != last:
            block, within = self._find(row)
            block.copy_row(within, last_block, last_within)
        last_block.erase_row(last_within)
        self._size = last
        if last_within == 0:
            self.blocks.pop()

    def similarities(
        self, rows: NDArray[np.intp], embedding: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(m,) exact similarities of some rows; each is the same whatever the other rows are."""
        return _similarities(self.blocks, rows, embedding)

    def are_marked(self, rows: NDArray[np.intp], marks: Marks) -> NDArray[np.bool_]:
        """(m,) whether each of some rows has one of some marks."""
        return np.isin(_marks(self.blocks, len(self))[rows], marks)

    def count_marked(self, marks: Marks) -> int:
        """How many rows have one of some marks."""
        return int(np.isin(_marks(self.blocks, len(self)), marks).sum())

    def shortlist(
        self, embedding: NDArray[np.float32], top_k: int, marks: Marks | None = None
    ) -> Shortlist:
        """The rows that may be among the `top_k` most similar ones; at least 1 is asked for.

        Args:
            embedding: (512,) float32 of unit length.
            top_k: How many.
            marks: Only rows that have one of these; None: all rows.

        Raises:
            ValueError: The embedding is not of unit length.
        """
        query = Rows.of(embedding[None])
        blocks = tuple(self.blocks)
        size = min(self._size, len(blocks) * ROWS_PER_BLOCK)
        wanted = None if marks is None else np.isin(_marks(blocks, size), marks)
        count = size if wanted is None else int(wanted.sum())
        if count < top_k:
            return Shortlist(np.arange(size) if wanted is None else np.flatnonzero(wanted), -np.inf)
        highest = _highest_similarities(blocks, size, query)
        if wanted is None:
            promising = _promising(highest, top_k)
        else:
            highest[~wanted] = -np.inf
            promising = np.argpartition(highest, -top_k)[-top_k:]
        floor = float(_similarities(blocks, promising, embedding).min())
        return Shortlist(np.flatnonzero(highest >= floor), floor)

    def _find(self, row: int) -> tuple[Rows, int]:
        return self.blocks[row // ROWS_PER_BLOCK], row % ROWS_PER_BLOCK


def _marks(blocks: Sequence[Rows], size: int) -> NDArray[np.int32]:
    """(size,) of the first rows."""
    return np.concatenate([np.empty(0, np.int32), *(block.marks for block in blocks)])[:size]


def _similarities(
    blocks: Sequence[Rows], rows: NDArray[np.intp], embedding: NDArray[np.float32]
) -> NDArray[np.float32]:
    numbers, within = np.divmod(rows, ROWS_PER_BLOCK)
    similarities = np.empty(len(rows), np.float32)
    for number in set(numbers.tolist()):
        here = numbers == number
        similarities[here] = np.vecdot(blocks[number].templates[within[here]], embedding)
    return similarities


def _highest_similarities(blocks: Sequence[Rows], size: int, query: Rows) -> NDArray[np.float32]:
    """(n,) similarities that the first `size` rows can have at most."""
    query_step = query.steps[0]
    query_off = _OFF_STEPS * query_step
    highest = np.empty(size, np.float32)
    for block, first in zip(blocks, range(0, size, ROWS_PER_BLOCK), strict=False):
        here = highest[first : first + ROWS_PER_BLOCK]
        # The sums of products are whole numbers below 2**24, which float32 holds exactly. Not with
        # `out`: simsimd 6.5 then returns None without counting it, and the interpreter dies when
        # none is left, after some hundred thousand searches.
        products = simsimd.cdist(
            query.codes, block.codes[: len(here)], "dot", out_dtype="float32", threads=1
        )
        # t' q' + |t - t'| (1 + |q - q'|) + |q - q'|, in place: new memory would cost as much time.
        np.multiply(np.asarray(products)[0], query_step, out=here)
        here += _OFF_STEPS * (1 + query_off)
        here *= block.steps[: len(here)]
        here += query_off + _ROUNDING
    return highest


def _promising(highest: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """(count,) rows that are among those with the highest similarities, or nearly so."""
    groups = len(highest) // _GROUP_SIZE
    if groups < count:
        return np.argpartition(highest, -count)[-count:]
    # The best of each of the best groups, which spares sorting all. The groups are columns, because
    # maxima over columns are taken for many of them at once.
    columns = highest[: groups * _GROUP_SIZE].reshape(_GROUP_SIZE, groups)
    best = np.argpartition(columns.max(axis=0), -count)[-count:]
    return np.asarray(columns[:, best].argmax(axis=0) * groups + best)
