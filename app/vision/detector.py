"""Where the faces are in a picture: two networks behind one protocol.

YuNet is the fast one, CenterFace the one that can be had from PyPI (docs/decisions/0003).
Coordinates are px of the given image with (0, 0) in the centre of its first pixel.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from app.vision.detector_choice import DetectorName, choose_detector
from app.vision.image import Image
from app.vision.model_files import YUNET, checked, fetch

# Two boxes that overlap more than this (intersection over union) are one face.
SAME_FACE_OVERLAP = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One detection.

    Attributes:
        box: x, y (left upper corner), width, height in px; may reach out of the image.
        landmarks: (5, 2) float32, x and y in px: left eye, right eye, nose, left and right mouth
            corner, where left is the left side of the image.
        score: How sure the detector is, 0..1; the two detectors' scales differ.
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float


class Detector(Protocol):
    """What finds faces in a picture as it is, without enlarging it. Safe to call from threads."""

    def detect(self, image: Image) -> list[Face]:
        """All faces in (height, width, 3) RGB, best score first."""


def distinct(faces: Sequence[Face]) -> list[Face]:
    """Of faces that overlap, the first; the order stays."""
    corners = np.array([face.box for face in faces], dtype=np.float64).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    areas = np.prod(corners[:, 2:] - corners[:, :2], axis=1)
    kept: list[int] = []
    for i, box in enumerate(corners):
        shared = np.minimum(corners[kept, 2:], box[2:]) - np.maximum(corners[kept, :2], box[:2])
        intersection = np.prod(shared.clip(min=0), axis=1)
        union = areas[kept] + areas[i] - intersection
        if (intersection <= SAME_FACE_OVERLAP * union).all():
            kept.append(i)
    return [faces[i] for i in kept]


def best_first(faces: Iterable[Face]) -> list[Face]:
    """By falling score."""
    return sorted(faces, key=lambda face: -face.score)


class YuNetDetector:
    """YuNet (Wu et al. 2023) through OpenCV.

    Args:
        path: `face_detection_yunet_2023mar.onnx`.
        min_score: Detections below are dropped.
    """

    def __init__(self, path: Path, min_score: float = 0.6) -> None:
        self._network = cv2.FaceDetectorYN.create(
            str(path), "", (320, 320), min_score, SAME_FACE_OVERLAP
        )
        # The network keeps the picture's size and its buffers between calls.
        self._lock = threading.Lock()

    def detect(self, image: Image) -> list[Face]:
        """See Detector."""
        height, width = image.shape[:2]
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        with self._lock:
            self._network.setInputSize((width, height))
            _, rows = self._network.detect(bgr)
        if rows is None:
            return []
        # A row: box (4), landmarks (10), score. Its "right eye", first, is the image's left one.
        faces = [
            Face(
                box=(float(row[0]), float(row[1]), float(row[2]), float(row[3])),
                landmarks=np.array(row[4:14], dtype=np.float32).reshape(5, 2),
                score=float(row[14]),
            )
            for row in rows
        ]
        return best_first(faces)


class CenterFaceDetector:
    """CenterFace (Xu et al. 2019) through onnxruntime.

    A MobileNetV2 that tells for every 4x4 px: is a face's centre here, how large is the face,
    where in the cell is the centre, and where in the box are the landmarks.

    Args:
        path: `centerface.onnx` as published.
        min_score: Detections below are dropped.
        threads: Threads within one call.
    """

    _STRIDE_PX = 4
    _SIDE_MULTIPLE_PX = 32

    def __init__(self, path: Path, min_score: float = 0.5, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Plans for buffers are kept per input size, and every photo has its own.
        options.enable_mem_pattern = False
        options.log_severity_level = 3  # errors; the file's unused weights are not worth a warning
        self._session = onnxruntime.InferenceSession(
            _with_free_input_size(path), options, providers=["CPUExecutionProvider"]
        )
        self._min_score = min_score

    def detect(self, image: Image) -> list[Face]:
        """See Detector."""
        height, width = image.shape[:2]
        multiple = self._SIDE_MULTIPLE_PX
        padded = np.zeros(
            (1, 3, -(-height // multiple) * multiple, -(-width // multiple) * multiple), np.float32
        )
        padded[0, :, :height, :width] = image.transpose(2, 0, 1)
        heat, log_size, offset, landmarks = (
            output[0] for output in self._session.run(None, {"input.1": padded})
        )
        rows, columns = np.nonzero(heat[0] >= self._min_score)
        # In the three maps y comes before x; here (n, 2) arrays with x first.
        cells = np.stack([columns, rows], axis=1)
        sizes = np.exp(log_size[::-1, rows, columns].T) * self._STRIDE_PX
        centres = (cells + offset[::-1, rows, columns].T + 0.5) * self._STRIDE_PX - 0.5
        corners = centres - sizes / 2
        points = landmarks[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
        points = (points * sizes[:, None] + corners[:, None]).astype(np.float32)
        scores = heat[0, rows, columns]
        faces = [
            Face((float(x), float(y), float(width), float(height)), five, float(score))
            for (x, y), (width, height), five, score in zip(
                corners, sizes, points, scores, strict=True
            )
        ]
        return distinct(best_first(faces))


def _with_free_input_size(path: Path) -> bytes:
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
    name: DetectorName, folder: Path, threads: int = 1, *, offline: bool = False
) -> Detector:
    """Make a detector from its file in `folder`, which is fetched when it is not there.

    Args:
        name: See choose_detector.
        folder: Where `app.vision.model_files` keeps the detectors' files.
        threads: Threads within one call of CenterFace. YuNet follows OpenCV's own number
            (`cv2.setNumThreads`), which belongs to the whole process.
        offline: Fetch nothing: the file must be there.

    Raises:
        ModelFileError: The file is missing, damaged, or could not be fetched.
    """
    model = choose_detector(name, folder, offline=offline)
    path = checked(model, folder) if offline else fetch(model, folder)
    return YuNetDetector(path) if model is YUNET else CenterFaceDetector(path, threads=threads)
