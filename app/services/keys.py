"""API keys: who may call what.

A key is `fs_<id>_<secret>`. The database has the id and the SHA-256 of the secret. A slow hash
would add nothing: the secret is 256 random bits, which nobody guesses.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.db.repositories import events, keys
from app.db.session import Sessions, WriteSession
from app.db.tables import ApiKey, utc_now
from app.errors import (
    KeyNotFoundError,
    LastAdminKeyError,
    MissingScopeError,
    UnauthenticatedError,
)

COMMAND_LINE = "command-line"
"""Who acts when somebody works in the shell."""

_PREFIX = "fs"
_ID_BYTES = 6
_SECRET_BYTES = 32


class Scope(StrEnum):
    """What a key is good for."""

    ENROLL = "enroll"
    IDENTIFY = "identify"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        key_id: The public half of the key.
        scopes: What the key is good for.
    """

    key_id: str
    scopes: frozenset[str]

    def require(self, scope: Scope) -> None:
        """Raises MissingScopeError unless the key has a scope."""
        if scope not in self.scopes:
            raise MissingScopeError(f"This needs the scope {scope.value!r}.", scope=scope.value)


class Keys:
    """Makes, checks and revokes keys."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def authenticate(self, key: str) -> Caller:
        """Who holds this key.

        Raises:
            UnauthenticatedError: Not a key of this service, revoked, or expired.
        """
        match key.split("_", maxsplit=2):
            case [prefix, key_id, secret] if prefix == _PREFIX:
                async with self._sessions.read() as session:
                    row = await keys.find(session, key_id)
                # The digests are compared in constant time, unlike the ids, which are no secret.
                if row is not None and secrets.compare_digest(row.secret_sha256, _digest(secret)):
                    if row.has_ended():
                        raise UnauthenticatedError("The API key is revoked or has expired.")
                    return Caller(row.id, frozenset(row.scopes))
        raise UnauthenticatedError("The API key is unknown.")

    async def is_valid(self, key_id: str) -> bool:
        """Whether a key that was good is so still."""
        async with self._sessions.read() as session:
            row = await keys.find(session, key_id)
        return row is not None and not row.has_ended()

    async def create(
        self,
        scopes: Sequence[Scope],
        label: str,
        actor: str = COMMAND_LINE,
        expires_at: datetime | None = None,
    ) -> str:
        """Makes a key and returns it; it can not be read again later."""

        async def store(session: WriteSession) -> str:
            return await _add(session, scopes, label, actor, expires_at)

        return await self._sessions.write(store)

    async def create_first(self) -> str | None:
        """Makes a key of all scopes, unless there is or was a key already."""

        async def store(session: WriteSession) -> str | None:
            if await keys.count(session):
                return None
            return await _add(session, list(Scope), "first start", COMMAND_LINE)

        return await self._sessions.write(store)

    async def every(self) -> Sequence[ApiKey]:
        """All keys, also revoked ones, oldest first."""
        async with self._sessions.read() as session:
            return await keys.every(session)

    async def revoke(self, key_id: str, *, even_last: bool = False) -> None:
        """Ends a key, from the next request on.

        Args:
            key_id: Its public half.
            even_last: Also if no other key has the scope admin.

        Raises:
            KeyNotFoundError: There is no such key.
            LastAdminKeyError: No other key has the scope admin.
        """

        async def store(session: WriteSession) -> None:
            row = await keys.find(session, key_id)
            if row is None:
                raise KeyNotFoundError(f"There is no key {key_id!r}.")
            if not even_last:
                _refuse_last_admin(row, await keys.every(session))
            row.revoked_at = row.revoked_at or utc_now()
            await events.record(session, COMMAND_LINE, "key.revoked", key_id, {})

        await self._sessions.write(store)


def _refuse_last_admin(revoked: ApiKey, every: Sequence[ApiKey]) -> None:
    admins = {key.id for key in every if Scope.ADMIN in key.scopes and not key.has_ended()}
    if admins == {revoked.id}:
        raise LastAdminKeyError(
            f"Without {revoked.id!r} nobody could reload weights, export or import. Another one "
            "can be made in the shell only."
        )


async def _add(
    session: WriteSession,
    scopes: Sequence[Scope],
    label: str,
    actor: str,
    expires_at: datetime | None = None,
) -> str:
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES)
    names = sorted({scope.value for scope in scopes})
    await keys.add(
        session,
        ApiKey(
            id=key_id,
            secret_sha256=_digest(secret),
            scopes=names,
            label=label,
            expires_at=expires_at,
        ),
    )
    await events.record(session, actor, "key.created", key_id, {"scopes": names})
    return f"{_PREFIX}_{key_id}_{secret}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
