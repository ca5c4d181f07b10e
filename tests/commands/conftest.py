"""Commands as processes, on a database of the test's own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.settings import Settings
from app.vision.image import decode_image
from demo.service import Address, running_service
from tests.service_process import PATIENCE_S, environment

_VIDEO_SIZE = (400, 500)

RunApp = Callable[..., "subprocess.CompletedProcess[str]"]
MakeVideo = Callable[..., Path]


@pytest.fixture(name="environment")
def environment_fixture(settings: Settings) -> dict[str, str]:
    """Of a process without a display."""
    variables = environment(settings, COLUMNS="200")
    variables.pop("DISPLAY", None)
    return variables


@pytest.fixture
def run_app(environment: dict[str, str]) -> RunApp:
    """Runs `python -m app ...` to its end; keyword arguments are further variables."""

    def run(*arguments: str | Path, **changes: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "app", *map(str, arguments)],
            env={**environment, **changes},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run


@pytest.fixture
def address(environment: dict[str, str], tmp_path: Path) -> Iterator[Address]:
    """A service on the same database."""
    variables = {name: value for name, value in environment.items() if name.startswith("FARSIGHT_")}
    with running_service(variables, tmp_path / "service.log") as address:
        yield address


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
