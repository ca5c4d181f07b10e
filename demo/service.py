"""The real service in a process of its own, and a client that speaks HTTP with it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

_START_TIMEOUT_S = 180
_REQUEST_TIMEOUT_S = 120
_LOG_LINES_SHOWN = 15


class ServiceError(Exception):
    """The service did not start, or refused a request."""


class Box(msgspec.Struct, frozen=True):
    """In px of the photo that was sent."""

    x: float
    y: float
    width: float
    height: float


class Candidate(msgspec.Struct, frozen=True):
    """A user and how similar they are; not an identification."""

    user_id: str
    similarity: float


class FaceAnswer(msgspec.Struct, frozen=True):
    """What `/v1/identify` says of one face, as far as the demo shows it."""

    box: Box
    landmarks: list[tuple[float, float]]
    face_px: float
    route: str
    user_id: str | None
    threshold: float
    candidates: list[Candidate]


class _Identification(msgspec.Struct, frozen=True):
    faces: list[FaceAnswer]


class _Problem(msgspec.Struct, frozen=True):
    title: str
    detail: str


class Client:
    """The requests that the demo makes.

    Args:
        http: Knows the address and the key.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def register(self, user_id: str, photos: Mapping[str, bytes]) -> None:
        """Registers a person from photos, by file name."""
        files = [("photos", (name, content)) for name, content in photos.items()]
        self._send("POST", "/v1/users", data={"user_id": user_id}, files=files)

    def erase(self, user_id: str) -> None:
        """Erases a person."""
        self._send("DELETE", f"/v1/users/{user_id}")

    def identify(self, photo: bytes) -> list[FaceAnswer]:
        """Asks who is in a photo, and for the most similar user of each face."""
        content = self._send("POST", "/v1/identify", data={"top_k": "1"}, files={"photos": photo})
        return msgspec.json.decode(content, type=_Identification).faces

    def _send(
        self,
        method: str,
        path: str,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | list[tuple[str, tuple[str, bytes]]] | None = None,
    ) -> bytes:
        answer = self._http.request(method, path, data=data, files=files)
        if answer.is_error:
            problem = msgspec.json.decode(answer.content, type=_Problem)
            raise ServiceError(f"{method} {path}: {problem.title}. {problem.detail}")
        return answer.content


def run_command(*arguments: str, settings: Mapping[str, str]) -> str:
    """Runs `python -m app ...` and gives back what it prints.

    Raises:
        ServiceError: The command failed.
    """
    # S603: the demo's own words only.
    done = subprocess.run(  # noqa: S603
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
def running_service(settings: Mapping[str, str], log: Path) -> Iterator[Client]:
    """Starts the service on a free port of this machine and stops it at the end.

    Args:
        settings: FARSIGHT_* variables; those of the caller's environment do not count.
        log: Where the service's own lines go.

    Raises:
        ServiceError: It does not get ready.
    """
    key = run_command(
        *("keys", "create", "--scope", "enroll", "--scope", "identify"), settings=settings
    )
    port = _free_port()
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    with (
        log.open("wb") as lines,
        # S603: constants and a number.
        subprocess.Popen(  # noqa: S603
            command, env=_environment(settings), stdout=lines, stderr=lines
        ) as process,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=_REQUEST_TIMEOUT_S,
            trust_env=False,  # no proxy between two processes of one machine
        ) as http,
    ):
        try:
            _wait_until_ready(http, process, log)
            yield Client(http)
        finally:
            process.terminate()


def _wait_until_ready(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if http.get("/readyz").is_success:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.2)
    last_lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
    raise ServiceError("The service did not get ready. Its last lines:\n" + "\n".join(last_lines))


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
