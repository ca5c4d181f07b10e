"""Two processes on one database, and people who come, change and go while others move."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from app.settings import Settings
from app.vision.scaling import Pixels
from tests.databases import HeldError, writing
from tests.program import run_app
from tests.reload.caller import Caller, Rows, assert_same, wait_until
from tests.reload.conftest import Serve
from tests.service_process import ServiceProcess, environment

Photos = dict[str, list[bytes]]
Pair = tuple[tuple[ServiceProcess, Caller], tuple[ServiceProcess, Caller]]


@pytest.fixture
def pair(world: Settings, serve: Serve) -> Iterator[Pair]:
    """Two services that know the same people."""
    with serve(world) as first, serve(world) as second:
        yield first, second


@contextmanager
def _stopped(process: ServiceProcess, rows: Rows) -> Iterator[None]:
    """Within it the process stands still, at a moment at which it does not write."""

    def stop() -> bool:
        process.process.send_signal(signal.SIGSTOP)
        try:
            with writing(rows.database, wait=False):
                return True
        except HeldError:  # by the process that was stopped
            process.process.send_signal(signal.SIGCONT)
            return False

    try:
        wait_until(stop, "the process does not write", every_s=0.001)
        yield
    finally:
        process.process.send_signal(signal.SIGCONT)


def test_one_of_two_admins_reloads_and_both_processes_follow(
    pair: Pair, world: Settings, rows: Rows, probes: dict[str, Pixels], arrivals: Photos
) -> None:
    callers = [caller for _, caller in pair]
    before = callers[0].answers(probes)
    assert_same(callers[1].answers(probes), before, tolerance=1e-6)
    wanted = {"bundle": "turned"}
    with ThreadPoolExecutor(2) as both:
        answers = list(
            both.map(lambda caller: caller.http.post("/v1/admin/reload", json=wanted), callers)
        )
    accepted, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert (accepted.status_code, refused.status_code) == (202, 409)
    assert refused.json()["code"] == "reload_running"
    assert refused.json()["job_id"] == accepted.json()["id"]

    spaces = {caller.version()[1] for caller in callers} | {accepted.json()["space"]}
    while {caller.version()[0] for caller in callers} != {"turned"}:
        # Whichever space a process answers in, it answers the same.
        for name, crop in probes.items():
            for caller in callers:
                answer = caller.identify(crop)
                assert answer["space"] in spaces
                (face,) = answer["faces"]
                assert_same({name: (face["user_id"], face["similarity"])}, {name: before[name]})
    assert callers[0].finished(accepted.json()["id"])["state"] == "succeeded"
    for caller in callers:
        assert_same(caller.answers(probes), before)

    for (name, photos), (here, there) in zip(
        arrivals.items(), (callers, callers[::-1]), strict=True
    ):
        assert here.register(name, photos[:3]).status_code == 201
        _wait_until_known(there, name, photos[5])

    # At once where it is asked for; known are also those who came after the reload.
    assert callers[0].http.post("/v1/admin/rollback").json()["bundle"] == "farsight-xxs"
    assert callers[0].version()[0] == "farsight-xxs"
    assert_same(callers[0].answers(probes), before, tolerance=1e-6)
    wait_until(lambda: callers[1].version()[0] == "farsight-xxs", "the other one follows")
    for caller in callers:
        for name, photos in arrivals.items():
            _wait_until_known(caller, name, photos[5])

    assert run_app("bundles", "prune", environment=environment(world)).returncode == 0
    no_way_back = callers[1].http.post("/v1/admin/rollback")
    assert (no_way_back.status_code, no_way_back.json()["code"]) == (409, "no_former_bundle")
    other = rows.one("SELECT space_id FROM bundles WHERE name = 'turned'")
    assert rows.one(f"SELECT count(*) FROM templates WHERE space_id = '{other}'") == 0


def _wait_until_known(caller: Caller, user_id: str, photo: bytes) -> None:
    wait_until(
        lambda: bool(caller.identify(photo)["faces"][0]["user_id"] == user_id),
        f"{user_id} is known",
    )


def test_changes_of_people_take_effect_in_both_spaces_when_made_during_a_reload(
    pair: Pair, rows: Rows, probes: dict[str, Pixels], arrivals: Photos
) -> None:
    (working, _), (_, caller) = pair
    erased, changed, *_ = probes
    (newcomer, photos), *_ = arrivals.items()
    job_id = pair[0][1].reload("turned")
    rows.wait_for_step("re_embed")
    with _stopped(working, rows):
        assert caller.job(job_id)["state"] == "running"
        # 202 where the process was stopped while it read.
        assert caller.http.delete(f"/v1/users/{erased}").status_code in {202, 204}
        assert caller.register(newcomer, photos[:3]).status_code == 201
        assert caller.add_photo(changed, probes[changed]).status_code == 201
        first = rows.one(
            "SELECT photos.id FROM photos JOIN users ON users.id = photos.user"
            f" WHERE user_id = '{changed}' LIMIT 1"
        )
        gone = caller.http.delete(f"/v1/users/{changed}/photos/{first}")
        assert gone.status_code in {202, 204}
    job = caller.finished(job_id)
    assert job["state"] == "succeeded", job

    wait_until(lambda: caller.version()[0] == "turned", "the process follows")
    after_switch = caller.answers({**probes, newcomer: photos[5]})
    assert after_switch[erased][0] is None
    assert after_switch[newcomer][0] == newcomer
    assert after_switch[changed][0] == changed
    rows.assert_whole(caller)
    assert caller.http.post("/v1/admin/rollback").status_code == 200
    assert_same(caller.answers({**probes, newcomer: photos[5]}), after_switch)
    rows.assert_whole(caller)
    lacking = (
        "SELECT count(*) FROM templates JOIN users ON users.id = templates.user WHERE photo_count"
        " != (SELECT count(*) FROM photos WHERE photos.user = users.id)"
    )
    assert rows.one(lacking) == 0
