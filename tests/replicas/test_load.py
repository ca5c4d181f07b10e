"""People are identified, come and go, while a bundle changes and a service dies: nothing fails."""

import time

import pytest

from app.vision.png import encode_png
from app.vision.scaling import Pixels
from tests.load import Probe, Reloaded, ask, judge, running_load
from tests.reload.caller import wait_until
from tests.replicas.churn import Churn
from tests.replicas.fleet import Fleet


@pytest.mark.program("nginx")
@pytest.mark.timeout(600)
def test_nothing_fails_and_no_answer_is_older_than_it_says_when_a_service_is_killed(
    fleet: Fleet, proxied: str, probes: dict[str, Pixels], arrivals: dict[str, list[bytes]]
) -> None:
    asked = [Probe(encode_png(crop), detect=False) for crop in probes.values()]
    expected = ask(proxied, fleet.key, asked)
    churn = Churn(proxied, fleet.key, [*arrivals["anna"][:3], arrivals["anna"][5]], is_whole=True)
    with running_load(proxied, fleet.key, asked, connections=3) as load, churn.running():
        _go_on(churn)
        reloaded = _reload(fleet)
        _go_on(churn)
        fleet.kill(0)
        _go_on(churn)
        fleet.restart(0)
        _go_on(churn)
        heard = load.end()
    verdict = judge(heard, [reloaded], expected)
    assert (verdict.failed, verdict.wrong, verdict.elsewhere) == (0, 0, 0), verdict.examples
    assert churn.failures == []
    for change in churn.changes:
        assert change.looks[-1].is_right
        # Who was just being registered in the old space is moved to the new one afterwards.
        if not change.is_there or not reloaded.asked_s < change.done_s < reloaded.ended_s:
            assert change.older_than_told() == []


def _go_on(churn: Churn) -> None:
    """Until somebody has come and gone."""
    before = len(churn.changes)
    wait_until(lambda: len(churn.changes) >= before + 3, "somebody comes and goes")


def _reload(fleet: Fleet) -> Reloaded:
    first, second = fleet.callers
    before = first.version()[1]
    asked_s = time.monotonic()
    job = first.finished(first.reload("turned"))
    assert job["state"] == "succeeded", job["error"]
    wait_until(lambda: second.version()[0] == "turned", "the other one follows")
    return Reloaded(asked_s, time.monotonic(), before, second.version()[1])
