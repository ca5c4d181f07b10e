"""Connections, and the two kinds of session: one reads, the other writes.

A function that takes a `ReadSession` cannot write (the database refuses); one that takes a
`WriteSession` does. To write, hand a function to `Sessions.write`, which owns the transaction:
either all that the function did is committed, or none of it.
"""

import asyncio
import logging
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterator,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.db.crop_keys import CropKeys
from app.db.engine import RETRY_AFTER_S, Engine
from app.errors import FarsightError
from app.observability import traced
from app.storage_errors import DatabaseBusyError, DatabaseDamagedError
from app.turns import Turns, requester

T = TypeVar("T")

# Per key: callers who send and hang up would fill memory, and all time out at once.
_MOST_WAITING = 100
_log = logging.getLogger(__name__)


class ReadSession(AsyncSession):
    """A consistent view of the rows, for reading.

    Args:
        crop_keys: For stored crops.

    Others are those of AsyncSession.
    """

    def __init__(self, *args: Any, crop_keys: CropKeys, **kwargs: Any) -> None:  # noqa: ANN401 - as AsyncSession's
        super().__init__(*args, **kwargs)
        self.crop_keys = crop_keys


class WriteSession(ReadSession):
    """One transaction that writes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as AsyncSession's
        super().__init__(*args, **kwargs)
        self.after_commit: list[Callable[[], None]] = []
        """What follows from the rows, done in the order of the commits and never without one."""
        self.moves_gallery = False
        """Whether processes that follow the rows have something to follow."""


class Sessions:
    """The database's connections, whichever database it is.

    Args:
        engine: What is behind them.
        pool_size: Connections for reading. One more is for writing.
        timeout_s: Seconds to wait for a connection or a lock.
        crop_keys: For stored crops.

    Attributes:
        engine: As given.
        crop_keys: As given.
        trouble: Why something could not be written; None while nothing is known to be wrong,
            and again when `try_again` succeeds.
        turns: For connections, to `read` and to `write`.
    """

    def __init__(
        self, engine: Engine, pool_size: int, timeout_s: float, crop_keys: CropKeys
    ) -> None:
        self.engine = engine
        self.crop_keys = crop_keys
        self.trouble: FarsightError | None = None
        common: dict[str, Any] = {"expire_on_commit": False, "crop_keys": crop_keys}
        self._read = async_sessionmaker(engine.readers, class_=ReadSession, **common)
        self._write = async_sessionmaker(engine.writer, class_=WriteSession, **common)
        self._timeout_s = timeout_s
        self._reading = Turns(pool_size, most_waiting=_MOST_WAITING)
        self._writing = Turns(1, most_waiting=_MOST_WAITING)
        self.turns = {"read": self._reading, "write": self._writing}
        self._running: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """A session for a few queries; nothing slow belongs inside.

        Raises:
            DatabaseBusyError: No connection became free in time, or no server answers.
            DatabaseDamagedError: What was read is not a database's.
        """
        with self._told_in_our_words():
            async with self._turn(self._reading):
                with traced("database read"):
                    async with self._read() as session, session.begin():
                        yield session

    async def write(self, work: Callable[[WriteSession], Coroutine[Any, Any, T]]) -> T:
        """Runs `work` in one transaction and commits it.

        Once begun it runs to its end even if the caller is cancelled: rows and what follows from
        them (`after_commit`) never come apart.

        Returns:
            What `work` returned.

        Raises:
            DatabaseBusyError: No lock in time; nothing was written.
            StorageError: The disk is full, read-only or failing; nothing was written.
            DatabaseDamagedError: The file could not keep it; nothing was written.
        """
        task = asyncio.create_task(self._transact(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _transact(self, work: Callable[[WriteSession], Awaitable[T]]) -> T:
        async with self._turn(self._writing):
            if isinstance(self.trouble, DatabaseDamagedError):
                raise DatabaseDamagedError(self.trouble.detail)
            with traced("database write"), self._told_in_our_words(writes=True):
                self._require_sound()
                async with self._write() as session, session.begin():
                    result = await work(session)
                    if session.moves_gallery:
                        await self.engine.announce(session)
            for follow in session.after_commit:
                follow()
        return result

    @asynccontextmanager
    async def _turn(self, turns: Turns) -> AsyncIterator[None]:
        """A connection's place, for which callers take turns."""
        party = requester.get().party
        try:
            async with asyncio.timeout(self._timeout_s):
                await turns.take(party)
        except TimeoutError as error:
            raise _busy() from error
        try:
            yield
        finally:
            turns.give_back(party)

    async def index_templates(self, space_id: str) -> None:
        """See Engine.index_templates."""
        with self._told_in_our_words(writes=True):
            await self.engine.index_templates(space_id)

    async def drop_indexes(self, except_of: Collection[str]) -> None:
        """See Engine.drop_indexes."""
        with self._told_in_our_words(writes=True):
            await self.engine.drop_indexes(except_of)

    def version(self) -> int | None:
        """See Engine.version."""
        return self.engine.version()

    async def listen(self, heard: Callable[[], None]) -> None:
        """See Engine.listen."""
        with self._told_in_our_words():
            await self.engine.listen(heard)

    async def wipe(self) -> bool:
        """Removes what is left on the disk of rows that were deleted; see Engine.wipe.

        Returns:
            Whether nothing is left. Otherwise somebody is in the way.

        Raises:
            DatabaseBusyError: This process writes for too long, or the database does not answer.
            StorageError: The disk is full or failing.
        """
        with self._told_in_our_words(writes=True):
            return await self.engine.wipe(lambda: self._turn(self._writing))

    async def look(self, *, thorough: bool) -> None:
        """Whether the database is whole and can be written.

        Args:
            thorough: However long it takes; otherwise it takes no time to speak of.

        Raises:
            DatabaseDamagedError: See Engine.look; from now on nothing is written.
            StorageError: It is read-only.
        """
        with self._told_in_our_words(writes=True), self._damage_remembered():
            await self.engine.look(thorough=thorough)

    async def try_again(self, work: Callable[[WriteSession], Coroutine[Any, Any, None]]) -> None:
        """Finds out whether the trouble is over.

        Args:
            work: Writes something.

        Raises:
            StorageError: It is not, as for DatabaseDamagedError.
            DatabaseBusyError: It cannot be known now.
        """
        await self.engine.require_room()
        await self.write(work)
        self.trouble = None

    def _require_sound(self) -> None:
        with self._damage_remembered():
            self.engine.require_sound()

    @contextmanager
    def _damage_remembered(self) -> Iterator[None]:
        try:
            yield
        except DatabaseDamagedError as error:
            self.trouble = error
            raise

    async def keep_reserve(self) -> bool:
        """Keeps disk space for `make_room`; see Engine.keep_reserve."""
        return await self.engine.keep_reserve()

    async def make_room(self) -> None:
        """Frees disk space that this database can do without, so that rows can be erased."""
        await self.engine.release_reserve()
        with suppress(FarsightError):  # the erasure itself will fail
            await self.wipe()

    async def migrate(self, upgrade: Callable[[Connection], None]) -> None:
        """Runs a migration in one transaction that keeps other processes out."""
        with self._told_in_our_words(writes=True):
            async with self.engine.writer.begin() as connection:
                await connection.run_sync(upgrade)

    async def inspect(self, check: Callable[[Connection], None]) -> None:
        """Looks at the database itself, and cannot write."""
        with self._told_in_our_words():
            async with self.engine.readers.begin() as connection:
                await connection.run_sync(check)

    async def close(self) -> None:
        """Lets running transactions end; closing the engine comes next."""
        await asyncio.gather(*self._running, return_exceptions=True)

    @contextmanager
    def _told_in_our_words(self, *, writes: bool = False) -> Iterator[None]:
        """Turns the driver's errors into ours; trouble with writing is remembered."""
        try:
            yield
        except (TimeoutError, PoolTimeoutError) as error:
            raise _busy() from error
        except DBAPIError as error:
            told = self.engine.told(error, writes=writes)
            if told is None:
                raise
            if not isinstance(told, DatabaseBusyError):
                self.trouble = told
            raise told from error


async def patiently(work: Callable[[], Awaitable[T]], patience_s: float) -> T:
    """Tries again for a while when the database is busy; for work that nobody waits for.

    Raises:
        DatabaseBusyError: It stayed busy.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return await work()
        except DatabaseBusyError as error:
            if time.monotonic() > deadline:
                raise
            _log.warning("trying again: %s", error)
            await asyncio.sleep(RETRY_AFTER_S)


def _busy() -> DatabaseBusyError:
    return DatabaseBusyError(
        "No database connection became free in time.", retry_after_s=RETRY_AFTER_S
    )
