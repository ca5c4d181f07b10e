"""`kill -9` of the service that carries out a reload: the other one does."""

import threading

import pytest

from app.vision.scaling import Pixels
from farsight_client import Client, Job
from tests.reload.caller import Rows, assert_same, wait_until
from tests.replicas.fleet import Fleet


@pytest.mark.parametrize("step", ["re_embed", "switch"])
def test_other_service_ends_the_reload_and_tells_of_it_when_the_first_is_killed(
    fleet: Fleet, rows: Rows, probes: dict[str, Pixels], step: str
) -> None:
    first, second = fleet.callers
    before = second.answers(probes)
    job_id = first.reload("turned")
    news: list[Job] = []

    def watch() -> None:
        with Client(fleet.replicas[1].process.url, fleet.key) as client:
            news.extend(client.job_events(job_id))

    watcher = threading.Thread(target=watch)
    watcher.start()
    rows.wait_for_step(step)
    fleet.kill(0)
    rows.let_time_pass()
    job = second.finished(job_id)
    assert job["state"] == "succeeded", job
    wait_until(lambda: second.version()[0] == "turned", "the service follows")
    rows.assert_whole(second)
    assert_same(second.answers(probes), before)
    watcher.join()
    assert news[-1].state == "succeeded"
    # Nothing is in the way of the next one, and the way back is open.
    assert second.http.post("/v1/admin/rollback").json()["bundle"] == "farsight-xxs"
    assert_same(second.answers(probes), before)
