"""Videos of people who pass a camera, made of photos, with a seed; anybody can make them.

A photo's face moves along a path at a given size: turned, scaled, moved by parts of a pixel, out of
focus and blurred by its own movement, in changing light, with noise; then H.264 takes its share.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from app.recognition.recognizer import Recognizer
from app.vision.alignment import ARCFACE_TEMPLATE, similarity_transform
from app.vision.image import Image, decode_image

SIZE = (640, 360)
"""Width and height of the frames in px."""

FRAMES_PER_S = 5
"""As many as a camera is asked for."""

# A cut-out has the crop of 112 px in its middle, and something of what lies around.
_CUT_PX = 168
_AROUND_PX = (_CUT_PX - 112) / 2
_FRAMES_OF_A_PHOTO = 4
_EXPOSURE_S = 0.02
# From straight ahead to the side and back; how much narrower it is there, and sheared.
_TURN_S = 4.0
_NARROWER, _SHEARED = 0.15, 0.1


@dataclass(frozen=True, slots=True, eq=False)
class CutOut:
    """A face without its surroundings: (168, 168, 3) uint8, and how opaque, 0..1."""

    pixels: Image
    alpha: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """Somebody passes.

    Attributes:
        person: Who.
        faces: Cut-outs of them; the next one every four frames.
        face_px: Source px under the side of the aligned crop.
        path: (seconds, x, y) in px, by time: where the middle of the face is; straight in between.
            Nobody is there before the first or after the last.
        is_picture: A picture on a wall: nothing about it changes.
        is_turning: The head slowly turns aside and back: its picture is narrower, and sheared.
    """

    person: str
    faces: Sequence[CutOut]
    face_px: float
    path: Sequence[tuple[float, float, float]]
    is_picture: bool = False
    is_turning: bool = False

    def at(self, at_s: float) -> NDArray[np.float64] | None:
        """Where the face is then."""
        times, x, y = np.array(self.path, np.float64).T
        if not times[0] <= at_s <= times[-1]:
            return None
        return np.array([np.interp(at_s, times, x), np.interp(at_s, times, y)])


def cut_out(recognizer: Recognizer, photo: bytes) -> CutOut | None:
    """The largest face of a photo; None where there is none."""
    faces = recognizer.find(photo, max_faces=1).faces
    if not faces:
        return None
    matrix = similarity_transform(faces[0].face.landmarks, ARCFACE_TEMPLATE + _AROUND_PX)
    image = decode_image(photo)
    shrink = float(np.hypot(matrix[0, 0], matrix[0, 1]))
    if shrink < 1:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / shrink), np.uint8)
    side = (_CUT_PX, _CUT_PX)
    pixels = cv2.warpAffine(image, matrix, side, borderMode=cv2.BORDER_REPLICATE)
    y, x = np.mgrid[:_CUT_PX, :_CUT_PX]
    away = np.hypot((x - _CUT_PX / 2) / 56, (y - _CUT_PX / 2 + 2) / 72)
    alpha = np.clip((1.1 - away) / 0.15, 0, 1).astype(np.float32)
    return CutOut(np.asarray(pixels, np.uint8), alpha)


def frames(visits: Sequence[Visit], seconds: float, seed: int) -> Iterator[Image]:
    """The frames before they are encoded, (360, 640, 3) uint8 RGB; later visits are in front."""
    rng = np.random.default_rng(seed)
    width, height = SIZE
    hills = cv2.resize(rng.uniform(70, 170, (9, 16, 3)).astype(np.float32), SIZE)
    wall = hills + rng.normal(0, 6, (height, width, 3)).astype(np.float32)
    for number in range(round(seconds * FRAMES_PER_S)):
        at_s = number / FRAMES_PER_S
        picture = np.asarray(wall, np.float32).copy()
        for visit in visits:
            place = visit.at(at_s)
            if place is not None:
                _draw(picture, visit, place, number, at_s, rng)
        light = rng.uniform(0.95, 1.05)
        noise = rng.normal(0, 3, picture.shape)
        yield np.asarray((picture * light + noise).clip(0, 255), np.uint8)


def write_video(path: Path, pictures: Iterator[Image], kbit_per_s: int) -> Path:
    """Encodes frames with H.264 at about this rate."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_S, options={"preset": "veryfast"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = kbit_per_s * 1000
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def read_video(path: Path) -> Iterator[Image]:
    """The frames again."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _draw(
    picture: NDArray[np.float32],
    visit: Visit,
    place: NDArray[np.float64],
    number: int,
    at_s: float,
    rng: np.random.Generator,
) -> None:
    face = visit.faces[number // _FRAMES_OF_A_PHOTO % len(visit.faces)]
    turn, size, blur_px = 0.0, visit.face_px / 112, 0.4
    blurred_by = np.zeros(2)
    if visit.is_picture:
        face = visit.faces[0]
    else:
        turn = np.deg2rad(rng.uniform(-8, 8))
        size *= rng.uniform(0.93, 1.07)
        blur_px = rng.uniform(0.25, 0.9) * max(1.0, visit.face_px / 32)
        before = visit.at(at_s - 1 / FRAMES_PER_S)
        if before is not None:
            blurred_by = (place - before) * FRAMES_PER_S * _EXPOSURE_S
        place = place + rng.uniform(-0.5, 0.5, 2)
    cos, sin = size * np.cos(turn), size * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    if visit.is_turning:
        aside = np.sin(2 * np.pi * at_s / _TURN_S)
        linear = linear @ np.array([[1 - _NARROWER * abs(aside), 0], [_SHEARED * aside, 1]])
    matrix = np.column_stack([linear, place - linear @ np.full(2, (_CUT_PX - 1) / 2)])
    soft = cv2.GaussianBlur(face.pixels, (0, 0), max(0.4 / size, 0.01)).astype(np.float32)
    layer = cv2.warpAffine(soft, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(face.alpha, matrix, SIZE)
    side = round(_CUT_PX * size)
    left, top = (np.clip(place - side, 0, SIZE)).astype(int)
    right, bottom = (np.clip(place + side, 0, SIZE)).astype(int)
    if right <= left or bottom <= top:
        return
    part = (slice(top, bottom), slice(left, right))
    layer, alpha = layer[part], alpha[part][..., None]
    seen = picture[part] * (1 - alpha) + layer * alpha
    seen = cv2.GaussianBlur(seen, (0, 0), blur_px)
    length = round(float(np.linalg.norm(blurred_by)))
    if length > 1:
        kernel = np.zeros((2 * length + 1,) * 2, np.float32)
        end = np.round(blurred_by / 2).astype(int)
        cv2.line(kernel, tuple(length - end), tuple(length + end), 1.0)
        seen = cv2.filter2D(seen, -1, kernel / kernel.sum())
    picture[part] = seen
