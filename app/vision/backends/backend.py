"""What runs a bundle's networks, and the choice between the two."""

from typing import Protocol

from app.vision.backends.by_onnxruntime import OnnxBackend
from app.vision.bundle import Bundle
from app.vision.device import Device
from app.vision.scaling import Floats


class Backend(Protocol):
    """The networks of a bundle at work; several threads may call at once.

    Attributes:
        max_batch: More crops at a time than this are no faster per crop.
    """

    max_batch: int

    def embed(self, crops: Floats, face_px: Floats | None = None) -> Floats:
        """EdgeFace, after DSR where sizes are given.

        Args:
            crops: (n, 3, 112, 112) RGB in [-1, 1].
            face_px: (n,) source pixels under each crop's side. None: the direct route.

        Returns:
            (n, 512), not of unit length.

        Raises:
            BundleError: The network does not run.
        """
        ...

    def restore(self, crops: Floats, face_px: Floats) -> Floats:
        """DSR alone; only for a bundle that has it.

        Returns:
            (n, 3, 112, 112) RGB, about [-1, 1].

        Raises:
            BundleError: The network does not run.
        """
        ...


def open_backend(bundle: Bundle, device: Device, threads: int = 1) -> Backend:
    """Puts a bundle's networks to work: by onnxruntime on a CPU, by torch everywhere else.

    Args:
        bundle: Without ONNX files torch runs it on a CPU too.
        device: Where they run.
        threads: Threads within one call of onnxruntime; torch has one number for the process.

    Raises:
        BundleError: An ONNX file is not one of these networks; or torch is to run weights that do
            not fit them.
    """
    if bundle.onnx is not None and device == "cpu":
        return OnnxBackend(bundle.onnx.edgeface, bundle.onnx.dsr, threads)
    # Where onnxruntime serves, torch costs neither time nor memory.
    from app.vision.backends.by_torch import TorchBackend  # noqa: PLC0415 - torch takes seconds
    from app.vision.torch_networks import build_networks  # noqa: PLC0415 - torch takes seconds

    return TorchBackend(*build_networks(bundle), device)
