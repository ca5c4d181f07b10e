"""The window on a real display, and the frames that `farsight watch --window` draws."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageGrab

from app.commands.annotate import draw_followed
from app.commands.camera import CameraError
from app.commands.window import Key, open_window
from app.tracking.events import Followed, Verdict
from app.vision.image import Image
from tests.commands.conftest import RunApp
from tests.program import PATIENCE_S
from tests.simulated_video import write_video
from tests.whole_run import find_program

_GREY = np.full((360, 640, 3), 100, np.uint8)
_LIME, _ORANGE, _WHITE = (0, 255, 0), (255, 165, 0), (255, 255, 255)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A display of 1280x960 that nobody sees."""
    program = find_program("Xvfb")
    assert program is not None, "apt-get install xvfb"
    ours, theirs = os.pipe()
    words = [program, "-displayfd", str(theirs), "-screen", "0", "1280x960x24", "-nolisten", "tcp"]
    with subprocess.Popen(words, pass_fds=[theirs], stderr=subprocess.DEVNULL) as process:
        os.close(theirs)
        try:
            with open(ours) as told:  # noqa: PTH123 - a pipe
                yield f":{told.readline().strip()}"
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _pixels(image: Image, colour: tuple[int, int, int]) -> int:
    """How many have nearly this colour: letters have soft borders."""
    return int((np.abs(image.astype(int) - colour).max(axis=2) < 100).sum())


def test_a_face_has_a_box_and_a_word_in_its_colour_when_it_is_drawn() -> None:
    box = (100.0, 100.0, 60.0, 80.0)
    for verdict, colour in (
        (None, _WHITE),
        (Verdict(None, 0.1, None, 0.35), _ORANGE),
        (Verdict("ada", 0.6, 0.3, 0.35), _LIME),
    ):
        drawn = draw_followed(_GREY, [Followed(box, verdict)])
        assert _pixels(drawn[90:181, 90:170], colour) > 2 * (60 + 80)
        assert _pixels(drawn[182:], colour) > 2  # the word below
        assert _pixels(drawn[:, 300:], colour) == 0
    assert (draw_followed(_GREY, []) == _GREY).all()


@pytest.mark.program("Xvfb")
def test_the_picture_is_on_the_display_when_it_was_put_into_the_window(
    display: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tkinter = pytest.importorskip("tkinter")
    monkeypatch.setenv("DISPLAY", display)
    picture = np.full((360, 640, 3), _LIME, np.uint8)
    with open_window("door") as window:
        window.put(picture)
        assert window.poll() is None
        assert window.show(picture) is None
        screen = np.asarray(ImageGrab.grab(xdisplay=display).convert("RGB"))
        window.put(_GREY)
        root = tkinter._get_default_root()  # no other way to a key
        root.focus_force()
        root.event_generate("<Escape>")
        assert window.poll() is Key.END
    assert _pixels(screen, _LIME) == 360 * 640


@pytest.mark.program("Xvfb")
def test_a_video_is_watched_to_its_end_when_it_has_a_window(
    run_app: RunApp, display: str, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "door.mp4", iter([_GREY] * 3), 100)
    done = run_app("watch", path, "--window", "--min-face-px", "48", DISPLAY=display)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_a_sentence_is_told_when_there_is_no_display_or_no_network_here(
    run_app: RunApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(CameraError), open_window("door"):
        pass
    path = write_video(tmp_path / "door.mp4", iter([_GREY] * 3), 100)
    refused = run_app("watch", path, "--window", DISPLAY="")
    assert refused.returncode == 1
    assert "display" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert run_app("watch", path, "--window", "--url", "http://127.0.0.1:1").returncode == 2
