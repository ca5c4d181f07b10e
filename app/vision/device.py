"""Where networks run."""

import ctypes
import sys
from pathlib import Path
from typing import Literal

from app.errors import DeviceError

Device = Literal["cpu", "cuda"]
DeviceName = Literal["auto", "cpu", "cuda"]

_ROCM = Path("/dev/kfd")


def choose_device(name: DeviceName) -> Device:
    """`auto`, `cpu` or `cuda` as a device.

    Raises:
        DeviceError: `cuda` without a GPU that this torch can use.
    """
    if name == "cpu" or (name == "auto" and not _has_gpu_driver()):
        return "cpu"
    # Importing torch takes seconds and 180 MB, which a machine without a GPU can save.
    import torch  # noqa: PLC0415 - it takes seconds

    if torch.cuda.is_available():
        return "cuda"
    if name == "auto":
        return "cpu"
    raise DeviceError(
        "The device is set to cuda, but torch finds no GPU here. Use auto or cpu, or install "
        "the CUDA build of torch on a machine with an NVIDIA GPU and its driver."
    )


def _has_gpu_driver() -> bool:
    """Whether it is worth asking torch for a GPU: it can use none without a driver."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return _ROCM.exists()
    return True
