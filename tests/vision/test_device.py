"""Where networks run."""

import ctypes

import pytest
import torch

from app.errors import DeviceError
from app.vision.device import choose_device


def test_gpu_is_taken_when_there_is_one_and_refused_when_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As on a machine with a driver: without one torch is not even asked.
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    with pytest.raises(DeviceError, match="finds no GPU"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == "cuda"
