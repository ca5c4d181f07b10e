"""The database as a file: whether it is still the one that was opened, and its companion files.

Everything here blocks, and opens connections of its own: those of the sessions keep pages in
memory and would not notice what became of the file.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from app.storage_errors import DatabaseDamagedError, StorageError

_MAGIC = b"SQLite format 3\x00"
_RESERVE_BYTES = 4_000_000
_ROOM_BYTES = 1_000_000
# Another process that creates the database opens an empty file before it writes to it.
_EMPTY_FOR_S = 1.0
_LOOK_EVERY_S = 0.02
_OF_OTHERS = 0o077
_FILES = ("", "-wal", "-shm", "-reserve")
HOW_TO_RESTORE = (
    "Stop the service and put a backup in its place (docs/backup.md); `farsight db check` reports "
    "what is left of this one."
)


class DatabaseFile:
    """SQLite's file, its write-ahead log, and a reserve of disk space for erasing.

    Args:
        path: Where it is, or is to be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._reserve = path.with_name(f"{path.name}-reserve")
        self._descriptor: int | None = None
        self._watch: sqlite3.Connection | None = None
        self._guard: int | None = None
        self._made: list[Path] = []

    def prepare(self) -> None:
        """Creates the folder if it is missing; call it before the first connection.

        Faces and their embeddings are in the file: its owner alone may read it.

        Raises:
            StorageError: The folder cannot be made or written to, or the file not be opened.
            DatabaseDamagedError: The file is damaged or empty, or only its log is left.
        """
        try:
            missing = self._enter()
        except OSError as error:
            raise StorageError(
                f"The database's folder cannot be created: {error.strerror}. "
                "FARSIGHT_HOME or FARSIGHT_DATABASE__URL says where it is.",
                self.path.parent,
            ) from error
        self.require_writable()
        if self.path.is_dir():
            raise StorageError(
                "The database's path is a folder. FARSIGHT_DATABASE__URL must name a file.",
                self.path,
            )
        is_there = self._is_there()
        if is_there:
            self.require_whole()
            self.look_through()
        self._made = missing
        try:
            self._keep_private(create=not is_there)
        except OSError as error:
            raise StorageError(
                f"The database cannot be created, or not be closed to others: {error.strerror}.",
                self.path,
            ) from error

    def _enter(self) -> list[Path]:
        """Creates the folder if it is missing, and shares its lock with all others in it.

        Returns:
            What was missing: nothing, or the file and perhaps folders.
        """
        folder = self.path.parent
        folders = [place for place in (folder, *folder.parents) if not place.exists()]
        while True:
            folder.mkdir(0o700, parents=True, exist_ok=True)
            guard = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(guard, fcntl.LOCK_SH)
            if folder.exists() and os.path.samestat(os.fstat(guard), folder.stat()):
                break
            os.close(guard)  # of a folder that was taken away meanwhile
        self._guard = guard
        return [] if self.path.exists() else [self.path, *folders]

    def _keep_private(self, *, create: bool) -> None:
        """Takes others' rights to the files away; SQLite gives new ones those of the database."""
        if create:
            # Only if nobody else was faster: closing their file would drop SQLite's locks.
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        for end in _FILES:
            place = self.path.with_name(f"{self.path.name}{end}")
            with suppress(FileNotFoundError):  # most of the time there is only the database
                found = place.stat()
                may = os.geteuid() in (0, found.st_uid)
                if may and found.st_mode & _OF_OTHERS:
                    place.chmod(found.st_mode & ~_OF_OTHERS & 0o777)

    def require_writable(self) -> None:
        """Asks the system for the right to write, and for nothing else.

        Raises:
            StorageError: The folder or the file is read-only.
        """
        for place in (self.path.parent, self.path):
            if place.exists() and not os.access(place, os.W_OK, effective_ids=True):
                raise StorageError(
                    "The database or its folder is read-only; nothing can be registered or erased. "
                    "Give this user the right to write there, or set FARSIGHT_HOME or "
                    "FARSIGHT_DATABASE__URL.",
                    self.path,
                )

    def require_room(self) -> None:
        """Checks that the disk has room for a registration.

        Raises:
            StorageError: It does not.
        """
        room = self.path.with_name(f"{self.path.name}-room")
        try:
            with room.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _ROOM_BYTES)
        except OSError as error:
            raise StorageError("The disk is full or failing. Make room.") from error
        finally:
            with suppress(OSError):  # on a failing disk it stays, to be written over next time
                room.unlink()

    def require_whole(self) -> None:
        """Checks that the file is still there and begins like a database; takes microseconds.

        Raises:
            DatabaseDamagedError: It is gone, is another file, or does not begin as a database.
        """
        try:
            # Kept open as long as the connections are: closing it would drop SQLite's locks, which
            # belong to the process (fcntl(2)), and another process could delete the log.
            if self._descriptor is None:
                self._descriptor = os.open(self.path, os.O_RDONLY)
            begin = os.pread(self._descriptor, len(_MAGIC), 0)
            same = os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except OSError:
            same = False
        if not same or begin != _MAGIC:
            raise DatabaseDamagedError(
                f"The database's file is gone, or was overwritten or replaced. {HOW_TO_RESTORE}",
                self.path,
            )

    def version(self) -> int | None:
        """A number that changes with every commit, by any process.

        Takes microseconds: SQLite looks into memory that the processes share. For one thread.

        Returns:
            None if it cannot be known now.
        """
        try:
            if self._watch is None:
                self._watch = self._connect()
            ((number,),) = self._watch.execute("PRAGMA data_version").fetchall()
        except sqlite3.Error:
            return None
        return int(number)

    def stop_watching(self) -> None:
        """Closes what `version` has opened; call it before the last connection is closed."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def close(self) -> None:
        """Call it when all connections are closed."""
        for descriptor in (self._descriptor, self._guard):
            if descriptor is not None:
                os.close(descriptor)
        self._descriptor = self._guard = None

    def remove_if_unused(self, tables: Sequence[str]) -> None:
        """Removes what `prepare` created, if nothing is stored in it.

        So a command that fails, or only looks, leaves nothing behind. It stays if anybody else
        has prepared it too. Call it before `close`, with all connections closed.

        Args:
            tables: Those whose rows are worth keeping.
        """
        if self.path not in self._made or self._guard is None:
            return
        # Whoever prepares it after this waits for `close`, and then finds nothing.
        with suppress(OSError):
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._holds_rows(tables):
                for end in _FILES:
                    self.path.with_name(f"{self.path.name}{end}").unlink(missing_ok=True)
                for place in self._made[1:]:
                    place.rmdir()

    def _holds_rows(self, tables: Sequence[str]) -> bool:
        if not self.path.exists():
            return False
        try:
            with closing(self._connect()) as connection:
                names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                there = {name for (name,) in names}
                # S608: the names are our own.
                return any(
                    connection.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchall()  # noqa: S608 - our own names
                    for table in tables
                    if table in there
                )
        except sqlite3.Error:
            return True  # not ours to judge

    def look_through(self) -> None:
        """Reads every page of the database.

        Raises:
            DatabaseDamagedError: It is damaged.
        """
        try:
            with closing(self._connect()) as connection:
                ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                return  # busy, or no memory: that says nothing about the file
            found = str(error)
        if found != "ok":
            raise DatabaseDamagedError(
                f"Some of its pages are damaged. {HOW_TO_RESTORE}", self.path
            )

    def troubles(self) -> list[str]:
        """What SQLite finds wrong in rows and indexes of a file that can be read, in its words."""
        with closing(self._connect()) as connection:
            integrity = connection.execute("PRAGMA integrity_check(20)").fetchall()
            orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
        found = [f"{trouble}." for (trouble,) in integrity if trouble != "ok"]
        if orphans:
            found.append(f"{len(orphans)} rows refer to rows that do not exist.")
        return found

    def repair(self) -> None:
        """Rebuilds indexes, and deletes rows that refer to nothing."""
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("REINDEX")
            orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
            connection.execute("BEGIN IMMEDIATE")
            for table, row, *_ in orphans:
                # S608: the name is one of SQLite's own list of tables.
                connection.execute(f'DELETE FROM "{table}" WHERE rowid = ?', [row])  # noqa: S608 - our own names
            connection.execute("COMMIT")

    def checkpoint(self, mode: str) -> bool:
        """Moves the write-ahead log into the database; waits for nobody.

        Args:
            mode: SQLite's: PASSIVE, as far as readers and writers allow; TRUNCATE, all of it or
                nothing, and the log is empty then.

        Returns:
            Whether nobody was in the way.

        Raises:
            StorageError: The disk is full or failing.
        """
        try:
            with closing(self._connect()) as connection:
                busy, _, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                return False
            raise StorageError("The disk is full or failing; the log cannot be emptied.") from error
        return bool(busy == 0)

    def keep_reserve(self) -> bool:
        """Reserves disk space that erasing may use when nothing else is left.

        Returns:
            Whether there was enough.
        """
        try:
            self._reserve.touch(mode=0o600)
            with self._reserve.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, _RESERVE_BYTES)
        except OSError:
            self.release_reserve()  # half of it helps nobody who can still write
            return False
        return True

    def release_reserve(self) -> None:
        """Gives the reserve back to the disk."""
        with suppress(OSError):  # the write that needs the room will fail
            self._reserve.unlink(missing_ok=True)

    def _connect(self) -> sqlite3.Connection:
        url = f"file:{quote(str(self.path))}?mode=rw"
        return sqlite3.connect(
            url, uri=True, timeout=0, isolation_level=None, check_same_thread=False
        )

    def _is_there(self) -> bool:
        """Whether there is a database; waits for one that is just being created.

        SQLite would take an empty file, or none, for a new database, and forget its log.

        Raises:
            DatabaseDamagedError: The file stays empty, or only its log is left.
        """
        if not self.path.exists():
            if self._log.exists() and self._log.stat().st_size:
                raise DatabaseDamagedError(
                    "The database's file is gone, only its write-ahead log is left. "
                    f"{HOW_TO_RESTORE} To start empty, delete the log.",
                    self._log,
                )
            return False
        give_up = time.monotonic() + _EMPTY_FOR_S
        while self.path.stat().st_size == 0 and time.monotonic() < give_up:
            time.sleep(_LOOK_EVERY_S)
        if self.path.stat().st_size == 0:
            raise DatabaseDamagedError(
                "The database's file is empty: nobody who was registered is in it. "
                f"{HOW_TO_RESTORE} To start empty, delete the empty file.",
                self.path,
            )
        return True
