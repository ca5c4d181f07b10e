"""Which tests run, which are slow, and whether a run was whole.

Tests marked `research` need photos and weights that are not in the repository. Where they are not
there either, these tests are left out, and one line says so. In CI a run that left something out,
or skipped it, fails.
"""

import os
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
_LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks slow tests, and leaves out those marked `research` where their photos are not."""
    for item in items:
        if isinstance(item, pytest.Function) and not _SLOW_FIXTURES.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    if _SHARED.is_dir():
        return
    left_out = [item for item in items if item.get_closest_marker("research")]
    items[:] = [item for item in items if not item.get_closest_marker("research")]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = len(left_out)
    if hasattr(config, "workeroutput"):  # in a worker of pytest-xdist, which prints nothing
        config.workeroutput["left_out"] = len(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Hears from a worker, each of which collects all tests, how many it left out."""
    node.config.stash[_LEFT_OUT] = node.workeroutput.get("left_out", 0)


def _failures_of_ci(config: pytest.Config) -> list[str]:
    """Why a run in CI is not whole: a green one has run everything."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    found = {
        "skipped tests fail the run": reporter.stats.get("skipped", []),
        "tests without research photos fail the run": config.stash.get(_LEFT_OUT, 0),
    }
    return [reason for reason, is_so in found.items() if is_so and os.environ.get("CI") == "true"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test that is skipped or left out fails the run."""
    if not hasattr(session.config, "workerinput") and _failures_of_ci(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says so, and names what was left out in one line."""
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{left_out} tests marked `research` did not run: there is no folder {_SHARED} with "
            "research photos (FARSIGHT_SHARED names another).",
            yellow=True,
        )
    for reason in _failures_of_ci(config):
        terminalreporter.write_line(f"CI: {reason}.", red=True)
