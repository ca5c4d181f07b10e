"""Pictures from the first camera, or from a video file instead."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.errors import FarsightError
from app.vision.image import Image

_USUAL_FRAMES_PER_S = 25.0


class CameraError(FarsightError):
    """No camera, no video file that can be read, or no display to look at either."""

    code = "camera_unavailable"
    title = "The camera cannot be used"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture and when it was taken.

    Attributes:
        image: (height, width, 3) uint8 RGB.
        at_s: Seconds since the first frame; of a video file, its own time.
    """

    image: Image
    at_s: float


@contextmanager
def open_camera(video: Path | None) -> Iterator[Iterator[Frame]]:
    """All frames, to the end of the file, or forever.

    Args:
        video: A file instead of the camera.

    Raises:
        CameraError: There is no camera, or the file is no video.
    """
    # OpenCV would print messages of its own beside ours.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(0) if video is None else cv2.VideoCapture(str(video))
    try:
        if not capture.isOpened():
            raise _no_pictures(video)
        yield _frames(capture, video)
    finally:
        capture.release()


def _frames(capture: cv2.VideoCapture, video: Path | None) -> Iterator[Frame]:
    frames_per_s = capture.get(cv2.CAP_PROP_FPS) or _USUAL_FRAMES_PER_S
    start_s = time.monotonic()
    for count in itertools.count():
        there_is_one, picture = capture.read()
        if not there_is_one:
            if count == 0:
                raise _no_pictures(video)
            return
        at_s = time.monotonic() - start_s if video is None else count / frames_per_s
        yield Frame(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8), at_s)


def _no_pictures(video: Path | None) -> CameraError:
    if video is not None:
        return CameraError(f"{video} is not a readable video.")
    return CameraError(
        "There is no camera, or another program uses it. A video file can take its place: "
        "--webcam FILE."
    )
