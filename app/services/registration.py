"""Registration: from photos of a person to a user whom identification recognises.

Photos are read before the transaction and without a database connection. Everything decided by
comparison with stored rows is decided inside it, where nobody else writes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.db.repositories import events, photos, users
from app.db.session import ReadSession, Sessions, WriteSession
from app.db.tables import JsonObject, User
from app.errors import (
    DuplicatePersonError,
    LastPhotosError,
    TooFewPhotosError,
    UserExistsError,
)
from app.gallery.gallery import Groups, Match
from app.metrics import Metrics
from app.recognition.serving import Current, Serving
from app.services.erasures import Erasures
from app.services.face_choice import ANY_FACE, FaceChoice
from app.services.photo_comparison import reject_copies
from app.services.photo_review import PhotoReview
from app.services.retry import Retry, earlier_answer, fingerprint, without_photo
from app.services.reviewed_photo import PhotoReport, ReviewedPhoto, Upload, usable_photos
from app.services.search import Search
from app.services.switching import catch_up, require_everybody
from app.services.template import add_photos, refresh_templates, template_of
from app.services.users import UserView, view_user
from app.vision.dimensions import CROP_SIZE_PX
from app.vision.embedder import mean_embedding
from app.vision.quality import Rejection

_MOST_NEAR_USERS = 5

Also = Callable[[WriteSession, User, list[PhotoReport]], Awaitable[None]]
"""What else is done in the transaction that stores photos: whose, and what became of each."""


@dataclass(frozen=True, slots=True)
class NewUser:
    """Who is to be registered.

    Attributes:
        user_id: Chosen by the client.
        display_name: For people to read.
        metadata: The client's own notes.
        allow_duplicate: Register even if the face belongs to another user already.
        groups: Groups of the user.
        among: Other users are named only if they are in one of these groups; None for all users.
    """

    user_id: str
    display_name: str | None
    metadata: JsonObject
    allow_duplicate: bool
    groups: Sequence[str] = ()
    among: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class RegistrationAnswer:
    """A user after a change of photos, and what became of each uploaded one.

    Attributes:
        user: As they are now.
        photos: Reports in the request's order.
        near_users: Others whose templates are so similar that they may be mistaken for this user,
            whatever the reason; most similar first.
    """

    user: UserView
    photos: list[PhotoReport]
    near_users: list[Match] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A person whose photos are read and good enough, but not stored.

    Attributes:
        serving: Whose networks read them.
        actor: The caller's key id.
        new: The person.
        reviewed: The photos.
        retry: None if the request cannot be repeated.
        answer: The answer to the first such request: nothing is left to store.
        also: See Also; None for nothing.
    """

    serving: Serving
    actor: str
    new: NewUser
    reviewed: Sequence[ReviewedPhoto]
    retry: Retry | None = None
    answer: RegistrationAnswer | None = None
    also: Also | None = None


class Registration:
    """Adds people and photos, and removes photos.

    Args:
        sessions: Where users are kept.
        current: Its galleries follow.
        review: Judges photos one by one.
        erasures: Erases photos.
        min_photos: Usable photos that a user needs.
        outlier_similarity: See `photo_comparison.outliers`.
        duplicate_similarity: From this similarity on, a new template is an existing user's.
        retain_crops: Keep the crops, for embedding them again with other weights.
        metrics: Where photos are counted.
        search: Where users with the same face are looked for.
    """

    def __init__(
        self,
        sessions: Sessions,
        current: Current,
        review: PhotoReview,
        erasures: Erasures,
        *,
        min_photos: int,
        outlier_similarity: float,
        duplicate_similarity: float,
        retain_crops: bool,
        metrics: Metrics,
        search: Search,
    ) -> None:
        self._search = search
        self._sessions = sessions
        self._current = current
        self._review = review
        self._erasures = erasures
        self._min_photos = min_photos
        self._outlier_similarity = outlier_similarity
        self._duplicate_similarity = duplicate_similarity
        self._retain_crops = retain_crops
        self._metrics = metrics

    async def prepare(
        self,
        serving: Serving,
        actor: str,
        new: NewUser,
        uploads: Sequence[Upload],
        idempotency_key: str | None = None,
        *,
        detect: bool = True,
        choice: FaceChoice = ANY_FACE,
        replace: bool = False,
        also: Also | None = None,
    ) -> Prepared:
        """Reads the photos of a person who is to be registered; `store` is the other half.

        Args:
            serving: The one that the request has taken.
            actor: The caller's key id.
            new: The person.
            uploads: Photos that show this person.
            idempotency_key: A repeated request with the same key gets the first one's answer, and
                nothing is stored a second time.
            detect: False where the photos are already face crops; see Recognizer.find.
            choice: Which face is meant in photos that show several.
            replace: There may be such a user, because `put` follows.
            also: See Also.

        Raises:
            UserExistsError: The `user_id` is taken.
            TooFewPhotosError: Too few of the photos are usable.
            IdempotencyConflictError: The key was used with another request.
            PersonErasedError: The key was used, and the person it registered has been erased since.
            TooManyPhotosError: See PhotoReview.review, as for the other errors about photos.
        """
        retry = None
        if idempotency_key is not None:
            hashes = [upload.sha256 for upload in uploads]
            said = fingerprint([asdict(new), detect, asdict(choice), hashes])
            retry = Retry(actor, idempotency_key, said)
        # Checked again in the transaction. Here it saves the work on most requests that must fail.
        async with self._sessions.read() as session:
            if (told := await earlier_answer(session, retry)) is not None:
                answer = msgspec.convert(told, RegistrationAnswer)
                return Prepared(serving, actor, new, [], retry, answer)
            if not replace and await users.exists(session, new.user_id):
                raise UserExistsError(f"{new.user_id!r} is registered already.")
        reviewed = await self._review.review_new(serving, uploads, detect=detect, choice=choice)
        self._require(reviewed, self._min_photos)
        return Prepared(serving, actor, new, reviewed, retry, also=also)

    async def store(self, prepared: Prepared) -> RegistrationAnswer:
        """Registers a person whose photos have been read, in one transaction.

        Raises:
            UserExistsError: See `prepare`.
            DuplicatePersonError: The face belongs to another user.
            IdempotencyConflictError: See `prepare`.
        """
        if prepared.answer is not None:
            return prepared.answer
        return await self._sessions.write(partial(self._store_user, prepared))

    async def put(self, prepared: Prepared) -> tuple[RegistrationAnswer, bool]:
        """Registers a person as `store` does, in place of the user of this id, who is erased.

        Returns:
            The answer, and whether there was such a user.

        Raises:
            UserExistsError: There is one whom the caller cannot change.
            DuplicatePersonError: The face belongs to another user.
        """
        answers: list[tuple[RegistrationAnswer, bool]] = []

        async def store(session: WriteSession) -> None:
            replaced = await self._erase_former(session, prepared)
            answers.append((await self._store_user(prepared, session), replaced))

        await self._erasures.run(store)
        return answers[-1]

    async def add_photos(
        self,
        serving: Serving,
        actor: str,
        user_id: str,
        uploads: Sequence[Upload],
        *,
        detect: bool = True,
        choice: FaceChoice = ANY_FACE,
        among: Groups | None = None,
        minimum: int = 1,
        also: Also | None = None,
    ) -> RegistrationAnswer:
        """Adds photos to a user; those that do not look like the user are outliers.

        Args:
            serving: The one that the request has taken.
            actor: The caller's key id.
            user_id: Whose photos they are.
            uploads: Photos that show this person.
            detect: As in `prepare`.
            choice: As in `prepare`; where it does not tell, the user's template does.
            among: See NewUser.
            minimum: So many of the photos have to be usable.
            also: See Also.

        Raises:
            UserNotFoundError: There is no such user.
            TooFewPhotosError: Too few of the photos are usable.
            TooManyPhotosError: See PhotoReview.review, as for the other errors about photos.
        """
        async with self._sessions.read() as session:
            user = await users.get(session, user_id)
            template = await template_of(session, user, serving.space_id)
            stored_crops = await photos.crops_of_user(session, user)
        reviewed = await self._review.review(
            serving, uploads, detect=detect, choice=choice, template=template
        )
        await asyncio.to_thread(reject_copies, reviewed, stored_crops)

        async def store(session: WriteSession) -> RegistrationAnswer:
            user = await users.get(session, user_id)
            stored = await photos.hashes(session, user)
            template = await template_of(session, user, serving.space_id)
            for photo, _, embedding in usable_photos(reviewed):
                if photo.sha256 in stored:
                    photo.reject(Rejection.DUPLICATE_PHOTO)
                elif float(embedding @ template) < self._outlier_similarity:
                    photo.reject(Rejection.OUTLIER)
            self._require(reviewed, minimum)
            answer = await self._store_photos(session, serving, actor, user, reviewed, among)
            if also is not None:
                await also(session, user, answer.photos)
            return answer

        return await self._sessions.write(store)

    async def delete_photo(self, actor: str, user_id: str, photo_id: UUID) -> bool:
        """Removes a photo from a user.

        Returns:
            See Erasures.run.

        Raises:
            UserNotFoundError: There is no such user.
            PhotoNotFoundError: The user has no such photo.
            LastPhotosError: Fewer would be left than a user needs.
        """

        async def store(session: WriteSession) -> None:
            user = await users.get(session, user_id)
            await photos.erase(session, user, photo_id)
            for stored in await events.answers_about(session, user):
                stored.answer = without_photo(stored.answer or {}, photo_id)
            await events.record(session, actor, "photo.erased", user_id, {})
            left = await refresh_templates(session, self._current, user)
            if left < self._min_photos:
                raise LastPhotosError(
                    f"A user needs {self._min_photos} photos. Add others first, or delete the user."
                )

        return await self._erasures.run(store)

    async def _store_user(self, prepared: Prepared, session: WriteSession) -> RegistrationAnswer:
        new, reviewed, retry = prepared.new, prepared.reviewed, prepared.retry
        if (told := await earlier_answer(session, retry)) is not None:
            return msgspec.convert(told, RegistrationAnswer)
        user = await users.add(session, new.user_id, new.display_name, new.metadata, new.groups)
        if not new.allow_duplicate:
            embeddings = [each.embedding for each in usable_photos(reviewed)]
            # Another process may have registered the same person a moment ago.
            await require_everybody(session, prepared.serving.space_id)
            await catch_up(session, prepared.serving.space_id, prepared.serving.gallery)
            template = mean_embedding(embeddings)
            await self._refuse_known_person(session, prepared.serving, new, template)
        answer = await self._store_photos(
            session, prepared.serving, prepared.actor, user, reviewed, _among(new)
        )
        if prepared.also is not None:
            await prepared.also(session, user, answer.photos)
        if retry is not None:
            await events.add_answer(session, retry.answered(user, msgspec.to_builtins(answer)))
        return answer

    async def _erase_former(self, session: WriteSession, prepared: Prepared) -> bool:
        new = prepared.new
        if not await users.exists(session, new.user_id):
            return False
        former = await users.get(session, new.user_id)
        if new.among is not None and not set(new.among).issuperset(former.groups):
            raise UserExistsError(f"{new.user_id!r} is registered already.")
        await users.erase(session, {new.user_id: former.id})
        await events.record(session, prepared.actor, "user.replaced", new.user_id, {})
        return True

    async def _refuse_known_person(
        self, session: ReadSession, serving: Serving, new: NewUser, template: NDArray[np.float32]
    ) -> None:
        for match in await self._search.best_within(session, serving, template, 2, _among(new)):
            if match.user_id != new.user_id and match.similarity >= self._duplicate_similarity:
                raise DuplicatePersonError(
                    f"The face is that of {match.user_id!r}. Add the photos to "
                    "that user, or set allow_duplicate if it is somebody else.",
                    user_id=match.user_id,
                    similarity=match.similarity,
                )

    async def _store_photos(
        self,
        session: WriteSession,
        serving: Serving,
        actor: str,
        user: User,
        reviewed: Sequence[ReviewedPhoto],
        among: Groups | None,
    ) -> RegistrationAnswer:
        usable = usable_photos(reviewed)
        await add_photos(session, serving, user, usable, retain_crops=self._retain_crops)
        photo_count = await refresh_templates(session, self._current, user)
        await events.record(session, actor, "photos.added", user.user_id, {"accepted": len(usable)})
        return RegistrationAnswer(
            view_user(user, photo_count),
            [photo.report() for photo in reviewed],
            await self._near_users(session, serving, user, among),
        )

    async def _near_users(
        self, session: ReadSession, serving: Serving, user: User, among: Groups | None
    ) -> list[Match]:
        """Users who would be identified by this one's template."""
        template = await template_of(session, user, serving.space_id)
        matches = await self._search.best_within(
            session, serving, template, _MOST_NEAR_USERS + 1, among
        )
        threshold = serving.search_threshold(CROP_SIZE_PX, template)
        others = [of for of in matches if of.user_id != user.user_id and of.similarity >= threshold]
        return others[:_MOST_NEAR_USERS]

    def _require(self, reviewed: Sequence[ReviewedPhoto], minimum: int) -> None:
        self._metrics.judged(photo.reason for photo in reviewed)
        count = len(usable_photos(reviewed))
        if count < minimum:
            raise TooFewPhotosError(
                f"{count} of {len(reviewed)} photos are usable; at least {minimum} are needed.",
                photos=[msgspec.to_builtins(photo.report()) for photo in reviewed],
            )


def _among(new: NewUser) -> Groups | None:
    return None if new.among is None else frozenset(new.among)
