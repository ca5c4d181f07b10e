"""Copies everything from one database to another, of whichever kind, and compares every row."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from sqlalchemy import Row, Table, delete, func, insert, literal, select, tuple_

from app.db.repositories import erasures
from app.db.session import ReadSession, Sessions, WriteSession
from app.db.tables import Erasure, User
from app.db.tables import Table as Mapped
from app.errors import SettingsError
from app.progress import Advance

# A transaction each. With three crops of 20 kB and as many vectors that is 10 MB.
_ROWS_AT_ONCE = 500
# What has yet to leave one disk is not on the other.
_TABLES = [table for table in Mapped.metadata.sorted_tables if table.name != Erasure.__tablename__]

_Rows = Sequence[Row[Any]]


async def copy_everything(source: Sessions, target: Sessions, advance: Advance) -> int:
    """Copies all rows; what an earlier, interrupted copy has brought is compared and kept.

    Nothing is written to a target that holds anything else.

    The source is read as it is at the beginning: what is written to it meanwhile is not copied.

    Args:
        source: Both are migrated.
        target: Empty, or holds a part of the same rows.
        advance: Told how many rows are done, of how many.

    Returns:
        The number of rows.

    Raises:
        SettingsError: The target holds something else.
    """
    done = 0
    async with source.read() as reading:
        await _refuse_others(reading, target)
        counts = {table: await _count(reading, table) for table in _TABLES}
        total = sum(counts.values())
        for table in counts:
            after: Row[Any] | None = None
            while rows := await _page(reading, table, after):
                await target.write(partial(_put, table=table, rows=rows))
                after = rows[-1]
                done += len(rows)
                advance(done, total)
        async with target.read() as session:
            for table, count in counts.items():
                if await _count(session, table) != count:
                    raise _holds_something_else(table)
    await target.write(target.engine.continue_ids)
    return done


async def empty(session: WriteSession) -> None:
    """Deletes what a start leaves in a database in which nobody is registered.

    Where somebody is, nothing is deleted: `copy_everything` knows whether they are its own.
    """
    if await _count(session, cast(Table, User.__table__)):
        return
    for table in reversed(_TABLES):
        await session.execute(delete(table))
    await erasures.add(session, "")


async def _refuse_others(reading: ReadSession, target: Sessions) -> None:
    """Makes sure that every row of the target is one of the source's."""
    async with target.read() as session:
        for table in _TABLES:
            after: Row[Any] | None = None
            while rows := await _page(session, table, after):
                present = await _present(reading, table, rows)
                for row in rows:
                    found = present.get(_key(table, row))
                    if found is None or _plain(found) != _plain(row):
                        raise _holds_something_else(table)
                after = rows[-1]


async def _put(session: WriteSession, table: Table, rows: _Rows) -> None:
    """Adds what is missing, and reads it all again."""
    present = await _present(session, table, rows)
    missing = [dict(row._mapping) for row in rows if _key(table, row) not in present]
    if missing:
        await session.execute(insert(table), missing)
        present = await _present(session, table, rows)
    for row in rows:
        if _plain(present[_key(table, row)]) != _plain(row):
            raise _holds_something_else(table)


async def _present(
    session: ReadSession, table: Table, rows: _Rows
) -> dict[tuple[Any, ...], Row[Any]]:
    wanted = tuple_(*table.primary_key).in_([_key(table, row) for row in rows])
    found = await session.execute(select(table).where(wanted))
    return {_key(table, row): row for row in found}


async def _page(session: ReadSession, table: Table, after: Row[Any] | None) -> _Rows:
    key = tuple(table.primary_key)
    page = select(table).order_by(*key).limit(_ROWS_AT_ONCE)
    if after is not None:
        values = zip(key, _key(table, after), strict=True)
        page = page.where(
            tuple_(*key) > tuple_(*(literal(value, column.type) for column, value in values))
        )
    return (await session.execute(page)).all()


async def _count(session: ReadSession, table: Table) -> int:
    return await session.scalar(select(func.count()).select_from(table)) or 0


def _key(table: Table, row: Row[Any]) -> tuple[Any, ...]:
    return tuple(row._mapping[column] for column in table.primary_key)


def _plain(row: Row[Any]) -> list[object]:
    return [value.tobytes() if isinstance(value, np.ndarray) else value for value in row]


def _holds_something_else(table: Table) -> SettingsError:
    return SettingsError(
        f"The database that is copied to holds other rows (in {table.name}), or the one that is "
        "copied from has changed since an earlier copy. Stop its service, and copy to an empty one."
    )
