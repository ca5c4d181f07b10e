"""People enrolled once; every test takes a copy of their database and a service of its own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from app.db.copying import copy_everything
from app.db.migration import open_sessions
from app.services.keys import Scope
from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.scaling import Pixels
from tests.api.conftest import create_key
from tests.conftest import MakeCrops
from tests.reload.caller import Caller, Rows
from tests.rotated import enrol
from tests.service_process import ServiceProcess, serving

Serve = Callable[..., AbstractContextManager[tuple[ServiceProcess, Caller]]]

_PHOTOS = 6
_PROBES = 10


@pytest.fixture(scope="session")
def faces(make_crops: MakeCrops) -> dict[str, list[Pixels]]:
    """Crops of 30 people: photos to enrol, and one more for a probe."""
    return make_crops(30, _PHOTOS + 1)


@pytest.fixture(scope="session")
def probes(faces: dict[str, list[Pixels]]) -> dict[str, Pixels]:
    """A crop of each of ten enrolled people that they were not enrolled with."""
    return {user_id: photos[-1] for user_id, photos in list(faces.items())[:_PROBES]}


@pytest.fixture(scope="session")
def newcomers(make_crops: MakeCrops, faces: dict[str, list[Pixels]]) -> dict[str, list[Pixels]]:
    """Crops of three people who are not enrolled."""
    found = make_crops(33, _PHOTOS + 1)
    return {user_id: photos for user_id, photos in found.items() if user_id not in faces}


@pytest.fixture(scope="session")
def arrivals(people: dict[str, list[bytes]]) -> dict[str, list[bytes]]:
    """Whole photos of people who are to be registered."""
    return {user_id: people[user_id] for user_id in ("anna", "carl")}


@pytest.fixture(scope="session")
def enrolled(
    make_settings: Callable[[Path], Settings],
    store: Path,
    faces: dict[str, list[Pixels]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Settings, str]:
    """Settings of a service that knows 30 people in the space of farsight-xxs, and a key."""
    settings = make_settings(tmp_path_factory.mktemp("enrolled"))
    settings = settings.model_copy(update={"bundles": store, "bundle": "farsight-xxs"})
    enrol(settings, {user_id: photos[:_PHOTOS] for user_id, photos in faces.items()})
    return settings, create_key(settings, *Scope)


def copied(settings: Settings, new: DatabaseSettings) -> Settings:
    """Settings of a service with a copy of another's database as it is now."""

    async def copy() -> None:
        async with open_sessions(settings.database) as source, open_sessions(new) as target:
            await copy_everything(source, target, lambda *_: None)

    asyncio.run(copy())
    return settings.model_copy(update={"database": new})


@pytest.fixture
def world(
    enrolled: tuple[Settings, str],
    make_database: Callable[[Path], DatabaseSettings],
    tmp_path: Path,
) -> Settings:
    """30 people are enrolled, in a database for one test."""
    return copied(enrolled[0], make_database(tmp_path))


@pytest.fixture
def rows(world: Settings) -> Rows:
    """The rows of that database."""
    return Rows(world)


@pytest.fixture(scope="session")
def serve(enrolled: tuple[Settings, str], tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Starts a service: `with serve(world) as (process, caller)`."""

    @contextmanager
    def started(
        settings: Settings, port: str = "", **changes: str
    ) -> Iterator[tuple[ServiceProcess, Caller]]:
        folder = tmp_path_factory.mktemp("service")
        with serving(settings, folder, port=port, **changes) as process:
            caller = Caller(process.url, enrolled[1])
            with caller.http:
                yield process, caller

    return started
