"""Two galleries of one space: merged, or compared."""

from dataclasses import dataclass
from enum import StrEnum

from app.errors import SpaceMismatchError, UserExistsError
from app.gallery.portable import PortableGallery

_SAME_SIMILARITY = 1 - 1e-6


class OnConflict(StrEnum):
    """What to do with a user who already exists."""

    REFUSE = "refuse"
    SKIP = "skip"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class ChangedUser:
    """A user of both galleries whose templates differ."""

    user_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How two galleries differ, by `user_id`.

    Attributes:
        only_first: Who is missing in the second one.
        only_second: Who is missing in the first one.
        changed: Who is in both with templates less alike than 1 - 1e-6.
    """

    only_first: list[str]
    only_second: list[str]
    changed: list[ChangedUser]

    @property
    def is_none(self) -> bool:
        """Whether the galleries answer every probe alike."""
        return not (self.only_first or self.only_second or self.changed)


def merge_galleries(
    first: PortableGallery, second: PortableGallery, on_conflict: OnConflict
) -> PortableGallery:
    """Everybody of both galleries.

    Args:
        first: Its users come first.
        second: Its users are added.
        on_conflict: `skip` keeps the first gallery's user, `replace` takes the second one's.

    Raises:
        SpaceMismatchError: They are of two spaces.
        UserExistsError: A user is in both, and that is to be refused.
    """
    _require_one_space(first, second)
    users = {user.user_id: user for user in first.users}
    refuse_taken([user.user_id for user in second.users if user.user_id in users], on_conflict)
    for user in second.users:
        if user.user_id not in users or on_conflict == OnConflict.REPLACE:
            users[user.user_id] = user
    return PortableGallery(first.space_id, first.bundle, tuple(users.values()))


def refuse_taken(taken: list[str], on_conflict: OnConflict) -> None:
    """Raises UserExistsError if users already exist and that is to be refused."""
    if taken and on_conflict == OnConflict.REFUSE:
        raise UserExistsError(
            f"{len(taken)} of the users exist already, {taken[0]!r} among them. Nothing was "
            "changed. Skip or replace them (on_conflict).",
            users=len(taken),
        )


def diff_galleries(first: PortableGallery, second: PortableGallery) -> Difference:
    """How two galleries differ.

    Raises:
        SpaceMismatchError: They are of two spaces, whose vectors cannot be compared.
    """
    _require_one_space(first, second)
    before = {user.user_id: user.template for user in first.users}
    after = {user.user_id: user.template for user in second.users}
    similarities = {name: float(before[name] @ after[name]) for name in before if name in after}
    return Difference(
        only_first=[name for name in before if name not in after],
        only_second=[name for name in after if name not in before],
        changed=[
            ChangedUser(name, similarity)
            for name, similarity in similarities.items()
            if similarity < _SAME_SIMILARITY
        ],
    )


def _require_one_space(first: PortableGallery, second: PortableGallery) -> None:
    if first.space_id != second.space_id:
        raise SpaceMismatchError(
            f"One gallery is of space {first.space_id} (bundle {first.bundle!r}), the other of "
            f"{second.space_id} (bundle {second.bundle!r}): their vectors cannot be compared."
        )
