"""Where networks run."""

from typing import Literal

import torch

from app.errors import DeviceError

DeviceName = Literal["auto", "cpu", "cuda"]


def choose_device(name: DeviceName) -> torch.device:
    """`auto`, `cpu` or `cuda` as a device.

    Raises:
        DeviceError: `cuda` without a GPU that this torch can use.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "The device is set to cuda, but torch finds no GPU here. Use auto or cpu, or install "
            "the CUDA build of torch on a machine with an NVIDIA GPU and its driver."
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
