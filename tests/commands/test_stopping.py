"""How the service ends: in order and in time by either signal, at once by a second one."""

import shutil
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app.services.keys import Scope
from app.settings import Settings
from app.vision.png import encode_png
from app.vision.scaling import Pixels
from tests.api.conftest import create_key
from tests.program import PATIENCE_S
from tests.reload.caller import wait_until
from tests.service_process import ServiceProcess, serving


@contextmanager
def _event_stream(process: ServiceProcess, key: str, database: Path) -> Iterator[None]:
    """Somebody watches a job that does not end."""
    job = uuid4().hex
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO jobs (id, bundle, space_id, force, actor, state, step, done, total, owner,"
            " attempts, created_at, updated_at) VALUES (?, 'stock', '0', 0, 'test', 'running',"
            " 'gate', 0, 0, 'somebody', 1, datetime('now'), datetime('now'))",
            [job],
        )
    url = f"{process.url}/v1/admin/jobs/{job}/events"
    with httpx.stream("GET", url, headers={"Authorization": f"Bearer {key}"}) as stream:
        lines = stream.iter_lines()  # httpx ends the stream with it
        assert next(lines) == "event: job"
        yield


@contextmanager
def _stalled_upload(process: ServiceProcess, key: str) -> Iterator[None]:
    host, port = process.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        lines = [
            "POST /v1/identify HTTP/1.1",
            "Host: test",
            f"Authorization: Bearer {key}",
            "Content-Type: multipart/form-data; boundary=b",
            "Content-Length: 1000000",
        ]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n--b\r\n").encode())
        yield


@pytest.fixture
def database(settings: Settings) -> Path:
    return Path(settings.database.url.partition("///")[2])


@pytest.fixture
def key(settings: Settings) -> str:
    return create_key(settings, *Scope)


def test_service_ends_in_time_and_the_file_alone_has_everybody_when_requests_do_not_end(
    settings: Settings, tmp_path: Path, database: Path, key: str, crops: dict[str, list[Pixels]]
) -> None:
    changes = {"FARSIGHT_SHUTDOWN_GRACE_S": "4", "FARSIGHT_REGISTRATION__MIN_PHOTOS": "1"}
    with serving(settings, tmp_path, **changes) as process:
        registered = httpx.post(
            f"{process.url}/v1/users",
            data={"user_id": "the-last-one", "detect": "false"},
            files=[("photos", ("photo", encode_png(next(iter(crops.values()))[0])))],
            headers={"Authorization": f"Bearer {key}"},
        )
        assert registered.status_code == 201
        with _stalled_upload(process, key), _event_stream(process, key, database):
            process.process.send_signal(signal.SIGINT)
            assert process.process.wait(timeout=PATIENCE_S) == 0
    log = process.log.read_text()
    assert "asked to end by SIGINT" in log
    assert "2 requests were cut off" in log
    assert "ended before the database was closed" not in log
    copy = tmp_path / "copy" / "farsight.db"
    copy.parent.mkdir()
    shutil.copy(database, copy)
    with closing(sqlite3.connect(copy)) as connection:
        found = connection.execute("SELECT user_id FROM users").fetchall()
    assert found == [("the-last-one",)]


def test_service_ends_at_once_when_it_is_asked_twice(
    settings: Settings, tmp_path: Path, key: str
) -> None:
    with (
        serving(settings, tmp_path, FARSIGHT_SHUTDOWN_GRACE_S="600") as process,
        _stalled_upload(process, key),
    ):
        process.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "asked to end by SIGTERM" in process.log.read_text(), "it has heard")
        assert process.process.poll() is None
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(timeout=PATIENCE_S) == 128 + signal.SIGTERM
    assert "a second time" in process.log.read_text()
