"""What measurements share: photos, crops, embeddings, detectors. Run from the repository."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from app.vision.detector import CenterFaceDetector, Detector, YuNetDetector
from app.vision.image import Image, decode_image
from app.vision.model_files import CENTERFACE, YUNET, checked, fetch
from app.vision.published import read_published
from app.vision.scaling import to_input

SHARED = Path(os.environ.get("FARSIGHT_SHARED", "../shared"))

Vectors = NDArray[np.float32]


def read_images(folder: str, step: int = 1) -> tuple[list[Image], NDArray[np.int64]]:
    """Every `step`-th photo of a folder of people, and the number of its person."""
    paths = sorted((SHARED / folder).glob("*/*.jpg"))[::step]
    _, people = np.unique([path.parent.name for path in paths], return_inverse=True)
    return [decode_image(path.read_bytes()) for path in paths], people


def load_detectors() -> dict[str, Detector]:
    """Both, one thread each."""
    return {
        "yunet": YuNetDetector(checked(YUNET, SHARED / "weights")),
        "centerface": CenterFaceDetector(fetch(CENTERFACE, Path("data/detectors"))),
    }


class Embedder:
    """The published EdgeFace-XXS, without DSR: 112x112 RGB crops to unit vectors."""

    def __init__(self) -> None:
        network = read_published(SHARED / "weights" / "edgeface_xxs_q.pt").eval()
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it

    @torch.inference_mode()
    def __call__(self, crops: Sequence[NDArray[np.uint8]]) -> Vectors:
        """(n, 512) float32."""
        found = []
        for start in range(0, len(crops), 64):
            pixels = torch.from_numpy(to_input(np.stack(crops[start : start + 64])))
            found.append(F.normalize(self._network(pixels)).numpy())
        return np.concatenate(found)


def scaled(image: Image, factor: float) -> Image:
    """The picture `factor` times as large."""
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)


def limit_threads() -> None:
    """One thread everywhere: times are comparable, and other work can go on."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def show(line: str) -> None:
    """One line of a table, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
