"""A disk that is full and a database that is gone, in the middle of a reload."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.settings import Settings
from app.vision.scaling import Pixels
from tests.databases import writing
from tests.reload.caller import Rows, assert_same, wait_until
from tests.reload.conftest import Serve
from tests.service_process import ServiceProcess

Photos = dict[str, list[bytes]]

_GONE_FOR_S = 10
_SMALLEST_BYTES = 33_000  # SQLite's file of shared memory has as many, and the log may have
_TRIED = "its end cannot be written"


@contextmanager
def _full_disk(process: ServiceProcess, rows: Rows) -> Iterator[None]:
    """The write-ahead log cannot grow any more."""
    log = f"{rows.database.url.partition('///')[2]}-wal"
    limit = Path(log).stat().st_size
    assert limit > _SMALLEST_BYTES
    before = resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    yield
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.file
def test_reload_is_taken_up_again_when_the_disk_was_full_for_a_while(
    world: Settings, rows: Rows, serve: Serve, probes: dict[str, Pixels], arrivals: Photos
) -> None:
    (name, newcomer), *_ = arrivals.items()
    with serve(world) as (process, caller):
        before = caller.answers(probes)
        job_id = caller.reload("turned")
        rows.wait_for_step("gate")
        with _full_disk(process, rows):
            wait_until(lambda: _TRIED in process.log.read_text(), "the disk is full")
            assert_same(caller.answers(probes), before, tolerance=1e-6)
            assert caller.version()[0] == "farsight-xxs"
            refused = caller.register(name, newcomer[:3])
            assert refused.status_code == 507
            assert refused.json()["code"] == "storage_failed"
            assert caller.job(job_id)["state"] == "running"
        # There is room again: the job is taken up once nobody has worked on it for ten seconds.
        job = caller.finished(job_id)
        assert (job["state"], job["attempts"]) == ("succeeded", 2)
        rows.assert_whole(caller)
        assert_same(caller.answers(probes), before)
        assert caller.register(name, newcomer[:3]).status_code == 201


def test_reload_goes_on_when_the_database_was_gone_for_ten_seconds(
    world: Settings, rows: Rows, serve: Serve, probes: dict[str, Pixels], arrivals: Photos
) -> None:
    (name, newcomer), *_ = arrivals.items()
    with serve(world) as (_, caller):
        before = caller.answers(probes)
        job_id = caller.reload("turned")
        rows.wait_for_step("re_embed")
        with writing(rows.database):
            back_at = time.monotonic() + _GONE_FOR_S + 1
            refused = caller.register(name, newcomer[:3])
            assert (refused.status_code, refused.json()["code"]) == (503, "database_busy")
            while time.monotonic() < back_at:
                assert_same(caller.answers(probes), before, tolerance=1e-6)
        job = caller.finished(job_id)
        # Silent for more than ten seconds, but never abandoned: nobody began it a second time.
        assert (job["state"], job["attempts"]) == ("succeeded", 1)
        rows.assert_whole(caller)
        assert_same(caller.answers(probes), before)
