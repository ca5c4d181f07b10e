"""Two services on one database, and what becomes of them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.settings import Settings
from tests.reload.caller import Caller
from tests.replicas.proxy import balanced, free_port
from tests.service_process import ServiceProcess

Serve = Callable[..., AbstractContextManager[tuple[ServiceProcess, Caller]]]


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
        self._ports = [str(free_port()), str(free_port())]
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

    def _started(self, port: str) -> Replica:
        process, caller = self._stack.enter_context(
            self._serve(self.settings, port=port, **self._changes)
        )
        return Replica(process, caller)
