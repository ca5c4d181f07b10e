"""Where the faces are in a picture: two networks behind one protocol.

YuNet is the fast one, CenterFace the one that is always available (docs/decisions/0003).
Coordinates are px of the given image with (0, 0) in the centre of its first pixel.
"""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore
from typing import Protocol

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray

from app.vision import yunet_graph
from app.vision.detector_choice import DetectorName, choose_detector
from app.vision.image import Image
from app.vision.model_files import YUNET, checked, fetch
from app.vision.onnx_session import give_back_memory, open_session

# Two boxes that overlap more than this (intersection over union) are one face. A box that lies in
# a larger one with more than the second share of itself is a part of that face.
SAME_FACE_OVERLAP = 0.3
_PART_OF_FACE_OVERLAP = 0.7
# At most this many detections of one picture are looked at, best first: noise at a low score could
# make any number of them.
_MAX_DETECTIONS = 1000
_CORES = os.cpu_count() or 1


Rectangle = tuple[float, float, float, float]
"""x, y (left upper corner), width, height in px."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One detection.

    Attributes:
        box: x, y (left upper corner), width, height in px; may reach out of the image.
        landmarks: (5, 2) float32, x and y in px: left eye, right eye, nose, left and right mouth
            corner, where left is the left side of the image.
        score: How sure the detector is, 0..1; the two detectors' scales differ.
    """

    box: Rectangle
    landmarks: NDArray[np.float32]
    score: float


class Detector(Protocol):
    """What finds faces in a picture as it is, without enlarging it. Safe to call from threads.

    Attributes:
        full_score: From this score on a detection is a face.
        likely_score: From this score on it may well be one.
        candidate_score: From this score on it deserves another look, at a comfortable size.
    """

    full_score: float
    likely_score: float
    candidate_score: float

    def detect(self, image: Image, min_score: float) -> list[Face]:
        """All faces in (height, width, 3) RGB with at least this score, best first."""

    def give_back_memory(self) -> None:
        """Returns to the system what is kept for the next calls, which take longer once."""


def overlap(first: Face, second: Face) -> bool:
    """Whether two detections are one face."""
    shared = shared_area(first.box, second.box)
    areas = (math.prod(face.box[2:]) for face in (first, second))
    return shared > SAME_FACE_OVERLAP * (sum(areas) - shared)


def distinct(faces: Sequence[Face], *, whole: bool = False) -> list[Face]:
    """The first of faces that overlap, in the same order.

    Args:
        faces: Best first.
        whole: Whether a part of a face and the whole count as one, too.
    """
    kept = [faces[index] for index in _distinct_boxes([face.box for face in faces])]
    if not whole:
        return kept
    of_own: list[Face] = []
    for face in kept:
        if all(_shared_part(face, other) <= _PART_OF_FACE_OVERLAP for other in of_own):
            of_own.append(face)
    return of_own


def _distinct_boxes(boxes: Sequence[Sequence[float]]) -> list[int]:
    """The first of boxes that overlap."""
    if len(boxes) < 2:  # noqa: PLR2004 - nothing to compare
        return list(range(len(boxes)))
    ranks = range(len(boxes), 0, -1)
    return [int(index) for index in cv2.dnn.NMSBoxes(boxes, ranks, 0, SAME_FACE_OVERLAP)]


def _shared_part(first: Face, second: Face) -> float:
    """How much of the smaller box lies in the other one."""
    smaller = min(math.prod(face.box[2:]) for face in (first, second))
    return shared_area(first.box, second.box) / smaller if smaller else 1.0


def shared_area(first: Rectangle, second: Rectangle) -> float:
    """How many px two rectangles have in common."""
    (x, y, width, height), (u, v, other_width, other_height) = first, second
    right, bottom = min(x + width, u + other_width), min(y + height, v + other_height)
    return max(0.0, right - max(x, u)) * max(0.0, bottom - max(y, v))


def mean_face(faces: Sequence[Face], score: float) -> Face:
    """The mean of one face that was seen several times, with the given score."""
    x, y, width, height = np.mean([face.box for face in faces], axis=0).tolist()
    landmarks = np.mean([face.landmarks for face in faces], axis=0)
    return Face((x, y, width, height), np.asarray(landmarks, dtype=np.float32), score)


def best_first(faces: Iterable[Face]) -> list[Face]:
    """Sorted by falling score."""
    return sorted(faces, key=lambda face: -face.score)


class YuNetDetector:
    """YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023) by onnxruntime.

    For every cell of 8, 16 and 32 px it says: is a face here (the geometric mean of a class score
    and an overlap score), its box, and its landmarks.

    Args:
        path: `face_detection_yunet_2023mar.onnx`.
        threads: Threads within one call.
        at_once: See load_detector.
    """

    full_score = 0.6
    likely_score = 0.25
    candidate_score = 0.05

    def __init__(self, path: Path, threads: int = 1, at_once: int = _CORES) -> None:
        self._session = open_session(yunet_graph.of_any_size(path), threads)
        self._turns = BoundedSemaphore(at_once)

    def detect(self, image: Image, min_score: float) -> list[Face]:
        """See Detector."""
        with self._turns:
            # Trained on BGR.
            padded = _padded(image, yunet_graph.STRIDES_PX[-1], channels=(2, 1, 0))
            outputs = self._session.run(yunet_graph.OUTPUTS, {"input": padded})
        seen = []
        for index, stride in enumerate(yunet_graph.STRIDES_PX):
            (score,), (place,) = outputs[2 * index : 2 * index + 2]
            rows, columns = np.nonzero(score >= min_score)
            if not rows.size:  # as on most maps of small pictures
                continue
            cells = np.stack([columns, rows], axis=1)
            there = place[:, rows, columns].T
            # Its coordinates have (0, 0) in the corner of the first pixel, not in its centre; to
            # OpenCV, whose answers these are, that is the same, and so it was measured.
            sizes = np.exp(there[:, 2:4]) * stride
            corners = (cells + there[:, :2]) * stride - sizes / 2
            landmarks = (there[:, 4:].reshape(-1, 5, 2) + cells[:, None]) * stride
            seen.append((corners, sizes, landmarks, score[rows, columns]))
        return _as_faces(*map(np.concatenate, zip(*seen, strict=True))) if seen else []

    def give_back_memory(self) -> None:
        """See Detector."""
        give_back_memory(self._session, yunet_graph.STRIDES_PX[-1])


class CenterFaceDetector:
    """CenterFace (Xu et al. 2019) by onnxruntime.

    A MobileNetV2 that says for every 4x4 px: is a face's centre here, how large is the face,
    where in the cell is the centre, and where in the box are the landmarks.

    Args:
        path: `centerface.onnx` as published.
        threads: Threads within one call.
        at_once: See load_detector.
    """

    full_score = 0.5
    likely_score = 0.25
    candidate_score = 0.1

    _STRIDE_PX = 4
    _SIDE_MULTIPLE_PX = 32

    def __init__(self, path: Path, threads: int = 1, at_once: int = _CORES) -> None:
        self._session = open_session(_centerface_of_any_size(path), threads)
        self._turns = BoundedSemaphore(at_once)

    def detect(self, image: Image, min_score: float) -> list[Face]:
        """See Detector."""
        with self._turns:
            padded = _padded(image, multiple=self._SIDE_MULTIPLE_PX)
            outputs = self._session.run(None, {"input.1": padded})
        heat, log_size, offset, landmarks = (output[0] for output in outputs)
        rows, columns = np.nonzero(heat[0] >= min_score)
        # In the three maps y comes before x; here (n, 2) arrays with x first.
        cells = np.stack([columns, rows], axis=1)
        sizes = np.exp(log_size[::-1, rows, columns].T) * self._STRIDE_PX
        centres = (cells + offset[::-1, rows, columns].T + 0.5) * self._STRIDE_PX - 0.5
        corners = centres - sizes / 2
        points = landmarks[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
        points = points * sizes[:, None] + corners[:, None]
        return _as_faces(corners, sizes, points, heat[0, rows, columns])

    def give_back_memory(self) -> None:
        """See Detector."""
        give_back_memory(self._session, self._SIDE_MULTIPLE_PX)


def _padded(
    image: Image, multiple: int, channels: Sequence[int] = (0, 1, 2)
) -> NDArray[np.float32]:
    """(1, 3, height, width) float32, 0..255; black to the right and below, for whole cells.

    Args:
        image: (height, width, 3) uint8.
        multiple: Height and width become multiples of it.
        channels: Of the image, in the order in which they are wanted.
    """
    height, width = image.shape[:2]
    padded = np.empty(
        (1, 3, -(-height // multiple) * multiple, -(-width // multiple) * multiple), np.float32
    )
    padded[:, :, height:] = 0
    padded[:, :, :, width:] = 0
    planes = cv2.split(image)  # three times as fast as numpy, which goes pixel by pixel
    for place, channel in enumerate(channels):
        padded[0, place, :height, :width] = planes[channel]
    return padded


def _as_faces(
    corners: NDArray[np.floating],
    sizes: NDArray[np.floating],
    landmarks: NDArray[np.floating],
    scores: NDArray[np.floating],
) -> list[Face]:
    """The faces that a network marks, best first, each once."""
    best = np.argsort(-scores, kind="stable")[:_MAX_DETECTIONS]
    boxes = np.concatenate([corners[best], sizes[best]], axis=1).tolist()
    points = landmarks[best].astype(np.float32)
    return [
        Face((x, y, width, height), points[index], float(scores[best[index]]))
        for index in _distinct_boxes(boxes)
        for x, y, width, height in [boxes[index]]
    ]


def _centerface_of_any_size(path: Path) -> bytes:
    """The published graph takes ten pictures of 32x32 px; this one takes any number and size.

    It also lists its weights as inputs, which keeps onnxruntime from folding them.
    """
    model = onnx.load(str(path))
    del model.graph.input[1:]
    for value in (*model.graph.input, *model.graph.output):
        batch, _, height, width = value.type.tensor_type.shape.dim
        batch.dim_param = "batch"
        height.dim_param, width.dim_param = f"{value.name}_height", f"{value.name}_width"
    return bytes(model.SerializeToString())


def load_detector(
    name: DetectorName,
    folder: Path,
    threads: int = 1,
    *,
    at_once: int = _CORES,
    offline: bool = False,
) -> Detector:
    """Make a detector from its file in `folder`, which is fetched if it is missing.

    Args:
        name: See choose_detector.
        folder: Where `app.vision.model_files` keeps the detectors' files.
        threads: Threads within one call.
        at_once: Calls at the same time; others wait. More than cores are no faster, and onnxruntime
            keeps what as many calls as ever have needed (docs/decisions/0022-soak.md).
        offline: Fetch nothing: the file must be there.

    Raises:
        ModelFileError: The file is missing, damaged, or could not be fetched.
    """
    model = choose_detector(name, folder, offline=offline)
    path = checked(model, folder) if offline else fetch(model, folder)
    detector = YuNetDetector if model is YUNET else CenterFaceDetector
    return detector(path, threads, at_once)
