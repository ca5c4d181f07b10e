"""`kill -9` at each step of a reload: what serves, what becomes of the job, and of the gallery."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.scaling import Pixels
from tests.reload.caller import Caller, Json, Rows, assert_same, wait_until
from tests.reload.conftest import Serve, copied

Probes = dict[str, Pixels]


def _assert_as_rebuilt(
    serve: Serve, caller: Caller, world: Settings, probes: Probes, new: DatabaseSettings
) -> None:
    """A service that builds its gallery from the same rows answers the same."""
    with serve(copied(world, new)) as (_, fresh):
        assert fresh.version() == caller.version()
        assert_same(caller.answers(probes), fresh.answers(probes), tolerance=1e-6)


@pytest.mark.parametrize(
    "steps",
    [("verify", "load"), ("warm_up", "self_test"), ("gate", "re_embed"), ("switch",)],
    ids="-".join,
)
def test_old_bundle_serves_and_the_reload_goes_on_when_the_process_is_killed(
    world: Settings,
    rows: Rows,
    serve: Serve,
    probes: Probes,
    make_database: Callable[[Path], DatabaseSettings],
    tmp_path: Path,
    steps: tuple[str, ...],
) -> None:
    with serve(world) as (process, caller):
        before = caller.answers(probes)
        job_id = caller.reload("turned")
        rows.wait_for_step(steps[0])
        process.kill()
    for step in steps[1:]:
        rows.let_time_pass()
        with serve(world) as (process, _):
            rows.wait_for_step(step)
            process.kill()
    with serve(world) as (_, caller):
        rows.assert_whole(caller)
        if rows.one("SELECT state FROM jobs") == "running":
            assert caller.version()[0] == "farsight-xxs"
        assert_same(caller.answers(probes), before)
        rows.let_time_pass()
        job = caller.finished(job_id)
        assert job["state"] == "succeeded", job
        assert caller.version()[0] == "turned"
        rows.assert_whole(caller)
        assert_same(caller.answers(probes), before)
        (tmp_path / "rebuilt").mkdir()
        new = make_database(tmp_path / "rebuilt")
        _assert_as_rebuilt(serve, caller, world, probes, new)


def test_job_is_failed_when_three_processes_have_died_over_it(
    world: Settings, rows: Rows, serve: Serve, probes: Probes
) -> None:
    with serve(world) as (process, caller):
        job_id = caller.reload("turned")
        rows.wait_for_step("gate")
        process.kill()
    for attempt in (2, 3):
        rows.let_time_pass()
        with serve(world) as (process, _):
            taken_over = partial(_is_at_attempt, rows, attempt)
            wait_until(taken_over, "the job is taken over", every_s=0.001)
            process.kill()
    with serve(world) as (_, caller):
        # This time without haste: it is taken for abandoned ten seconds after the last sign.
        job = caller.finished(job_id)
        _assert_died(job)
        assert caller.version()[0] == "farsight-xxs"
        rows.assert_whole(caller)
        assert all(user_id in {name, None} for name, (user_id, _) in caller.answers(probes).items())
        # Nothing of it is in the way of the next one.
        assert caller.finished(caller.reload("turned"))["state"] == "succeeded"


def _is_at_attempt(rows: Rows, attempt: int) -> bool:
    return bool(rows.one("SELECT attempts FROM jobs") == attempt)


def _assert_died(job: Json) -> None:
    assert job["state"] == "failed"
    assert job["attempts"] == 3
    assert job["error"]["code"] == "process_died"
    assert "3 processes died" in job["error"]["detail"]
