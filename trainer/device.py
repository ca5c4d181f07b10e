"""Where the trainer computes."""

from typing import Literal

import torch

from app.errors import DeviceError

Device = Literal["auto", "cpu", "cuda"]


def choose_device(name: Device) -> torch.device:
    """The device asked for; `auto` takes a GPU if torch sees one.

    Raises:
        DeviceError: `cuda` was asked for and there is none.
    """
    cuda = torch.cuda.is_available()
    if name == "cuda" and not cuda:
        raise DeviceError("--device cuda: torch sees no GPU on this machine; take cpu or auto.")
    return torch.device("cuda" if cuda and name != "cpu" else "cpu")
