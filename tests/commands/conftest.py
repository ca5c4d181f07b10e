"""Commands as processes, on a database of the test's own."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.services.keys import Scope
from app.settings import Settings
from app.vision.image import decode_image
from demo.service import Address
from tests.api.conftest import create_key
from tests.program import run_app
from tests.service_process import environment, serving

_VIDEO_SIZE = (400, 500)

RunApp = Callable[..., "subprocess.CompletedProcess[str]"]
MakeVideo = Callable[..., Path]


@pytest.fixture(name="environment")
def environment_fixture(settings: Settings) -> dict[str, str]:
    """Of a process without a display."""
    variables = environment(settings, COLUMNS="200")
    variables.pop("DISPLAY", None)
    return variables


@pytest.fixture(name="run_app")
def run_app_fixture(environment: dict[str, str]) -> RunApp:
    """Runs `python -m app ...` to its end; keyword arguments are further variables."""

    def run(*arguments: str | Path, **changes: str) -> "subprocess.CompletedProcess[str]":
        return run_app(*arguments, environment={**environment, **changes})

    return run


@pytest.fixture
def address(settings: Settings, tmp_path: Path) -> Iterator[Address]:
    """A service on the same database."""
    key = create_key(settings, Scope.ENROLL, Scope.IDENTIFY)
    with serving(settings, tmp_path) as service:
        yield Address(service.url, key)


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """A video of ten frames a second that shows each photo for one second."""

    def make(*photos: bytes) -> Path:
        path = tmp_path / "video.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, _VIDEO_SIZE)
        assert writer.isOpened()
        for photo in photos:
            frame = cv2.resize(decode_image(photo), _VIDEO_SIZE, interpolation=cv2.INTER_AREA)
            for _ in range(10):
                writer.write(np.ascontiguousarray(frame[..., ::-1]))
        writer.release()
        return path

    return make
