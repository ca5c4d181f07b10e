"""API keys: who may call what.

A key is `fs_<id>_<secret>`. The database has the id and the SHA-256 of the secret. A slow hash
would add nothing: the secret is 256 random bits, which nobody guesses.
"""

import asyncio
import hashlib
import logging
import math
import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeGuard

from app.db.repositories import events, keys
from app.db.session import Sessions, WriteSession
from app.db.tables import ApiKey, utc_now
from app.errors import (
    GroupForbiddenError,
    InvalidRequestError,
    KeyNotFoundError,
    LastAdminKeyError,
    MissingScopeError,
    UnauthenticatedError,
)
from app.gallery.gallery import Groups
from app.services.freshness import Freshness
from app.services.rate import Rate
from app.storage_errors import DatabaseBusyError

COMMAND_LINE = "command-line"
"""The actor when somebody works in the shell."""

_PREFIX = "fs"
_ID_BYTES = 6
_SECRET_BYTES = 32
_LEARN_EVERY_S = 1.0
_log = logging.getLogger(__name__)


class Scope(StrEnum):
    """What a key may be used for."""

    ENROLL = "enroll"
    IDENTIFY = "identify"
    EMBED = "embed"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        key_id: The public half of the key.
        scopes: What the key may be used for.
        groups: It reaches only users who are in one of these; None: all users.
    """

    key_id: str
    scopes: frozenset[str]
    groups: Groups | None = None

    def require(self, scope: Scope) -> None:
        """Raises MissingScopeError unless the key has a scope."""
        if scope not in self.scopes:
            raise MissingScopeError(f"This needs the scope {scope.value!r}.", scope=scope.value)

    def shown(self, groups: Collection[str]) -> list[str]:
        """Those of a user's groups that the key reaches."""
        return [name for name in groups if self.groups is None or name in self.groups]

    def within(self, wanted: Collection[str]) -> Groups | None:
        """The groups that a request is about: those it names, else all that the key reaches.

        Raises:
            GroupForbiddenError: It names one that the key does not reach.
        """
        if not wanted:
            return self.groups
        if self.groups is not None and (others := set(wanted) - self.groups):
            raise GroupForbiddenError(f"This key does not reach the group {min(others)!r}.")
        return frozenset(wanted)


@dataclass(frozen=True, slots=True)
class _ReadKey:
    """A key as it was read, when by `time.monotonic`, and at which version of the database."""

    version: int | None
    read_s: float
    row: ApiKey


class Keys:
    """Makes, checks and revokes keys.

    Ids and hashes are kept in memory, so an unknown key costs no read of the database. Whether a
    key is revoked is read again whenever anything was committed since, by any process: a revocation
    holds at once in every process. Where the database is lost, a key is good for as long after it
    was last read as answers from memory are.

    Args:
        sessions: Where keys are kept.
        freshness: Whether the database is lost, and for how long that is put up with.
        failed_per_minute: Wrong keys from one address.
    """

    def __init__(
        self, sessions: Sessions, freshness: Freshness | None = None, failed_per_minute: int = 20
    ) -> None:
        self._sessions = sessions
        self._freshness = freshness
        self._failed = Rate(failed_per_minute, "wrong API keys")
        self._secrets_sha256: dict[str, str] = {}
        self._read: dict[str, _ReadKey] = {}
        self._learning = asyncio.Lock()
        self._learnt_s = -math.inf

    async def recognise(self, key: str, address: str) -> str:
        """The id of one of this service's keys, which may be revoked.

        Args:
            key: As it was sent.
            address: Where it came from.

        Raises:
            UnauthenticatedError: Not a key of this service.
            RateLimitedError: This address has sent too many wrong keys.
        """
        match key.split("_", maxsplit=2):
            case [prefix, key_id, secret] if prefix == _PREFIX:
                if key_id not in self._secrets_sha256:
                    await self._learn(key_id, address)
                expected = self._secrets_sha256.get(key_id)
                if expected is not None:
                    # In constant time, unlike the comparison of ids, which are no secret.
                    if secrets.compare_digest(expected, _digest(secret)):
                        return key_id
                    _log.warning("wrong secrets were sent with a valid key id")
        self._failed.spend(address)
        raise UnauthenticatedError("The API key is unknown.")

    async def caller(self, key_id: str) -> Caller:
        """Who holds a key that `recognise` knows.

        Raises:
            UnauthenticatedError: It is revoked or has expired.
        """
        row = await self._row(key_id)
        if row is None or row.has_ended():
            raise UnauthenticatedError("The API key is revoked or has expired.")
        groups = None if row.groups is None else frozenset(row.groups)
        return Caller(row.id, frozenset(row.scopes), groups)

    async def _row(self, key_id: str) -> ApiKey | None:
        """The key as it is now; read only if something may have been committed meanwhile."""
        version = self._sessions.version()
        known = self._read.get(key_id)
        if known is not None and version is not None and version == known.version:
            return known.row
        if self._may_trust(known):
            return known.row
        read_s = time.monotonic()
        try:
            async with self._sessions.read() as session:
                row = await keys.find(session, key_id)
        except DatabaseBusyError as error:
            # Whoever waited for a connection may only now know that there is none to be had.
            if self._may_trust(known, is_lost=error.is_lost):
                return known.row
            raise
        if row is not None:
            self._read[key_id] = _ReadKey(version, read_s, row)
        return row

    def _may_trust(
        self, known: "_ReadKey | None", *, is_lost: bool = False
    ) -> TypeGuard["_ReadKey"]:
        """Whether a key may be taken from memory because the database is lost."""
        if known is None or self._freshness is None or self._freshness.age_s is None:
            return False
        is_recent = time.monotonic() - known.read_s <= self._freshness.most_s
        return is_recent and (is_lost or self._freshness.is_lost)

    async def _learn(self, key_id: str, address: str) -> None:
        """Reads the keys that other processes have made meanwhile.

        Reads once a second for anybody, and otherwise only for addresses with few failures.
        """
        is_early = time.monotonic() - self._learnt_s < _LEARN_EVERY_S
        if is_early and not self._failed.left(address).remaining:
            return
        async with self._learning:
            if key_id in self._secrets_sha256:
                return
            self._learnt_s = time.monotonic()
            async with self._sessions.read() as session:
                if await keys.count(session) != len(self._secrets_sha256):
                    rows = await keys.every(session)
                    self._secrets_sha256 = {row.id: row.secret_sha256 for row in rows}

    async def create(
        self,
        scopes: Sequence[Scope],
        label: str,
        actor: str = COMMAND_LINE,
        expires_at: datetime | None = None,
        groups: Collection[str] = (),
    ) -> str:
        """Creates a key and returns it; it cannot be read again later.

        Args:
            scopes: What it may be used for.
            label: Who or what it is for.
            actor: Who creates it.
            expires_at: When it expires; None for never.
            groups: It reaches only users who are in one of these; none: all users.

        Raises:
            InvalidRequestError: An admin key is to be bound to groups.
        """
        if groups and Scope.ADMIN in scopes:
            raise InvalidRequestError("A key with the scope admin cannot be bound to groups.")

        async def store(session: WriteSession) -> str:
            return await _add(session, scopes, label, actor, expires_at, groups)

        return await self._sessions.write(store)

    async def create_first(self) -> str | None:
        """Creates a key with all scopes, unless there has ever been a key."""

        async def store(session: WriteSession) -> str | None:
            if await keys.count(session):
                return None
            return await _add(session, list(Scope), "first start", COMMAND_LINE)

        return await self._sessions.write(store)

    async def every(self) -> Sequence[ApiKey]:
        """All keys, revoked ones included, oldest first."""
        async with self._sessions.read() as session:
            return await keys.every(session)

    async def revoke(
        self, key_id: str, actor: str = COMMAND_LINE, *, even_last: bool = False
    ) -> None:
        """Revokes a key, from the next request on.

        Args:
            key_id: Its public half.
            actor: Who does it.
            even_last: Even if no other key has the scope admin.

        Raises:
            KeyNotFoundError: There is no such key.
            LastAdminKeyError: No other key has the scope admin.
        """

        async def store(session: WriteSession) -> None:
            row = await keys.find(session, key_id)
            if row is None:
                raise KeyNotFoundError(f"No key has the id {key_id!r}.")
            if not even_last:
                _refuse_last_admin(row, await keys.every(session))
            row.revoked_at = row.revoked_at or utc_now()
            await events.record(session, actor, "key.revoked", key_id, {})

        await self._sessions.write(store)


def _refuse_last_admin(revoked: ApiKey, every: Sequence[ApiKey]) -> None:
    admins = {key.id for key in every if Scope.ADMIN in key.scopes and not key.has_ended()}
    if admins == {revoked.id}:
        raise LastAdminKeyError(
            f"Without {revoked.id!r} nobody could reload weights, export or import. A new one "
            "can be made in the shell only."
        )


async def _add(
    session: WriteSession,
    scopes: Sequence[Scope],
    label: str,
    actor: str,
    expires_at: datetime | None = None,
    groups: Collection[str] = (),
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
            groups=sorted(set(groups)) or None,
        ),
    )
    bound = {"groups": sorted(set(groups))} if groups else {}
    await events.record(session, actor, "key.created", key_id, {"scopes": names, **bound})
    return f"{_PREFIX}_{key_id}_{secret}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
