"""How alike the photos of a user are to each other, and the user to others."""

from dataclasses import dataclass
from uuid import UUID

import numpy as np

from app.db.repositories import photos, users
from app.db.session import Sessions
from app.gallery.gallery import Groups, Match
from app.recognition.serving import Serving
from app.services.search import Search
from app.services.template import being_moved
from app.vision.embedder import mean_embedding

_MOST_PHOTOS = 50
_MOST_NEAR_USERS = 5


@dataclass(frozen=True, slots=True)
class PhotoLikeness:
    """Similarities of a stored photo: to the user's template, and to the photos in the answer."""

    photo_id: UUID
    template: float
    photos: list[float]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Of one user.

    Attributes:
        user_id: Whose.
        space_id: In which space.
        photos: The newest 50, oldest first.
        near_users: Others, most similar first.
    """

    user_id: str
    space_id: str
    photos: list[PhotoLikeness]
    near_users: list[Match]


async def likeness_of(
    sessions: Sessions,
    search: Search,
    serving: Serving,
    user_id: str,
    other_user_id: str | None = None,
    among: Groups | None = None,
) -> Likeness:
    """Compares a user's photos with each other, and the user with others.

    Args:
        sessions: Where the photos are.
        search: Where users are looked for.
        serving: In whose space.
        user_id: Whose.
        other_user_id: The only one to compare with; None: the five most similar.
        among: Compare only with users who are in one of these groups; None: with everybody.

    Raises:
        UserNotFoundError: There is no such user.
        NotReadyError: Somebody is being moved to other weights and is not in this space yet.
    """
    async with sessions.read() as session:
        user = await users.get(session, user_id)
        ids = await photos.ids(session, user)
        vectors = (await photos.embeddings(session, user)).get(serving.space_id, [])
        if other_user_id is not None:
            await users.get(session, other_user_id)
    if len(vectors) != len(ids) or not vectors:
        raise being_moved()
    template = mean_embedding(vectors)
    newest = np.stack(vectors[-_MOST_PHOTOS:])
    to_each_other, to_template = newest @ newest.T, newest @ template
    if other_user_id is None:
        (found,) = await search.best(serving, [template], _MOST_NEAR_USERS + 1, among)
        near = [match for match in found if match.user_id != user_id][:_MOST_NEAR_USERS]
    else:
        other = await search.template(serving, other_user_id)
        if other is None:
            raise being_moved()
        near = [Match(other_user_id, float(template @ other))]
    return Likeness(
        user_id,
        serving.space_id,
        [
            PhotoLikeness(photo_id, float(to_template[index]), to_each_other[index].tolist())
            for index, photo_id in enumerate(ids[-_MOST_PHOTOS:])
        ],
        near,
    )
