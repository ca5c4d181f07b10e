"""Services on one PostgreSQL, and nginx in front of them."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.settings import Settings
from tests.reload import conftest as of_reloads
from tests.reload.conftest import Serve
from tests.replicas.fleet import Fleet

# The people, and how a service for them is started.
faces, probes = of_reloads.faces, of_reloads.probes
newcomers, arrivals = of_reloads.newcomers, of_reloads.arrivals
enrolled, world, rows = of_reloads.enrolled, of_reloads.world, of_reloads.rows
serve = of_reloads.serve


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On PostgreSQL alone: several services are what it is for."""
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ["postgres"], indirect=True, scope="session")


@pytest.fixture
def fleet(world: Settings, enrolled: tuple[Settings, str], serve: Serve) -> Iterator[Fleet]:
    """Two services with the usual settings."""
    with ExitStack() as stack:
        yield Fleet(world, enrolled[1], serve, stack)


@pytest.fixture
def proxied(fleet: Fleet, tmp_path: Path) -> Iterator[str]:
    """The address at which nginx passes on to them."""
    with fleet.behind_nginx(tmp_path) as url:
        yield url
