"""Which tests run, which are slow, and whether a run was whole.

Tests marked `research` need photos and weights that are not in the repository, and those marked
`program` need one that pip does not install. Where these are not there, the tests are left out, and
one line says so. In CI a run that left something out, or skipped it, fails.
"""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from xdist.workermanage import WorkerController

_SHARED = Path(os.environ.get("FARSIGHT_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of research photos and published weights; for tests marked `research` alone."""
    return _SHARED


# Who asks for one of these starts a service, loads networks, trains, or looks for faces.
_SLOW_FIXTURES = {
    *("centerface", "checkpoint", "commanded", "detectors", "fabric", "make_crops"),
    *(
        "make_settings",
        "networks",
        "people",
        "sample_people",
        "sample_photos",
        "shared",
        "stock_bundle",
        "store",
    ),
}
_LEFT_OUT = pytest.StashKey[dict[str, int]]()
_PACKAGES = {"bwrap": "bubblewrap", "Xvfb": "xvfb python3-tk"}
"""Debian's package of a program, where it has another name."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks slow tests, and leaves out those that cannot run here."""
    left_out: Counter[str] = Counter()
    for item in items:
        if isinstance(item, pytest.Function) and not _SLOW_FIXTURES.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.slow)
        left_out.update(_missing(item)[:1])
    missing = [item for item in items if _missing(item)]
    items[:] = [item for item in items if not _missing(item)]
    config.hook.pytest_deselected(items=missing)
    config.stash[_LEFT_OUT] = dict(left_out)
    if hasattr(config, "workeroutput"):  # in a worker of pytest-xdist, which prints nothing
        config.workeroutput["left_out"] = dict(left_out)


def find_program(name: str) -> str | None:
    """The path of a program; servers are not on everybody's PATH."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


def _missing(item: pytest.Item) -> list[str]:
    """What a test needs that is not here, each with the way to get it."""
    programs = [str(mark.args[0]) for mark in item.iter_markers("program")]
    found = [
        f"marked `program` did not run: apt-get install {_PACKAGES.get(name, name)}"
        for name in programs
        if find_program(name) is None
    ]
    if item.get_closest_marker("research") and not _SHARED.is_dir():
        found.append(
            f"marked `research` did not run: there is no folder {_SHARED} with research photos "
            "(FARSIGHT_SHARED names another)"
        )
    return found


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Hears from a worker, each of which collects all tests, what it left out."""
    node.config.stash[_LEFT_OUT] = node.workeroutput.get("left_out", {})


def _failures_of_ci(config: pytest.Config) -> list[str]:
    """Why a run in CI is not whole: a green one has run everything."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    found = {
        "skipped tests fail the run": reporter.stats.get("skipped", []),
        "tests that were left out fail the run": config.stash.get(_LEFT_OUT, {}),
    }
    return [reason for reason, is_so in found.items() if is_so and os.environ.get("CI") == "true"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test that is skipped or left out fails the run."""
    if not hasattr(session.config, "workerinput") and _failures_of_ci(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says so, and names what was left out, a line for each reason."""
    for why, count in config.stash.get(_LEFT_OUT, {}).items():
        terminalreporter.write_line(f"{count} tests {why}.", yellow=True)
    for reason in _failures_of_ci(config):
        terminalreporter.write_line(f"CI: {reason}.", red=True)
