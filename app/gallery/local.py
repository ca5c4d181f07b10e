"""The gallery of a script or notebook: searched like the service's, kept in a gallery file."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidRequestError, UserNotFoundError
from app.gallery.gallery import Enrolled, Gallery
from app.gallery.portable import PortableGallery, PortableUser
from app.gallery.user_fields import USER_ID_DESCRIPTION, USER_ID_PATTERN
from app.vision.dimensions import EMBEDDING_SIZE


class LocalGallery:
    """Users by label, with everything a gallery file keeps about them. For one thread.

    Args:
        space_id: Of every template.
        bundle: Name of the bundle whose space it is.

    Attributes:
        search_index: The templates, for search.
    """

    def __init__(self, space_id: str, bundle: str) -> None:
        self._space_id = space_id
        self._bundle = bundle
        self._users: dict[str, PortableUser] = {}
        self.search_index = Gallery()

    @property
    def labels(self) -> list[str]:
        """Every `user_id`, in the order in which they came."""
        return list(self._users)

    @property
    def size(self) -> int:
        """How many users there are."""
        return len(self._users)

    def add(
        self, label: str, embedding: NDArray[np.floating[Any]], display_name: str | None = None
    ) -> None:
        """Adds a user, or replaces their template.

        Args:
            label: The `user_id`: 1 to 64 letters, digits, `.`, `_`, `@`, `-`.
            embedding: (512,), such as the mean of several photos' embeddings; it is brought to
                unit length.
            display_name: For people to read.

        Raises:
            InvalidRequestError: Not a `user_id`, or not an embedding.
        """
        if not re.fullmatch(USER_ID_PATTERN, label):
            raise InvalidRequestError(f"{label!r} is not a user_id: {USER_ID_DESCRIPTION}.")
        norm = float(np.linalg.norm(embedding))
        if embedding.shape != (EMBEDDING_SIZE,) or not 0 < norm < float("inf"):
            raise InvalidRequestError(
                f"A template is made of an embedding: {EMBEDDING_SIZE} finite numbers, not all 0."
            )
        template = np.asarray(embedding / norm, dtype=np.float32)
        self.put(PortableUser(label, template, 1, display_name))

    def put(self, user: PortableUser) -> None:
        """Adds a user with photos, or replaces the former one."""
        self._users[user.user_id] = user
        self._follow(user.user_id, user.template)

    def get(self, label: str) -> PortableUser:
        """All that is known of a user.

        Raises:
            UserNotFoundError: There is none.
        """
        if label not in self._users:
            raise UserNotFoundError(f"Nobody has the label {label!r}.", user_id=label)
        return self._users[label]

    def remove(self, label: str) -> None:
        """Forgets a user.

        Raises:
            UserNotFoundError: There is none.
        """
        self.get(label)
        del self._users[label]
        self._follow(label, None)

    def content(self) -> PortableGallery:
        """Everybody, for a gallery file."""
        return PortableGallery(self._space_id, self._bundle, tuple(self._users.values()))

    def _follow(self, label: str, template: NDArray[np.float32] | None) -> None:
        enrolled = None if template is None else Enrolled(template)
        self.search_index.follow({label: enrolled}, self.search_index.revision + 1)
