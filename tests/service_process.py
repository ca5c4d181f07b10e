"""The service as a process of its own, as people start it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.settings import Settings
from tests.program import PATIENCE_S, Program

Process = Program | subprocess.Popen[bytes]


@dataclass
class ServiceProcess:
    """A running service: its address, what it has printed so far, its process."""

    url: str
    log: Path
    process: Process

    def kill(self) -> None:
        """`kill -9`: nothing is tidied up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=PATIENCE_S)


def environment(settings: Settings, **changes: str) -> dict[str, str]:
    """The variables of a service with these settings.

    Args:
        settings: Bundles, detectors and database are taken from them.
        changes: Further variables.
    """
    return {
        **os.environ,
        "FARSIGHT_BUNDLES": str(settings.bundles),
        "FARSIGHT_BUNDLE": settings.bundle,
        "FARSIGHT_DETECTORS": str(settings.detectors),
        "FARSIGHT_DATABASE__URL": settings.database.url,
        **changes,
    }


@contextmanager
def serving(
    settings: Settings,
    folder: Path,
    under: Sequence[str] = (),
    port: str = "",
    **changes: str,
) -> Iterator[ServiceProcess]:
    """Starts the service, waits until it is ready, and ends it if it still runs, by SIGTERM.

    Args:
        settings: See environment.
        folder: Where its log goes, after those of services before.
        under: The command that runs it, a tracer for instance; then Python starts anew.
        port: Where it listens; if empty, where nobody else does.
        changes: Further variables.
    """
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
    log = folder / "log"
    variables = environment(settings, **changes)
    words = ["serve", "--port", port]
    if under:
        with log.open("ab") as file:
            command = [*under, sys.executable, "-m", "app", *words]
            process: Process = subprocess.Popen(command, stdout=file, stderr=file, env=variables)
    else:
        process = Program(words, variables, log, log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process)
        yield ServiceProcess(url, log, process)
    finally:
        asked_to_end = process.poll() is None
        process.terminate()
        code = process.wait(timeout=PATIENCE_S)
    assert code == 0 or not asked_to_end


def _wait(url: str, process: Process) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service did not start")
