"""Kills a service in the middle of reloads and asks what comes back: benchmarks/reload.py."""

import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing

import typer

from app.setting_groups import DatabaseSettings
from app.settings import Settings
from benchmarks.reload_material import Service, database_file, started
from farsight_client import Client, JsonObject
from tests.load import Faces, Probe, ask, same_faces

_LOOK_EVERY_S = 0.2
_TIMED = 3
_MOST_PROBES = 120


def measure_kills(
    settings: Settings, key: str, names: Sequence[str], probes: Sequence[Probe], kills: int
) -> list[JsonObject]:
    """After each kill the service answers what a fresh one on the same rows answers.

    It is asked twice: as soon as it is back, and after the job that it found has ended.

    Args:
        settings: Of the service.
        key: For it.
        names: Bundles that take turns.
        probes: What is asked.
        kills: How often.
    """
    chance = random.Random(0)  # noqa: S311 - moments, not secrets
    found: list[JsonObject] = []
    probes = probes[:_MOST_PROBES]
    with started(settings, key) as service:
        usual = ask(service.url, service.key, probes)
    # The shortest, so that few kills come after the switch.
    lasts_s = min(_reload_lasts_s(settings, key, names) for _ in range(_TIMED))
    for number in range(1, kills + 1):
        with started(settings, key) as service:
            job = _begin_reload(service, names)
            after_s = chance.uniform(0, lasts_s)
            time.sleep(after_s)
            with Client(service.url, service.key) as client:
                step = client.job(job).step
            service.process.kill()
        with started(settings, key) as service:
            at_once = _differences(service, settings, probes, usual)
            end = _wait_for_end(service, settings)
            at_end = _differences(service, settings, probes, usual)
        found.append(
            {"after_s": after_s, "step": step, "end": end, "at_once": at_once, "at_end": at_end}
        )
        typer.echo(
            f"kill {number} after {after_s:.1f} s at {step}: {at_once} answers differ at once, "
            f"the job has then {end}, {at_end} differ afterwards"
        )
    return found


def _reload_lasts_s(settings: Settings, key: str, names: Sequence[str]) -> float:
    """How long the first reload of a service that has just begun takes."""
    with started(settings, key) as service:
        began = time.monotonic()
        _begin_reload(service, names)
        _wait_for_end(service, settings)
        return time.monotonic() - began


def _begin_reload(service: Service, names: Sequence[str]) -> str:
    """Asks for the bundle after the one that serves; the job's id."""
    with Client(service.url, service.key) as client:
        place = names.index(str(client.version().bundle))
        return client.reload(names[(place + 1) % len(names)]).id


def _wait_for_end(service: Service, settings: Settings) -> str:
    """How the last job ended, and after how many attempts."""
    with Client(service.url, service.key) as client, closing(_connect(settings)) as rows:
        while True:
            (last,) = rows.execute("SELECT id FROM jobs ORDER BY created_at DESC LIMIT 1")
            job = client.job(last[0])
            if job.state != "running":
                return f"{job.state} (attempt {job.attempts})"
            time.sleep(_LOOK_EVERY_S)


def _differences(
    service: Service, settings: Settings, probes: Sequence[Probe], usual: Sequence[Faces]
) -> int:
    """How many probes are answered differently from a fresh service on a copy of the rows.

    The fresh one has no job to continue, so it answers from the rows as copied.
    The other one may switch while it is asked: the same people are then as similar as before.
    """
    copy = database_file(settings).parent / "copy" / "farsight.db"
    copy.parent.mkdir(exist_ok=True)
    for stale in copy.parent.glob("farsight.db*"):
        stale.unlink()
    with Client(service.url, service.key) as client:
        space = client.version().space
    with closing(_connect(settings)) as rows, closing(sqlite3.connect(copy)) as copied:
        rows.backup(copied)
        copied.execute("DELETE FROM jobs")
        copied.commit()
    answers = ask(service.url, service.key, probes)
    database = DatabaseSettings(url=f"sqlite+aiosqlite:///{copy}")
    with started(settings.model_copy(update={"database": database}), service.key) as fresh:
        with Client(fresh.url, fresh.key) as client:
            assert client.version().space == space
        expected = ask(fresh.url, fresh.key, probes)
    return sum(
        not (same_faces(answer, wanted) and same_faces(answer, before))
        for answer, wanted, before in zip(answers, expected, usual, strict=True)
    )


def _connect(settings: Settings) -> sqlite3.Connection:
    return sqlite3.connect(database_file(settings))
