"""People enrolled with one bundle, and others that they could move to."""

import shutil
from pathlib import Path

import pytest

from app.settings import Settings
from tests.rotated import Pixels, crops_of, enrol, rotate_bundle

TRAINED = Path(__file__).parents[2] / "weights" / "farsight-xxs"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle store: farsight-xxs, and `turned`, which is the same in another space."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copytree(TRAINED, folder / TRAINED.name)
    rotate_bundle(folder / TRAINED.name, "turned")
    return folder


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
