"""dlib's face recognition with its usual settings: `python -m benchmarks.peer_dlib --port N`.

Runs in its own environment, without Farsight; `make bench` creates it.
"""

import argparse

import dlib
import face_recognition_models as files
import numpy as np
from numpy.typing import NDArray

from benchmarks.peer_server import Box, Embedding, serve

_UPSAMPLED = 1
_SAME_PERSON = 0.6
"""Distance; both are the defaults of the package face_recognition."""


class Dlib:
    """HOG detector, five landmarks, ResNet embedding of 128 numbers."""

    def __init__(self) -> None:
        self._detect = dlib.get_frontal_face_detector()
        self._landmarks = dlib.shape_predictor(files.pose_predictor_five_point_model_location())
        self._embed = dlib.face_recognition_model_v1(files.face_recognition_model_location())

    def faces(self, photo: NDArray[np.uint8]) -> list[tuple[Box, Embedding]]:
        """See Peer."""
        found = []
        for place in self._detect(photo, _UPSAMPLED):
            vector = self._embed.compute_face_descriptor(photo, self._landmarks(photo, place))
            box = (place.left(), place.top(), place.width(), place.height())
            found.append((box, np.array(vector)))
        return found

    def nearest(self, embedding: Embedding, known: Embedding) -> int | None:
        """See Peer."""
        distances = np.linalg.norm(known - embedding, axis=1)
        row = int(distances.argmin())
        return row if distances[row] <= _SAME_PERSON else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    serve(Dlib(), parser.parse_args().port)
