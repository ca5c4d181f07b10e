"""Two users who turn out to be one person."""

from app.db.repositories import events, kept_faces, photos, users
from app.db.session import Sessions, WriteSession
from app.errors import InvalidRequestError
from app.recognition.serving import Current
from app.services.erasures import Erasures
from app.services.template import refresh_templates
from app.services.users import UserDetail, forget_template, view_detail


class Merging:
    """Moves one user's photos to another.

    Args:
        sessions: Where users are kept.
        erasures: Erases who is left without photos.
        current: Its galleries follow; None where none are in memory.
    """

    def __init__(
        self, sessions: Sessions, erasures: Erasures, current: Current | None = None
    ) -> None:
        self._sessions = sessions
        self._current = current
        self._erasures = erasures

    async def merge(self, actor: str, user_id: str, other_user_id: str) -> UserDetail:
        """Moves all photos of the other user to a user, and erases the other.

        The user keeps name, metadata and groups; a photo that both have is kept once.

        Args:
            actor: The caller's key id.
            user_id: Who stays.
            other_user_id: Who is erased.

        Raises:
            UserNotFoundError: There is no such user.
            InvalidRequestError: Both are one already.
        """
        if user_id == other_user_id:
            raise InvalidRequestError("A user cannot be merged with themselves.")
        merged: list[UserDetail] = []

        async def store(session: WriteSession) -> None:
            user = await users.get(session, user_id)
            other = await users.get(session, other_user_id)
            moved = await photos.move(session, other, user)
            await kept_faces.move(session, other, user)
            await users.erase(session, {other_user_id: other.id})
            await forget_template(session, self._current, other_user_id)
            await refresh_templates(session, self._current, user)
            await events.record(
                session, actor, "user.merged", user_id, {"other": other_user_id, "photos": moved}
            )
            await session.flush()
            merged.append(await view_detail(session, user))

        await self._erasures.run(store)
        return merged[-1]
