"""Subjects, as clients of CompreFace's know them: users by their name, photo by photo.

A subject is a user: its name is the display name, or the `user_id` of a user who has none. One
photo makes a subject, and the last one takes it away. Why: docs/decisions/0027-compreface.md.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.db.repositories import events, photos, subjects, users
from app.db.session import ReadSession, Sessions, WriteSession
from app.db.tables import User
from app.errors import (
    CropNotKeptError,
    InvalidRequestError,
    NotReadyError,
    PhotoNotFoundError,
    UserExistsError,
    UserNotFoundError,
)
from app.recognition.serving import Current, Serving
from app.services.erasures import Erasures
from app.services.face_choice import SureFaces
from app.services.keys import Caller
from app.services.registration import NewUser, Registration
from app.services.reviewed_photo import Upload
from app.services.stored_photos import StoredPhotos
from app.services.template import refresh_templates
from app.services.users import UserChanges, Users, change, forget_template, require_alone
from app.vision.embedder import mean_embedding

MIN_PHOTOS = 1
"""Usable photos that a subject needs."""

_ALL = 2**62


@dataclass(frozen=True, slots=True)
class SubjectPhoto:
    """A stored photo, and of whom."""

    photo_id: UUID
    subject: str


@dataclass(frozen=True, slots=True)
class SubjectPhotoPage:
    """Some photos, and how many there are."""

    items: list[SubjectPhoto]
    total: int


@dataclass(frozen=True, slots=True)
class Erased:
    """How many subjects went, and how many photos with them."""

    subjects: int
    photos: int


class Subjects:
    """Adds, renames and erases subjects and their photos.

    Args:
        sessions: Where users are kept.
        current: Its galleries follow.
        users: Erases users.
        registration: Adds and erases photos; MIN_PHOTOS are enough for it.
        stored_photos: Shows crops.
        erasures: Erases what is left of subjects that were merged.
        outlier_similarity: Subjects whose photos are less similar are not merged.
    """

    def __init__(
        self,
        sessions: Sessions,
        current: Current,
        users: Users,
        registration: Registration,
        stored_photos: StoredPhotos,
        erasures: Erasures,
        *,
        outlier_similarity: float,
    ) -> None:
        self._sessions = sessions
        self._current = current
        self._users = users
        self._registration = registration
        self._stored_photos = stored_photos
        self._erasures = erasures
        self._outlier_similarity = outlier_similarity

    async def names(self, caller: Caller) -> list[str]:
        """Of all subjects, also those that are announced, in their order."""
        async with self._sessions.read() as session:
            known = await subjects.names(session, caller.groups)
            return sorted(known | await subjects.announced(session, caller.key_id))

    async def announce(self, caller: Caller, name: str) -> None:
        """Keeps a name until its first photo comes: a user has photos.

        Raises:
            UserExistsError: There is such a subject.
        """

        async def store(session: WriteSession) -> None:
            known = await subjects.named(session, name, caller.groups)
            if known or name in await subjects.announced(session, caller.key_id):
                raise UserExistsError("There is already a subject of this name.")
            await subjects.announce(session, caller.key_id, name)
            # The log is kept for good, a name only as long as its subject.
            await events.record(session, caller.key_id, "subject.announced", _user_id(name), {})

        await self._sessions.write(store)

    async def add_photo(
        self,
        serving: Serving,
        caller: Caller,
        name: str,
        upload: Upload,
        min_detection_score: float = 0.0,
    ) -> UUID:
        """Adds a photo to a subject, or registers the subject with it.

        Args:
            serving: The one that the request has taken.
            caller: Who asks.
            name: The subject's.
            upload: Shows the subject.
            min_detection_score: Faces of which the detector is less sure do not count.

        Returns:
            The id of the stored photo.

        Raises:
            TooFewPhotosError: The photo is not usable.
            InvalidRequestError: Two users have this name.
            GroupForbiddenError: The user is in a group that the caller does not reach.
        """
        choice = SureFaces(min_detection_score=min_detection_score)
        async with self._sessions.read() as session:
            user = await _find(session, caller, name)
            new_id = None if user else await _free_user_id(session, name)
        if user is not None:
            require_alone(user, caller.groups)
            answer = await self._registration.add_photos(
                serving, caller.key_id, user.user_id, [upload], choice=choice, among=caller.groups
            )
        else:
            assert new_id is not None
            among = None if caller.groups is None else sorted(caller.groups)
            # A person may have two names there, and no client could say that it means it.
            new = NewUser(new_id, name, {}, allow_duplicate=True, groups=among or (), among=among)
            try:
                prepared = await self._registration.prepare(
                    serving, caller.key_id, new, [upload], choice=choice
                )
                answer = await self._registration.store(prepared)
            except UserExistsError:  # another first photo of the name was faster
                return await self.add_photo(serving, caller, name, upload, min_detection_score)
            await self._forget_announced(caller, {name})
        (photo,) = answer.photos
        assert photo.photo_id is not None
        return photo.photo_id

    async def rename(self, caller: Caller, name: str, new_name: str) -> None:
        """Gives a subject another name. If there is a subject of that name, it gets the photos.

        Raises:
            UserNotFoundError: There is no such subject.
            InvalidRequestError: Two users have one of the names, or the photos of the two subjects
                are not of one person.
            GroupForbiddenError: One of them is in a group that the caller does not reach.
            NotReadyError: The weights have just changed.
        """

        async def store(session: WriteSession) -> None:
            source = await _find(session, caller, name)
            target = await _find(session, caller, new_name)
            for user in (source, target):
                if user is not None:
                    require_alone(user, caller.groups)
            announced = await subjects.announced(session, caller.key_id)
            if source is None and name not in announced:
                raise _not_found()
            await subjects.forget_announced(session, caller.key_id, {name, new_name})
            if source is None and target is None:
                await subjects.announce(session, caller.key_id, new_name)
            elif source is not None and target is None:
                changes = UserChanges(display_name=new_name)
                await change(session, self._current, caller.key_id, source, changes)
            elif source is not None and target is not None and source.id != target.id:
                await self._merge(session, caller.key_id, source, target)

        await self._erasures.run(store)

    async def erase(self, caller: Caller, name: str) -> Erased:
        """Erases a subject with all its photos.

        Raises:
            UserNotFoundError: There is no such subject.
            InvalidRequestError: Two users have this name.
            GroupForbiddenError: The user is in a group that the caller does not reach.
        """
        async with self._sessions.read() as session:
            user = await _find(session, caller, name)
            count = await subjects.count_photos(session, name, caller.groups)
        was_announced = await self._forget_announced(caller, {name})
        if user is not None:
            require_alone(user, caller.groups)
            await self._users.erase(caller.key_id, user.user_id)
        elif not was_announced:
            raise _not_found()
        return Erased(1, count)

    async def erase_all(self, caller: Caller) -> Erased:
        """Erases everybody, also users who were registered in other ways.

        Users in groups that the caller does not reach stay.
        """
        wanted = users.Wanted(groups=caller.groups)
        async with self._sessions.read() as session:
            found = await users.page(session, wanted, users.Order.OLDEST, None, _ALL)
            names = await subjects.announced(session, caller.key_id)
        theirs = [
            (user, count)
            for user, count in found
            if caller.groups is None or caller.groups.issuperset(user.groups)
        ]
        await self._forget_announced(caller, names)
        if theirs:
            await self._users.erase(caller.key_id, *(user.user_id for user, _ in theirs))
        names |= {_name_of(user) for user, _ in theirs}
        return Erased(len(names), sum(count for _, count in theirs))

    async def photos(
        self, caller: Caller, name: str | None, offset: int, limit: int
    ) -> SubjectPhotoPage:
        """Stored photos, oldest first.

        Args:
            caller: Who asks.
            name: Of one subject; None for all.
            offset: This many are passed over.
            limit: Largest number of photos.
        """
        async with self._sessions.read() as session:
            found = await subjects.photo_page(session, name, caller.groups, offset, limit)
            total = await subjects.count_photos(session, name, caller.groups)
        return SubjectPhotoPage([SubjectPhoto(*each) for each in found], total)

    async def erase_photo(self, caller: Caller, photo_id: UUID) -> SubjectPhoto:
        """Erases a photo, and with the last one its subject.

        Raises:
            PhotoNotFoundError: There is no such photo.
            GroupForbiddenError: The user is in a group that the caller does not reach.
        """
        async with self._sessions.read() as session:
            user = await subjects.owner(session, photo_id, caller.groups)
            if user is None:
                raise PhotoNotFoundError(f"No photo has the id {photo_id}.")
            count = await photos.count(session, user)
        require_alone(user, caller.groups)
        if count > MIN_PHOTOS:
            await self._registration.delete_photo(caller.key_id, user.user_id, photo_id)
        else:
            await self._users.erase(caller.key_id, user.user_id)
        return SubjectPhoto(photo_id, _name_of(user))

    async def erase_photos(self, caller: Caller, photo_ids: Sequence[UUID]) -> list[SubjectPhoto]:
        """Erases those of some photos that there are."""
        erased = []
        for photo_id in dict.fromkeys(photo_ids):
            try:
                erased.append(await self.erase_photo(caller, photo_id))
            except PhotoNotFoundError:
                continue
        return erased

    async def crop(self, caller: Caller, photo_id: UUID) -> bytes | None:
        """See StoredPhotos.crop; None where none is kept."""
        async with self._sessions.read() as session:
            user = await subjects.owner(session, photo_id, caller.groups)
        if user is None:
            return None
        try:
            return await self._stored_photos.crop(caller.key_id, user.user_id, photo_id)
        except CropNotKeptError:
            return None

    async def _merge(self, session: WriteSession, actor: str, source: User, target: User) -> None:
        space_id = self._current.serving.space_id
        given = (await photos.embeddings(session, source)).get(space_id)
        there = (await photos.embeddings(session, target)).get(space_id)
        if given is None or there is None:
            raise NotReadyError("A subject is just being moved to other weights. Try again.")
        template = mean_embedding(there)
        if any(float(each @ template) < self._outlier_similarity for each in given):
            raise InvalidRequestError(
                "There is a subject of the new name already, and the photos of the two are not of "
                "one person."
            )
        await subjects.move_photos(session, source, target)
        await users.erase(session, {source.user_id: source.id})
        await events.record(session, actor, "user.merged", source.user_id, {"into": target.user_id})
        await refresh_templates(session, self._current, target)
        await forget_template(session, self._current, source.user_id)

    async def _forget_announced(self, caller: Caller, names: Collection[str]) -> bool:
        """Whether there were any."""
        async with self._sessions.read() as session:
            known = (await subjects.announced(session, caller.key_id)).intersection(names)
        if known:
            await self._erasures.run(
                lambda session: subjects.forget_announced(session, caller.key_id, known)
            )
        return bool(known)


async def _find(session: ReadSession, caller: Caller, name: str) -> User | None:
    """Who has a name.

    Raises:
        InvalidRequestError: Two users have it.
    """
    match await subjects.named(session, name, caller.groups):
        case []:
            return None
        case [user]:
            return user
        case _:
            raise InvalidRequestError(
                "Several users have this display name. Give them different ones, with "
                "PATCH /v1/users."
            )


def _user_id(name: str, attempt: int = 0) -> str:
    """The same for the same name, and nothing to read: the audit log keeps it for good.

    Args:
        name: A subject's.
        attempt: Another id for each, for when one is taken by a user of another name.
    """
    return f"subject-{hashlib.sha256(f'{attempt}:{name}'.encode()).hexdigest()[:16]}"


async def _free_user_id(session: ReadSession, name: str) -> str:
    attempt = 0
    while await users.exists(session, user_id := _user_id(name, attempt)):
        attempt += 1
    return user_id


def _not_found() -> UserNotFoundError:
    return UserNotFoundError("There is no subject of this name.")


def _name_of(user: User) -> str:
    return user.display_name if user.display_name is not None else user.user_id
