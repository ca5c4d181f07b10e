"""All templates of one space, held in memory for search."""

import threading
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.vision.edgeface import EMBEDDING_SIZE

USER_ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"
"""A whole `user_id`, wherever it comes in."""
DISPLAY_NAME_PATTERN = r"[^\x00-\x1f\x7f]+"
"""A whole display name; 200 characters at most."""

_INITIAL_CAPACITY = 16

Templates = Mapping[str, NDArray[np.float32] | None]
"""(512,) float32 of unit length by `user_id`; None for a user without one."""


@dataclass(frozen=True, slots=True)
class Match:
    """A user and how similar their template is to what was searched."""

    user_id: str
    similarity: float


class Gallery:
    """The templates of one space. Rows in the database are the truth, this is their projection.

    Safe to use from several threads.

    Args:
        templates: `user_id` and (512,) float32 of unit length.
        revision: The database's gallery revision that they were read at.
    """

    def __init__(
        self, templates: Iterable[tuple[str, NDArray[np.float32]]] = (), revision: int = 0
    ) -> None:
        self._lock = threading.Lock()
        self._user_ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._templates = np.empty((_INITIAL_CAPACITY, EMBEDDING_SIZE), dtype=np.float32)
        self._revision = revision
        for user_id, template in templates:
            self._put(user_id, template)

    @property
    def revision(self) -> int:
        """The database's gallery revision that this gallery has followed to."""
        return self._revision

    def __len__(self) -> int:
        return len(self._user_ids)

    def follow(self, templates: Templates, revision: int) -> None:
        """Takes over one change of the rows.

        Args:
            templates: Of the users whom the change is about; None for one who has none any more.
            revision: The database's gallery revision that the change made. If others lie between
                it and the gallery's own, somebody else made them: the gallery keeps its revision,
                so that `catch_up` will read them.
        """
        with self._lock:
            for user_id, template in templates.items():
                self._put_or_drop(user_id, template)
            if revision == self._revision + 1:
                self._revision = revision

    def catch_up(self, changed: Templates, everybody: Set[str] | None, revision: int) -> None:
        """Takes over all changes up to a revision.

        Args:
            changed: Templates that are younger than the gallery.
            everybody: All who have a template; None if their number tells that nobody went.
            revision: The database's gallery revision now.
        """
        with self._lock:
            for user_id, template in changed.items():
                self._put_or_drop(user_id, template)
            if everybody is not None:
                for user_id in set(self._rows) - everybody:
                    self._drop(user_id)
            self._revision = revision

    def template(self, user_id: str) -> NDArray[np.float32] | None:
        """A copy of a user's (512,) template, or None where there is none."""
        with self._lock:
            row = self._rows.get(user_id)
            return None if row is None else self._templates[row].copy()

    def search(self, embedding: NDArray[np.float32], top_k: int) -> list[Match]:
        """The users most similar to an embedding.

        Args:
            embedding: (512,) float32 of unit length.
            top_k: How many at most.

        Returns:
            Best first; fewer than `top_k` where there are fewer users.
        """
        with self._lock:
            similarities = self._templates[: len(self._user_ids)] @ embedding
            top_k = min(top_k, len(similarities))
            if not top_k:
                return []
            nearest = np.argpartition(-similarities, top_k - 1)[:top_k]
            ordered = sorted(nearest, key=lambda row: -similarities[row])
            return [Match(self._user_ids[row], float(similarities[row])) for row in ordered]

    def _put_or_drop(self, user_id: str, template: NDArray[np.float32] | None) -> None:
        if template is None:
            self._drop(user_id)
        else:
            self._put(user_id, template)

    def _drop(self, user_id: str) -> None:
        """Forgets a user's template, if there is one; the last row moves into its place."""
        row = self._rows.pop(user_id, None)
        if row is None:
            return
        last = len(self._user_ids) - 1
        self._templates[row] = self._templates[last]
        self._templates[last] = 0
        moved = self._user_ids.pop()
        if moved != user_id:
            self._user_ids[row] = moved
            self._rows[moved] = row

    def _put(self, user_id: str, template: NDArray[np.float32]) -> None:
        row = self._rows.get(user_id)
        if row is None:
            row = len(self._user_ids)
            if row == len(self._templates):
                self._grow()
            self._user_ids.append(user_id)
            self._rows[user_id] = row
        self._templates[row] = template

    def _grow(self) -> None:
        """Doubles the room: n additions cost n copies, not n squared."""
        grown = np.empty((2 * len(self._templates), EMBEDDING_SIZE), dtype=np.float32)
        grown[: len(self._templates)] = self._templates
        self._templates = grown
