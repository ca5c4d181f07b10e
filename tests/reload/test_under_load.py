"""Two bundles go forth and back while people are identified without pause."""

import time

import pytest

from app.settings import Settings
from app.vision.png import encode_png
from app.vision.scaling import Pixels
from tests.load import Probe, Reloaded, ask, judge, running_load
from tests.program import run_app
from tests.reload.caller import Caller
from tests.reload.conftest import Serve
from tests.service_process import environment

CONNECTIONS = 8
A_WHILE_S = 1.0
KNOWN_AT_LEAST = 20  # of 30


def reloaded(caller: Caller, bundle: str) -> Reloaded:
    before = caller.version()[1]
    asked = time.monotonic()
    job = caller.finished(caller.reload(bundle))
    assert job["state"] == "succeeded", job["error"]
    assert job["done"] > 0  # everybody moves, nobody's old embedding is found again
    return Reloaded(asked, time.monotonic(), before, caller.version()[1])


@pytest.mark.timeout(600)
def test_every_request_is_answered_and_rightly_when_bundles_go_forth_and_back(
    serve: Serve,
    world: Settings,
    enrolled: tuple[Settings, str],
    faces: dict[str, list[Pixels]],
    newcomers: dict[str, list[Pixels]],
) -> None:
    strangers = [photos[0] for photos in newcomers.values()]
    crops = [*(photos[-1] for photos in faces.values()), *strangers]
    probes = [Probe(encode_png(crop), detect=False) for crop in crops]
    with serve(world) as (process, caller):
        expected = ask(process.url, enrolled[1], probes)
        known = [user_id for answer in expected for user_id, _ in answer if user_id is not None]
        assert len(known) >= KNOWN_AT_LEAST
        reloads = []
        with running_load(process.url, enrolled[1], probes, CONNECTIONS) as load:
            time.sleep(A_WHILE_S)
            reloads.append(reloaded(caller, "turned"))
            time.sleep(A_WHILE_S)
            pruned = run_app("bundles", "prune", environment=environment(world))
            assert pruned.returncode == 0
            reloads.append(reloaded(caller, "farsight-xxs"))
            time.sleep(A_WHILE_S)
            heard = load.end()
    verdict = judge(heard, reloads, expected)
    assert len({answer.space for answer in heard}) == 2
    assert verdict.requests > len(probes)
    assert (verdict.failed, verdict.wrong, verdict.elsewhere) == (0, 0, 0), verdict.examples
