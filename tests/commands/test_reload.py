"""Changing the weights from the shell, each command a process of its own."""

import json
import subprocess
from collections.abc import Callable
from functools import partial

import pytest

from app.settings import Settings
from tests.program import run_app
from tests.service_process import environment

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(reloading: Settings) -> Run:
    """Runs `python -m app bundles ...` on a database with 30 enrolled people."""
    variables = environment(reloading, COLUMNS="200")
    return partial(run_app, "bundles", environment=variables)


def _states(run: Run) -> dict[str, str]:
    """Of all but the one that ships and does not serve here."""
    views = json.loads(run("list", "--json").stdout)
    return {view["name"]: view["state"] for view in views if view["name"] != "farsight-xs"}


def test_weights_change_and_change_back_when_the_shell_says_so(run: Run) -> None:
    reloaded = run("reload", "turned", "--json")
    assert reloaded.returncode == 0, reloaded.stderr
    job = json.loads(reloaded.stdout)
    assert (job["state"], job["done"], job["error"]) == ("succeeded", 90, None)
    assert _states(run) == {"farsight-xxs": "former", "turned": "serving"}

    assert "farsight-xxs serves again" in run("rollback").stdout
    assert _states(run) == {"farsight-xxs": "serving", "turned": "former"}

    # 90 embeddings and 30 templates
    assert json.loads(run("prune", "--json").stdout) == {"erased": 120}
    refused = run("rollback")
    assert refused.returncode == 1
    assert "nothing to roll back to" in refused.stderr


def test_reload_says_what_is_wrong_when_there_is_no_such_bundle(run: Run) -> None:
    refused = run("reload", "missing")
    assert refused.returncode == 1
    assert "no bundle named 'missing'" in refused.stderr
    assert _states(run)["farsight-xxs"] == "serving"


def test_reload_says_serves_when_people_see_it(run: Run) -> None:
    reloaded = run("reload", "turned")
    assert "Bundle turned serves" in reloaded.stdout
    assert "90 photos were moved" in reloaded.stdout
