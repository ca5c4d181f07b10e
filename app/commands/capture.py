"""Photos of one person from a camera, with advice by the rules that registration judges by."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from app.commands.annotate import draw_frame
from app.commands.camera import CameraError, Frame, open_camera
from app.commands.window import Key, Window, open_window
from app.recognition.recognizer import open_detector
from app.settings import Settings, overridden
from app.vision.aligned_faces import usable_crop
from app.vision.detection import (
    DEFAULT_POLICY,
    DetectionPolicy,
    find_faces,
    search_scale,
)
from app.vision.detector import Detector, Face
from app.vision.image import Image
from app.vision.png import encode_png
from app.vision.quality import REGISTRATION_LIMITS, QualityLimits, Rejection
from farsight_client import NamedPhoto

# Frames closer to each other add nothing to a template.
_BETWEEN_CAPTURES_S = 0.5

_ADVICE = {
    Rejection.NO_FACE: "No face in view",
    Rejection.MULTIPLE_FACES: "One person only, please",
    Rejection.FACE_TOO_SMALL: "Move closer",
    Rejection.TOO_DARK: "Too dark: put more light on the face",
    Rejection.TOO_BRIGHT: "Too bright: take light off the face",
    Rejection.EXTREME_POSE: "Turn to the camera",
    Rejection.TOO_BLURRY: "Too blurred: hold still",
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What registration would say of a frame; `reason` is None when it is good."""

    faces: list[Face]
    reason: Rejection | None

    @property
    def text(self) -> str:
        """For the person before the camera."""
        return _ADVICE[self.reason] if self.reason else "Good: SPACE captures"


class Advisor:
    """Judges frames.

    Args:
        detector: Finds faces.
        policy: How small faces may be.
        limits: Of registration.
    """

    def __init__(self, detector: Detector, policy: DetectionPolicy, limits: QualityLimits) -> None:
        self._detector = detector
        self._policy = policy
        self._limits = limits

    def advise(self, image: Image) -> Advice:
        """Looks at one frame, (height, width, 3) uint8 RGB."""
        height, width = image.shape[:2]
        scale = search_scale(width, height, self._policy)
        faces = find_faces(self._detector, image, scale).faces
        found = usable_crop(image, faces, self._limits)
        return Advice(faces, found if isinstance(found, Rejection) else None)


def take_captures(settings: Settings, video: Path | None, count: int) -> list[NamedPhoto]:
    """Takes photos that registration would accept, until there are enough or ESC is pressed.

    Args:
        settings: Detector and limits.
        video: A file in place of the camera. Where there is no display it is not shown, and every
            good frame is captured that is half a second after the last one.
        count: How many.

    Returns:
        PNG files, at most `count`.

    Raises:
        CameraError: No camera, no video, a camera and no display, or nothing was captured.
    """
    advisor = Advisor(
        open_detector(settings),
        # Faces slightly too small are told to move closer; looking for far smaller
        # ones would cost frames.
        replace(
            overridden(DEFAULT_POLICY, "detection", settings.detection),
            min_face_px=REGISTRATION_LIMITS.min_face_px,
        ),
        overridden(REGISTRATION_LIMITS, "quality", settings.quality),
    )
    with ExitStack() as opened:
        window = open_preview(opened, video)
        frames = opened.enter_context(open_camera(video))
        if window is None:
            captured = _capture_unseen(frames, advisor, count)
        else:
            captured = _capture_shown(frames, advisor, count, window)
    if not captured:
        raise CameraError(
            "No frame was good enough to register, or SPACE was not pressed while one was."
        )
    # Without loss: what was judged good must be what is registered.
    return [
        (f"capture-{number}.png", encode_png(image)) for number, image in enumerate(captured, 1)
    ]


def open_preview(opened: ExitStack, video: Path | None) -> Window | None:
    """The window; None where a video file must do without a display.

    Raises:
        CameraError: A camera and no display.
    """
    try:
        return opened.enter_context(open_window("Farsight"))
    except CameraError as error:
        if video is None:
            raise
        sys.stderr.write(f"{error.detail} So there is no window.\n")
        return None


def _capture_unseen(frames: Iterator[Frame], advisor: Advisor, count: int) -> list[Image]:
    captured: list[Image] = []
    not_before_s = 0.0
    for frame in frames:
        if frame.at_s >= not_before_s and advisor.advise(frame.image).reason is None:
            captured.append(frame.image)
            not_before_s = frame.at_s + _BETWEEN_CAPTURES_S
            if len(captured) == count:
                break
    return captured


def _capture_shown(
    frames: Iterator[Frame], advisor: Advisor, count: int, window: Window
) -> list[Image]:
    captured: list[Image] = []
    for frame in frames:
        advice = advisor.advise(frame.image)
        text = f"{advice.text}   ({len(captured)} of {count}, ESC ends)"
        colour = "lime" if advice.reason is None else "orange"
        key = window.show(
            draw_frame(frame.image, text, [face.box for face in advice.faces], colour)
        )
        if key is Key.CAPTURE and advice.reason is None:
            captured.append(frame.image)
        if key is Key.END or len(captured) == count:
            break
    return captured
