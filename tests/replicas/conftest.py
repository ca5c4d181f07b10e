"""Services on one PostgreSQL, and nginx in front of them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.settings import Settings
from tests.reload import conftest as of_reloads
from tests.reload.caller import Caller
from tests.reload.conftest import Serve
from tests.replicas.proxy import balanced, free_port
from tests.service_process import ServiceProcess

# The people, and how a service for them is started.
faces, probes = of_reloads.faces, of_reloads.probes
newcomers, arrivals = of_reloads.newcomers, of_reloads.arrivals
enrolled, world, rows = of_reloads.enrolled, of_reloads.world, of_reloads.rows
serve = of_reloads.serve


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On PostgreSQL alone: several services are what it is for."""
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ["postgres"], indirect=True, scope="session")


@dataclass
class Replica:
    """One of the services.

    Attributes:
        process: Which runs now.
        caller: An administrator who speaks with it alone.
    """

    process: ServiceProcess
    caller: Caller


class Fleet:
    """Two services that know the same people.

    Args:
        settings: Of both.
        key: For everything.
        serve: Starts one.
        stack: What was started is ended with it.
        changes: Further variables of both.
    """

    def __init__(
        self, settings: Settings, key: str, serve: Serve, stack: ExitStack, **changes: str
    ) -> None:
        self.settings, self.key = settings, key
        self._serve, self._stack, self._changes = serve, stack, changes
        self._ports = [free_port(), free_port()]
        self.replicas = [self._started(port) for port in self._ports]

    @property
    def callers(self) -> tuple[Caller, Caller]:
        """An administrator at each of the two."""
        first, second = self.replicas
        return first.caller, second.caller

    def kill(self, index: int) -> None:
        """`kill -9`."""
        self.replicas[index].process.kill()

    def restart(self, index: int) -> None:
        """Starts one that was killed, at its old address."""
        self.replicas[index] = self._started(self._ports[index])

    @contextmanager
    def behind_nginx(self, folder: Path) -> Iterator[str]:
        """The address at which nginx passes on to both."""
        with balanced([f"http://127.0.0.1:{port}" for port in self._ports], folder) as url:
            yield url

    def _started(self, port: int) -> Replica:
        process, caller = self._stack.enter_context(
            self._serve(self.settings, port=port, **self._changes)
        )
        return Replica(process, caller)


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
