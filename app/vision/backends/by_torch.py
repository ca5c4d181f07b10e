"""A bundle's networks in torch: on a GPU, and on the CPU if there are no ONNX files."""

import torch
from torch import Tensor

from app.vision.device import Device
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from app.vision.scaling import Floats

# A CPU is fastest with 4 to 16 faces at a time, a GPU with many.
_MAX_BATCH_CPU = 8
_MAX_BATCH_GPU = 64


class TorchBackend:
    """See Backend.

    Args:
        edgeface: Moved to the device.
        dsr: Likewise.
        device: Where they run.
    """

    def __init__(self, edgeface: EdgeFace, dsr: DSR | None, device: Device) -> None:
        self.max_batch = _MAX_BATCH_CPU if device == "cpu" else _MAX_BATCH_GPU
        self._device = device
        # Convolutions over channels-last maps are three times faster on a CPU; torch's stub of
        # `to` lacks the argument.
        self._edgeface = edgeface.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own stubs
        self._dsr = dsr and dsr.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own stubs

    @torch.inference_mode()
    def embed(self, crops: Floats, face_px: Floats | None = None) -> Floats:
        """See Backend."""
        pixels = torch.from_numpy(crops).to(self._device)
        if face_px is not None:
            pixels = self._restored(pixels, face_px)
        return _to_numpy(self._edgeface(pixels))

    @torch.inference_mode()
    def restore(self, crops: Floats, face_px: Floats) -> Floats:
        """See Backend."""
        return _to_numpy(self._restored(torch.from_numpy(crops).to(self._device), face_px))

    def _restored(self, pixels: Tensor, face_px: Floats) -> Tensor:
        assert self._dsr is not None
        restored: Tensor = self._dsr(pixels, torch.from_numpy(face_px).to(self._device))
        return restored


def _to_numpy(output: Tensor) -> Floats:
    array: Floats = output.float().cpu().numpy()
    return array
