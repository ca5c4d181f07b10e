"""All templates of one space, held in memory for search."""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.gallery.matrix import Marks, Rows, TemplateMatrix

_WRITTEN_AT_ONCE = 128
_LOOKS = 3

Groups = frozenset[str]


class Enrolled(NamedTuple):
    """What search knows of a user.

    Attributes:
        template: (512,) float32 of unit length.
        groups: Names of the groups that the user is in.
        sized: By `face_px`, the template that probes of this size are compared with, like
            `template`. Where one is missing, `template` takes its place.
    """

    template: NDArray[np.float32]
    groups: Groups = frozenset()
    sized: Mapping[int, NDArray[np.float32]] = MappingProxyType({})


Templates = Mapping[str, Enrolled | None]
"""By `user_id`; None for a user without a template."""


@dataclass(frozen=True, slots=True)
class Match:
    """A user and the similarity of their template to the probe."""

    user_id: str
    similarity: float


class Gallery:
    """The templates of one space. Rows in the database are the truth, this is their projection.

    Safe to use from several threads. Nobody waits for a search: it looks through the matrix while
    others write, and then, for a moment alone, compares those it chose and those written meanwhile.
    So it answers as if all of it had happened in that moment.

    Args:
        templates: `user_id`, template and groups.
        revision: The database's gallery revision that they were read at.
        count: Of templates that stay in the database, where they are searched. Then the gallery
            holds none: it tells how many there are, and follows the revision.
        sizes: The sizes of `Enrolled.sized` that are searched.

    Attributes:
        holds_templates: Whether it does.
        sizes: As given.

    Raises:
        ValueError: A template is not of unit length.
    """

    def __init__(
        self,
        templates: Iterable[tuple[str, Enrolled]] = (),
        revision: int = 0,
        count: int | None = None,
        sizes: Collection[int] = (),
    ) -> None:
        self.holds_templates = count is None
        self.sizes = frozenset(sizes)
        self._count = count or 0
        self._lock = threading.Lock()
        self._user_ids: list[str] = []
        self._rows: dict[str, int] = {}
        # All have the same rows; under None, the templates of no size.
        self._matrices = {size: TemplateMatrix() for size in (None, *sorted(self.sizes))}
        self._marks: dict[Groups, int] = {frozenset(): 0}
        """Of the rows whose users are in just these groups."""
        self._written: list[set[int]] = []
        """For each running search, the rows that were written since it began to look."""
        self._revision = revision
        self._changes = 0
        self._put(templates)

    @property
    def revision(self) -> int:
        """The database's gallery revision that this gallery has followed to."""
        return self._revision

    @property
    def changes(self) -> int:
        """How often this gallery has been changed, for `catch_up`."""
        return self._changes

    def __len__(self) -> int:
        return len(self._user_ids) if self.holds_templates else self._count

    def count_with(self, user_ids: Iterable[str]) -> int:
        """How many users there would be with these."""
        return len(self) + sum(user_id not in self._rows for user_id in user_ids)

    def follow(self, templates: Templates, revision: int) -> None:
        """Applies one change of the rows.

        Args:
            templates: Of the users whom the change is about; None for one who has none any more.
            revision: The database's gallery revision that the change made. If others lie between
                it and the gallery's own, somebody else made them: the gallery keeps its revision,
                so that `catch_up` will read them. One that the gallery has caught up with is passed
                over: the gallery may know of newer changes.

        Raises:
            ValueError: A template is not of unit length.
        """
        if revision <= self._revision or not self.holds_templates:
            return
        self._put_or_drop(templates)
        with self._lock:
            self._changes += 1
            if revision == self._revision + 1:
                self._revision = revision

    def catch_up(
        self, changed: Templates, everybody: Set[str] | None, revision: int, *, read_at: int
    ) -> bool:
        """Applies all changes up to a revision.

        Call it where `follow` is called, so that neither comes between the other's steps.

        Args:
            changed: Templates that are newer than the gallery.
            everybody: All who have a template; None if their number shows that nobody left.
            revision: The database's gallery revision at which they were read.
            read_at: The gallery's `changes` before they were read.

        Returns:
            Whether it did. False if the gallery was changed since: what was read may be older.

        Raises:
            ValueError: A template is not of unit length.
        """
        if read_at != self._changes:
            return False
        self._put_or_drop(changed)
        with self._lock:
            self._changes += 1
            if everybody is not None:
                for user_id in set(self._rows) - everybody:
                    self._drop(user_id)
            self._revision = revision
        return True

    def note(self, count: int, revision: int) -> None:
        """Follows the rows where the templates stay in the database."""
        self._count, self._revision = count, revision

    def template(self, user_id: str, size: int | None = None) -> NDArray[np.float32] | None:
        """A copy of a user's (512,) template, or None where there is none.

        Args:
            user_id: Whose.
            size: One of `sizes`, for the one that probes of this size are compared with.
        """
        with self._lock:
            row = self._rows.get(user_id)
            return None if row is None else self._matrices[size].template(row)

    def search(
        self,
        embedding: NDArray[np.float32],
        top_k: int,
        groups: Groups | None = None,
        size: int | None = None,
    ) -> list[Match]:
        """The users most similar to an embedding. Blocks; other threads run meanwhile.

        Args:
            embedding: (512,) float32 of unit length.
            top_k: How many at most.
            groups: Only users who are in one of these; None: everybody.
            size: One of `sizes`: compare with the templates of this size.

        Returns:
            Best first, equally similar ones by `user_id`; fewer than `top_k` where there are fewer
            users.

        Raises:
            ValueError: The embedding is not of unit length.
        """
        if top_k < 1:
            return []
        matrix = self._matrices[size]
        with self._noting_what_is_written() as written:
            for _ in range(_LOOKS):
                shortlist = matrix.shortlist(embedding, top_k, self._marks_of(groups))
                with self._lock:
                    marks = self._marks_of(groups)
                    matches = self._best(matrix, embedding, top_k, shortlist.rows, marks, written)
                    there = len(self) if marks is None else matrix.count_marked(marks)
                    # Nobody else was written, and all others are below the floor.
                    full = len(matches) == min(top_k, there)
                    if full and (not matches or matches[-1].similarity >= shortlist.floor):
                        return matches
                    written.clear()  # The best have changed: look again.
        with self._lock:
            marks = self._marks_of(groups)
            shortlist = matrix.shortlist(embedding, top_k, marks)
            return self._best(matrix, embedding, top_k, shortlist.rows, marks)

    def _marks_of(self, groups: Groups | None) -> list[int] | None:
        """Of rows whose users are in one of some groups; None: all rows."""
        if groups is None:
            return None
        return [mark for theirs, mark in list(self._marks.items()) if theirs & groups]

    @contextmanager
    def _noting_what_is_written(self) -> Iterator[set[int]]:
        written: set[int] = set()
        with self._lock:
            self._written.append(written)
        try:
            yield written
        finally:
            with self._lock:
                self._written = [other for other in self._written if other is not written]

    def _best(
        self,
        matrix: TemplateMatrix,
        embedding: NDArray[np.float32],
        top_k: int,
        shortlist: NDArray[np.intp],
        marks: Marks | None,
        written: Set[int] = frozenset(),
    ) -> list[Match]:
        """The best of some rows, those that are gone or not asked about left out."""
        rows = np.union1d(shortlist, np.fromiter(written, np.intp)) if written else shortlist
        rows = rows[rows < len(self)]
        if marks is not None:
            rows = rows[matrix.are_marked(rows, marks)]
        similarities = matrix.similarities(rows, embedding)
        if len(rows) > top_k:
            best = similarities >= np.partition(similarities, -top_k)[-top_k]
            rows, similarities = rows[best], similarities[best]
        matches = [
            Match(self._user_ids[row], float(similarity))
            for row, similarity in zip(rows, similarities, strict=True)
        ]
        return sorted(matches, key=lambda match: (-match.similarity, match.user_id))[:top_k]

    def _put_or_drop(self, templates: Templates) -> None:
        self._put(
            (user_id, template) for user_id, template in templates.items() if template is not None
        )
        with self._lock:
            for user_id, template in templates.items():
                if template is None:
                    self._drop(user_id)

    def _put(self, templates: Iterable[tuple[str, Enrolled]]) -> None:
        """Releases the lock in between, so that a search never waits long."""
        remaining = iter(templates)
        while some := list(islice(remaining, _WRITTEN_AT_ONCE)):
            by_size = {
                size: np.stack([_compared(each, size) for _, each in some])
                for size in self._matrices
            }
            with self._lock:
                marks = [self._marks.setdefault(each.groups, len(self._marks)) for _, each in some]
            sources = {size: Rows.of(templates, marks) for size, templates in by_size.items()}
            with self._lock:
                for source_row, (user_id, _) in enumerate(some):
                    row = self._rows.setdefault(user_id, len(self._user_ids))
                    if row == len(self._user_ids):
                        self._user_ids.append(user_id)
                    for size, matrix in self._matrices.items():
                        matrix.put(row, sources[size], source_row)
                    self._note(row)

    def _drop(self, user_id: str) -> None:
        """Forgets a user's template, if there is one; the last row moves into its place."""
        row = self._rows.pop(user_id, None)
        if row is None:
            return
        for matrix in self._matrices.values():
            matrix.remove(row)
        self._note(row)
        moved = self._user_ids.pop()
        if moved != user_id:
            self._user_ids[row] = moved
            self._rows[moved] = row

    def _note(self, row: int) -> None:
        for written in self._written:
            written.add(row)


def _compared(enrolled: Enrolled, size: int | None) -> NDArray[np.float32]:
    return enrolled.template if size is None else enrolled.sized.get(size, enrolled.template)
