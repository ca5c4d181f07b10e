"""The real service in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from farsight_client import ApiError, Client

_START_TIMEOUT_S = 180
_LOG_LINES_SHOWN = 15


class ServiceError(Exception):
    """The service did not start."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens, and a key for it."""

    url: str
    key: str


def run_command(*arguments: str, settings: Mapping[str, str]) -> str:
    """Runs `python -m app ...` and returns what it prints.

    Raises:
        ServiceError: The command failed.
    """
    # S603: the demo's own words only.
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        [sys.executable, "-m", "app", *arguments],
        env=_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServiceError(f"python -m app {' '.join(arguments)}:\n{done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def running_service(settings: Mapping[str, str], log: Path) -> Iterator[Address]:
    """Starts the service on a free port of this machine and stops it at the end.

    Args:
        settings: FARSIGHT_* variables; those in the caller's environment are ignored.
        log: Where the service's own lines go.

    Raises:
        ServiceError: It does not become ready.
    """
    key = run_command(
        *("keys", "create", "--scope", "enroll", "--scope", "identify"), settings=settings
    )
    port = _free_port()
    address = Address(f"http://127.0.0.1:{port}", key)
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    with (
        log.open("wb") as lines,
        # S603: constants and a number.
        subprocess.Popen(  # noqa: S603 - our own words, no shell
            command, env=_environment(settings), stdout=lines, stderr=lines
        ) as process,
    ):
        try:
            with Client(address.url, timeout_s=_START_TIMEOUT_S) as client:
                _wait_until_ready(client, process, log)
            yield address
        finally:
            process.terminate()


def _wait_until_ready(client: Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            client.ready()
        except ApiError:
            time.sleep(0.2)
        else:
            return
    last_lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
    raise ServiceError(
        "The service did not become ready. Its last lines:\n" + "\n".join(last_lines)
    )


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("FARSIGHT_")
    }
    return {**inherited, **settings}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
