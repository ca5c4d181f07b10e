"""The service as a process of its own, as people start it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.settings import Settings

_PATIENCE_S = 120


@dataclass
class Process:
    """A running service: its address, what it has printed so far."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]


def _environment(settings: Settings, **changes: str) -> dict[str, str]:
    return {
        **os.environ,
        "FARSIGHT_BUNDLES": str(settings.bundles),
        "FARSIGHT_BUNDLE": settings.bundle,
        "FARSIGHT_DETECTORS": str(settings.detectors),
        "FARSIGHT_DATABASE__URL": settings.database.url,
        **changes,
    }


@contextmanager
def _serving(settings: Settings, tmp_path: Path) -> Iterator[Process]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--port", str(port)],
            stdout=file,
            stderr=file,
            env=_environment(settings),
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process)
        yield Process(url, log, process)
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE_S)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service did not start")


def _first_key(process: Process) -> dict[str, str]:
    keys = re.findall(r"fs_[0-9a-f]{12}_[0-9a-f]{64}", process.log.read_text())
    assert len(keys) == 1
    return {"Authorization": f"Bearer {keys[0]}"}


def test_registered_person_is_known_when_the_process_was_killed(
    settings: Settings, tmp_path: Path, people: dict[str, list[bytes]]
) -> None:
    photos = people["07263"]
    with _serving(settings, tmp_path) as first:
        headers = _first_key(first)
        answer = httpx.post(
            f"{first.url}/v1/users",
            headers=headers,
            data={"user_id": "anna"},
            files=[("photos", ("photo.jpg", photo)) for photo in photos[:3]],
            timeout=_PATIENCE_S,
        )
        assert answer.status_code == 201
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(timeout=_PATIENCE_S)
    with _serving(settings, tmp_path) as second:
        assert _first_key(second) == headers  # no second key was printed
        answer = httpx.post(
            f"{second.url}/v1/identify",
            headers=headers,
            files={"photos": photos[5]},
            timeout=_PATIENCE_S,
        )
        assert answer.json()["faces"][0]["user_id"] == "anna"
        assert "/v1/identify" in second.log.read_text()
        assert "anna" not in second.log.read_text()

        _send_200_mb(second, headers)
        assert httpx.get(f"{second.url}/livez").status_code == 200


def _send_200_mb(process: Process, headers: dict[str, str]) -> None:
    """Announces 200 MB and sends none: the answer must come before the body."""
    host, port = process.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=_PATIENCE_S) as connection:
        lines = [
            "POST /v1/identify HTTP/1.1",
            "Host: test",
            f"Authorization: {headers['Authorization']}",
            "Content-Type: multipart/form-data; boundary=b",
            "Content-Length: 200000000",
        ]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"FARSIGHT_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": ""}, "finds no GPU"),
        ({"FARSIGHT_BUNDLE": "missing"}, "'missing' has no readable manifest.json"),
        ({"FARSIGHT_IDENTIFICATION__THRESHOLD": "0.01"}, "IDENTIFICATION__THRESHOLD"),
    ],
)
def test_process_ends_with_a_sentence_when_it_cannot_serve(
    settings: Settings, changes: dict[str, str], sentence: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0"],
        env=_environment(settings, COLUMNS="200", **changes),
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
