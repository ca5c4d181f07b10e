"""From crops to embeddings: routing by size, DSR, EdgeFace, unit length."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.vision.alignment import Crop
from app.vision.backends.backend import open_backend
from app.vision.bundle import Bundle
from app.vision.cohort import read_cohort
from app.vision.device import Device
from app.vision.dimensions import EMBEDDING_SIZE
from app.vision.scaling import Floats, to_input, to_pixels

Route = Literal["direct", "dsr"]
# Chosen on people in none of our folders (docs/decisions/0040).
_SMALL_SHARE = 0.3
# A zero vector stays zero: it is not an embedding, and the self-test says so.
_MIN_LENGTH = 1e-12


class Embedder:
    """The networks of one bundle on one device, as one function from crops to embeddings.

    The service, the Python API and the trainer's evaluation all go through here, so that a figure
    measured by one holds for the others. Several threads may call at once.

    Args:
        bundle: Its ONNX files are run if there are any and the device is a CPU, else its
            networks in torch, which are moved to the device.
        device: Where they run.
        threads: Threads within one call of onnxruntime.

    Raises:
        BundleError: See open_backend and read_cohort.

    Attributes:
        bundle: As given.
        device: As given.
        max_batch: See Backend.
        cohort: The bundle's; None if it has none.
    """

    def __init__(self, bundle: Bundle, device: Device, threads: int = 1) -> None:
        self.bundle = bundle
        self.device = device
        self._backend = open_backend(bundle, device, threads)
        self.max_batch = self._backend.max_batch
        strangers = bundle.manifest.cohort
        self.cohort = None if strangers is None else read_cohort(bundle.files[strangers.means.name])

    def route(self, face_px: float) -> Route:
        """Which way a face of this size takes."""
        small = face_px < self.bundle.manifest.routing.dsr_below_px
        return "dsr" if self.bundle.has_dsr and small else "direct"

    def embed(self, crops: Sequence[Crop]) -> tuple[NDArray[np.float32], list[Route]]:
        """Embeds any number of crops.

        Returns:
            (n, 512) float32 of unit length, and the route that each crop took.
        """
        routes = [self.route(crop.face_px) for crop in crops]
        embeddings = np.empty((len(crops), EMBEDDING_SIZE), dtype=np.float32)
        for route in ("direct", "dsr"):
            members = [index for index, taken in enumerate(routes) if taken == route]
            for start in range(0, len(members), self.max_batch):
                batch = members[start : start + self.max_batch]
                pixels, face_px = _inputs([crops[index] for index in batch])
                raw = self._backend.embed(pixels, face_px if route == "dsr" else None)
                lengths = np.linalg.norm(raw, axis=1, keepdims=True)
                embeddings[batch] = raw / np.maximum(lengths, _MIN_LENGTH)
        return embeddings, routes

    def upscale(self, crop: Crop) -> NDArray[np.uint8]:
        """What DSR makes of a crop, whatever route its size would take.

        Returns:
            (112, 112, 3) uint8 RGB; the crop itself where the bundle has no DSR.
        """
        if not self.bundle.has_dsr:
            return crop.pixels
        restored: NDArray[np.uint8] = to_pixels(self._backend.restore(*_inputs([crop])))[0]
        return restored


def _inputs(crops: Sequence[Crop]) -> tuple[Floats, Floats]:
    """Pixels and sizes of crops, as the networks take them."""
    pixels = to_input(np.stack([crop.pixels for crop in crops]))
    return pixels, np.array([crop.face_px for crop in crops], dtype=np.float32)


def mean_embedding(embeddings: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of (512,) embeddings, brought to unit length again."""
    mean = np.stack(list(embeddings)).mean(axis=0, dtype=np.float64)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def fused_template(
    template: NDArray[np.float32], small: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The template that probes of a small size are compared with.

    Args:
        template: (..., 512) the mean of a person's embeddings, of unit length.
        small: (..., 512) the same of the crops shrunk to that size.

    Returns:
        (..., 512) of unit length.
    """
    fused = (1 - _SMALL_SHARE) * template + _SMALL_SHARE * small
    return np.asarray(fused / np.linalg.norm(fused, axis=-1, keepdims=True), dtype=np.float32)
