"""Recognition as tutorials write it: `python -m benchmarks.peer_tutorial --port N`.

YuNet in OpenCV looks once at the photo as it is; EdgeFace runs in torch, face by face.
"""

import argparse
import threading

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from app.vision.alignment import align
from app.vision.model_files import YUNET, checked
from app.vision.published import read_published
from benchmarks.material import SHARED
from benchmarks.peer_server import Box, Embedding, serve

_MIN_SCORE = 0.6
_OVERLAP = 0.3
_SAME_PERSON = 0.35
"""Cosine."""


class Tutorial:
    """The published EdgeFace-XXS behind YuNet."""

    def __init__(self) -> None:
        path = checked(YUNET, SHARED / "weights")
        self._detector = cv2.FaceDetectorYN.create(str(path), "", (0, 0), _MIN_SCORE, _OVERLAP)
        self._lock = threading.Lock()  # it remembers the picture's size between two calls
        self._network = read_published(SHARED / "weights" / "edgeface_xxs_q.pt").eval()

    def faces(self, photo: NDArray[np.uint8]) -> list[tuple[Box, Embedding]]:
        """See Peer."""
        with self._lock:
            self._detector.setInputSize((photo.shape[1], photo.shape[0]))
            rows = self._detector.detect(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))[1]
        found: list[tuple[Box, Embedding]] = []
        for row in [] if rows is None else rows:
            x, y, width, height = (float(value) for value in row[:4])
            crop = align(photo, row[4:14].reshape(5, 2)).pixels
            pixels = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 127.5 - 1
            with torch.inference_mode():
                embedding = F.normalize(self._network(pixels))[0].numpy()
            found.append(((x, y, width, height), embedding))
        return found

    def nearest(self, embedding: Embedding, known: Embedding) -> int | None:
        """See Peer."""
        similarities = known @ embedding
        row = int(similarities.argmax())
        return row if similarities[row] >= _SAME_PERSON else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    serve(Tutorial(), parser.parse_args().port)
