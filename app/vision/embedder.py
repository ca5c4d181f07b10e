"""From crops to embeddings: routing by size, DSR, EdgeFace, unit length (design, section 2)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from app.vision.alignment import Crop
from app.vision.bundle import Bundle

Route = Literal["direct", "dsr"]
# A CPU is fastest with 4 to 16 faces at a time (per face: 5.9 ms alone, 3.7 by 4 or 8, 4.1 by 16,
# 4.6 by 64; one thread), a GPU with many.
MAX_BATCH_CPU = 16
MAX_BATCH_GPU = 64


class Embedder:
    """The networks of one bundle on one device, as one function from crops to embeddings.

    The service, the Python API and the trainer's evaluation all go through here, so that a figure
    measured by one holds for the others.

    Args:
        bundle: Its networks are moved to the device.
        device: Where they run.
    """

    def __init__(self, bundle: Bundle, device: torch.device) -> None:
        self.bundle = bundle
        self.device = device
        self.max_batch = MAX_BATCH_CPU if device.type == "cpu" else MAX_BATCH_GPU
        # Convolutions over channels-last maps are three times faster on a CPU; torch's stub of
        # `to` lacks the argument.
        self._edgeface = bundle.edgeface.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._dsr = bundle.dsr and bundle.dsr.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def route(self, face_px: float) -> Route:
        """Which way a face of this size takes."""
        small = face_px < self.bundle.manifest.routing.dsr_below_px
        return "dsr" if self._dsr is not None and small else "direct"

    @torch.inference_mode()
    def embed(self, crops: Sequence[Crop]) -> tuple[NDArray[np.float32], list[Route]]:
        """Embeds any number of crops.

        Returns:
            (n, 512) float32 of unit length, and the route that each crop took.
        """
        routes = [self.route(crop.face_px) for crop in crops]
        embeddings = np.empty((len(crops), 512), dtype=np.float32)
        for route in ("direct", "dsr"):
            members = [index for index, taken in enumerate(routes) if taken == route]
            for start in range(0, len(members), self.max_batch):
                batch = members[start : start + self.max_batch]
                pixels = self._input([crops[index] for index in batch])
                if route == "dsr":
                    pixels = self._restore(pixels, [crops[index] for index in batch])
                raw = self._edgeface(pixels)
                embeddings[batch] = F.normalize(raw.float()).cpu().numpy()
        return embeddings, routes

    @torch.inference_mode()
    def upscale(self, crop: Crop) -> NDArray[np.uint8]:
        """What DSR makes of a crop, whatever route its size would take.

        Returns:
            (112, 112, 3) uint8 RGB; the crop itself where the bundle has no DSR.
        """
        if self._dsr is None:
            return crop.pixels
        restored = self._restore(self._input([crop]), [crop])[0].permute(1, 2, 0)
        return ((restored + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy()

    def _input(self, crops: Sequence[Crop]) -> Tensor:
        pixels = torch.from_numpy(np.stack([crop.pixels for crop in crops])).to(self.device)
        # NHWC bytes seen as NCHW are channels-last already.
        return (pixels.permute(0, 3, 1, 2).float() - 127.5) / 127.5

    def _restore(self, pixels: Tensor, crops: Sequence[Crop]) -> Tensor:
        assert self._dsr is not None
        face_px = torch.tensor([crop.face_px for crop in crops], device=self.device)
        restored: Tensor = self._dsr(pixels, face_px)
        return restored
