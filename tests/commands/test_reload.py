"""Changing the weights from the shell, each command a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from app.settings import Settings

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(reloading: Settings) -> Run:
    """Runs `python -m app bundles ...` on a database with 30 enrolled people."""
    environment = {
        **os.environ,
        "FARSIGHT_BUNDLES": str(reloading.bundles),
        "FARSIGHT_BUNDLE": reloading.bundle,
        "FARSIGHT_DETECTORS": str(reloading.detectors),
        "FARSIGHT_DATABASE__URL": reloading.database.url,
        "COLUMNS": "200",
    }

    def bundles(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "app", "bundles", *words]
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)

    return bundles


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
    assert "90/90" in reloaded.stdout
