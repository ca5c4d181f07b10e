"""The service as a process of its own, as people start it."""

import os
import re
import shutil
import socket
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from demo.service import running_service
from tests.program import PATIENCE_S, run_app
from tests.service_process import ServiceProcess, environment, serving


def _first_key(process: ServiceProcess) -> dict[str, str]:
    keys = re.findall(r"fs_[0-9a-f]{12}_[0-9a-f]{64}", process.log.read_text())
    assert len(keys) == 1
    return {"Authorization": f"Bearer {keys[0]}"}


def test_registered_person_is_known_when_the_process_was_killed(
    settings: Settings, tmp_path: Path, people: dict[str, list[bytes]]
) -> None:
    photos = people["anna"]
    with serving(settings, tmp_path) as first:
        headers = _first_key(first)
        answer = httpx.post(
            f"{first.url}/v1/users",
            headers=headers,
            data={"user_id": "anna"},
            files=[("photos", ("photo.jpg", photo)) for photo in photos[:3]],
            timeout=PATIENCE_S,
        )
        assert answer.status_code == 201
        first.kill()
    with serving(settings, tmp_path) as second:
        assert _first_key(second) == headers  # no second key was printed
        answer = httpx.post(
            f"{second.url}/v1/identify",
            headers=headers,
            files={"photos": photos[5]},
            timeout=PATIENCE_S,
        )
        assert answer.json()["faces"][0]["user_id"] == "anna"
        _send_200_mb(second, headers)
        assert httpx.get(f"{second.url}/livez").status_code == 200
    # Afterwards: a line is written when its answer has been sent.
    log = second.log.read_text()
    assert "/v1/identify" in log
    assert "anna" not in log


def _send_200_mb(process: ServiceProcess, headers: dict[str, str]) -> None:
    """Announces 200 MB and sends none: the answer must come before the body."""
    host, port = process.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        lines = [
            "POST /v1/identify HTTP/1.1",
            "Host: test",
            f"Authorization: {headers['Authorization']}",
            "Content-Type: multipart/form-data; boundary=b",
            "Content-Length: 200000000",
        ]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.program("strace")
def test_process_asks_nobody_and_leaves_nothing_at_home_when_it_serves(
    settings: Settings, tmp_path: Path, people: dict[str, list[bytes]]
) -> None:
    """What libraries do in native code is seen by the system alone.

    onnxruntime with telemetry writes at home at once, and looks its maker up after nine seconds.
    """
    strace = shutil.which("strace")
    assert strace is not None, "apt-get install strace"
    home, calls = tmp_path / "home", tmp_path / "calls"
    home.mkdir()
    # -D: the service, not the tracer, is the process that gets the signals.
    traced = "trace=connect,sendto,sendmsg,sendmmsg"
    under = [strace, "-D", "-f", "-q", "--seccomp-bpf", "-e", traced, "-o", str(calls)]
    with serving(settings, tmp_path, under, HOME=str(home)) as process:
        answer = httpx.post(
            f"{process.url}/v1/identify",
            headers=_first_key(process),
            files={"photos": people["anna"][0]},
            timeout=PATIENCE_S,
        )
        assert answer.status_code == 200
    lines = calls.read_text().splitlines()
    assert any(f"{process.process.pid} " in line for line in lines), "nothing was traced"
    assert [line for line in lines if re.search(r"AF_INET|sin6?_addr", line)] == []
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"FARSIGHT_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": ""}, "finds no GPU"),
        ({"FARSIGHT_BUNDLE": "missing"}, "no bundle named 'missing'"),
        ({"FARSIGHT_IDENTIFICATION__THRESHOLD": "0.01"}, "IDENTIFICATION__THRESHOLD"),
    ],
)
def test_process_ends_with_a_sentence_when_it_cannot_serve(
    settings: Settings, changes: dict[str, str], sentence: str
) -> None:
    variables = environment(settings, COLUMNS="200", **changes)
    ended = run_app("serve", "--port", "0", environment=variables)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_collector_leaves_alone_what_the_service_started_with(
    settings: Settings, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    # Python imports this at its start, in decoder processes too.
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, gc, pathlib, sys\n"
        "def tell():\n"
        "    if 'serve' in sys.argv:\n"
        f"        pathlib.Path({str(told)!r}).write_text(str(gc.get_freeze_count()))\n"
        "atexit.register(tell)\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    # A process that starts anew: a fork of another would not import it.
    variables = {
        "FARSIGHT_BUNDLES": str(settings.bundles),
        "FARSIGHT_BUNDLE": settings.bundle,
        "FARSIGHT_DETECTORS": str(settings.detectors),
        "FARSIGHT_DETECTOR": "centerface",
        "FARSIGHT_DATABASE__URL": settings.database.url,
        "PYTHONPATH": path,
    }
    with running_service(variables, tmp_path / "service.log"):
        pass
    assert int(told.read_text()) > 100_000
