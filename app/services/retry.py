"""Repeated requests: the first answer is kept under the caller's Idempotency-Key."""

import hashlib
import json
from dataclasses import dataclass
from uuid import UUID

from app.db.repositories import events
from app.db.session import ReadSession
from app.db.tables import JsonObject, StoredAnswer, User
from app.errors import IdempotencyConflictError, PersonErasedError


@dataclass(frozen=True, slots=True)
class Retry:
    """How a repeated request is recognised: by its key and its whole content."""

    api_key: str
    idempotency_key: str
    request_sha256: str

    def answered(self, user: User, answer: JsonObject) -> StoredAnswer:
        """The row that keeps an answer."""
        return StoredAnswer(
            api_key=self.api_key,
            idempotency_key=self.idempotency_key,
            user=user.id,
            request_sha256=self.request_sha256,
            answer=answer,
        )


def fingerprint(said: object) -> str:
    """SHA-256 of a request's whole content, given as JSON."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


async def earlier_answer(session: ReadSession, retry: Retry | None) -> JsonObject | None:
    """The answer to an earlier request with the same Idempotency-Key.

    Raises:
        IdempotencyConflictError: That request was another one.
        PersonErasedError: The user whom it registered was erased since.
    """
    if retry is None:
        return None
    stored = await events.find_answer(session, retry.api_key, retry.idempotency_key)
    if stored is None:
        return None
    if stored.answer is None:
        raise PersonErasedError("To register the same person again, send a new Idempotency-Key.")
    if stored.request_sha256 != retry.request_sha256:
        raise IdempotencyConflictError("Send this request with a new key.")
    return stored.answer


def without_photo(answer: JsonObject, photo_id: UUID) -> JsonObject:
    """A stored answer that says nothing more of a photo than that there was one."""
    nothing = dict.fromkeys(("filename", "face_px", "quality")) | {"boxes": []}
    told = [
        photo | nothing if photo["photo_id"] == str(photo_id) else photo
        for photo in answer["photos"]
    ]
    return {**answer, "photos": told}
