"""A photo that is somebody else's: it moves to them, and both templates follow."""

from dataclasses import dataclass
from uuid import UUID

from app.db.repositories import events, photos, users
from app.db.session import Sessions, WriteSession
from app.errors import InvalidRequestError, LastPhotosError, PhotoRefusedError
from app.recognition.serving import Current, Serving
from app.services.retry import without_photo
from app.services.template import being_moved, refresh_templates, template_of
from app.services.users import UserView, view_user
from app.vision.quality import Rejection


@dataclass(frozen=True, slots=True)
class PhotoMove:
    """What became of two users when a photo moved.

    Attributes:
        user: Whose it was.
        to_user: Whose it is.
        similarity_before: Of the photo to the template of `to_user`, without it.
        similarity_after: The same, with it.
    """

    user: UserView
    to_user: UserView
    similarity_before: float
    similarity_after: float


class PhotoMoving:
    """Moves single photos; see Merging for all of a user's.

    Args:
        sessions: Where users are kept.
        current: Its galleries follow.
        min_photos: Photos that a user needs.
        outlier_similarity: A photo less alike than this to a user's template is not that user's.
    """

    def __init__(
        self, sessions: Sessions, current: Current, *, min_photos: int, outlier_similarity: float
    ) -> None:
        self._sessions = sessions
        self._current = current
        self._min_photos = min_photos
        self._outlier_similarity = outlier_similarity

    async def move(
        self, serving: Serving, actor: str, user_id: str, photo_id: UUID, to_user_id: str
    ) -> PhotoMove:
        """Gives a photo of one user to another.

        Args:
            serving: In whose space they are compared.
            actor: The caller's key id.
            user_id: Whose it is.
            photo_id: Which.
            to_user_id: Whose it is to be.

        Raises:
            UserNotFoundError: There is no such user.
            PhotoNotFoundError: The user has no such photo.
            InvalidRequestError: Both are one.
            LastPhotosError: Fewer would be left than a user needs.
            PhotoRefusedError: The other has the same photo, or does not look like it.
            NotReadyError: Somebody is being moved to other weights.
        """
        if user_id == to_user_id:
            raise InvalidRequestError("The photo is this user's already.")

        async def store(session: WriteSession) -> PhotoMove:
            user, to = await users.get(session, user_id), await users.get(session, to_user_id)
            photo = await photos.get(session, user, photo_id)
            embedding = await photos.embedding(session, photo_id, serving.space_id)
            if embedding is None:
                raise being_moved()
            before = float(embedding @ await template_of(session, to, serving.space_id))
            if photo.sha256 in await photos.hashes(session, to):
                raise _refused(Rejection.DUPLICATE_PHOTO, f"{to_user_id!r} has it already.")
            if before < self._outlier_similarity:
                raise _refused(Rejection.OUTLIER, f"It does not look like {to_user_id!r}.")
            await photos.give(session, photo, to)
            for stored in await events.answers_about(session, user):
                stored.answer = without_photo(stored.answer or {}, photo_id)
            left = await refresh_templates(session, self._current, user)
            if left < self._min_photos:
                raise LastPhotosError(
                    f"A user needs {self._min_photos} photos. Add others first, or merge the users."
                )
            count = await refresh_templates(session, self._current, to)
            await events.record(session, actor, "photo.moved", user_id, {"to": to_user_id})
            after = float(embedding @ await template_of(session, to, serving.space_id))
            return PhotoMove(view_user(user, left), view_user(to, count), before, after)

        return await self._sessions.write(store)


def _refused(reason: Rejection, detail: str) -> PhotoRefusedError:
    return PhotoRefusedError(detail, reason=reason.value)
