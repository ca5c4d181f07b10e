"""What one kind of database does in its own way: the contract, kept by SQLite and PostgreSQL.

Tables, repositories, transactions and turns are the same for both and know nothing of this. What
differs is here: connections, exclusions between processes, errors, and how the bytes of what was
erased leave the disk.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.errors import FarsightError

RETRY_AFTER_S = 1
"""When whoever found the database busy should come back."""

Alone = Callable[[], AbstractAsyncContextManager[None]]
"""Keeps this process from writing, for as long as its context lasts."""


class Exclusion(StrEnum):
    """What one process does at a time. The database holds it, and lets go when the process dies.

    A reload has no name here: a unique index of `jobs` allows one that is running, and that row
    says who works on it.

    Attributes:
        WRITING: Every transaction that writes, migrations included. A registration looks for
            duplicates within it, and nobody else registers meanwhile.
        ERASING: What follows an erasure, outside of any transaction.
        INDEXING: The making of an index for search, outside of any transaction.
    """

    WRITING = "writing"
    ERASING = "erasing"
    INDEXING = "indexing"


class Engine(Protocol):
    """Connections to one database, and its own ways.

    Attributes:
        readers: Their transactions see one state of the rows, and are refused when they write.
        writer: Its transactions hold `Exclusion.WRITING` from the beginning to the end.
        is_remote: Whether it can be out of reach while this process is well.
    """

    readers: AsyncEngine
    writer: AsyncEngine
    is_remote: bool

    async def prepare(self) -> None:
        """Makes the database reachable; call it before the first connection.

        Raises:
            DatabaseDamagedError: What is there is damaged.
            StorageError: It cannot be made, read or written.
            DatabaseBusyError: It does not answer.
        """

    async def close(self, worth_keeping: Sequence[str]) -> None:
        """Closes every connection.

        Args:
            worth_keeping: Tables. If `prepare` made the database and these are empty, it goes.
        """

    def told(self, error: DBAPIError, *, writes: bool) -> FarsightError | None:
        """What an error of the driver stands for; None where the mistake is ours."""

    def require_sound(self) -> None:
        """Looks whether writing is safe, before each write; takes microseconds.

        Raises:
            DatabaseDamagedError: It is not.
        """

    async def look(self, *, thorough: bool) -> None:
        """Looks whether the database is whole and can be written.

        Args:
            thorough: However long it takes, for once in a while.

        Raises:
            DatabaseDamagedError: It is not whole.
            StorageError: It is read-only.
        """

    def version(self) -> int | None:
        """A number that changes with every commit, by any process; takes microseconds.

        Returns:
            None if that cannot be known so quickly.
        """

    async def announce(self, session: AsyncSession) -> None:
        """Lets those who `listen` elsewhere know of a transaction, when it is committed."""

    async def listen(self, heard: Callable[[], None]) -> None:
        """Listens for what other processes announce, on a connection of its own.

        Returns at once where nothing can be heard, and else only when the connection is lost.

        Args:
            heard: Called when it begins, and at each announcement.

        Raises:
            DatabaseBusyError: The connection could not be made, or is lost.
        """

    async def count_listeners(self, session: AsyncSession) -> int:
        """How many processes `listen` to this database; 1 where that cannot be known."""

    async def now(self, session: AsyncSession) -> datetime:
        """What time it is by one clock for all processes, with its time zone."""

    async def wipe(self, alone: Alone) -> bool:
        """Removes what is left on the disk of rows deleted before.

        Waits for no reader, and keeps no writer waiting for one.

        Returns:
            Whether nothing is left. Otherwise somebody is in the way.

        Raises:
            StorageError: The disk is full or failing.
        """

    async def keep_reserve(self) -> bool:
        """Keeps disk space for erasing on a full disk, where that is ours to keep.

        Returns:
            False if there is no room for it.
        """

    async def release_reserve(self) -> None:
        """Gives it back to the disk."""

    async def require_room(self) -> None:
        """Checks that there is room for a registration, as far as that can be known.

        Raises:
            StorageError: There is none.
        """

    async def continue_ids(self, session: AsyncSession) -> None:
        """Lets ids of new rows follow those of rows that were added with theirs."""

    async def index_templates(self, space_id: str) -> None:
        """Makes the index by which a space's templates are searched, where it is missing.

        Takes long where there are many. Others read and write meanwhile.

        Args:
            space_id: The space.

        Raises:
            SettingsError: This database has no such index, or its pgvector is too old for it.
        """

    async def drop_indexes(self, except_of: Collection[str]) -> None:
        """Drops the indexes for search of all spaces but some."""

    async def exists(self) -> bool:
        """Whether there is a database already; makes none."""

    async def troubles(self) -> list[str]:
        """What the database finds wrong in its own structures, in sentences."""

    async def repair(self) -> None:
        """Mends what `troubles` told of."""
