"""ONNX files of both networks, and the check that they are the same functions."""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from app.vision.alignment import Crop
from app.vision.dsr import DSR
from app.vision.edgeface import CROP_SIZE_PX, EdgeFace
from app.vision.onnx_embedder import MAX_ONNX_DIFFERENCE
from trainer.data import to_input
from trainer.errors import ParityError

Floats = NDArray[np.float32]

_OPSET = 17


def export_edgeface(edgeface: EdgeFace) -> bytes:
    """An ONNX file: crops (batch, 3, 112, 112) -> embeddings (batch, 512), not normalised."""
    crops = torch.zeros(2, 3, CROP_SIZE_PX, CROP_SIZE_PX)
    return _export(edgeface, {"crops": crops}, "embeddings")


def export_dsr(dsr: DSR) -> bytes:
    """An ONNX file: crops (batch, 3, 112, 112) and face_px (batch,) -> restored crops."""
    crops = torch.zeros(2, 3, CROP_SIZE_PX, CROP_SIZE_PX)
    return _export(dsr, {"crops": crops, "face_px": torch.full((2,), 24.0)}, "restored")


def _export(network: nn.Module, inputs: dict[str, torch.Tensor], output: str) -> bytes:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        # torch prefers its new exporter, which needs one more package and is no better here; and
        # it warns of shapes that are constants of these networks.
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            path,
            dynamo=False,
            opset_version=_OPSET,
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes={name: {0: "batch"} for name in (*inputs, output)},
        )
        return path.read_bytes()


def embed_by_torch(edgeface: EdgeFace, dsr: DSR, crops: Sequence[Crop], below_px: float) -> Floats:
    """(n, 512) of unit length, one crop after the other, as plainly as it can be written."""
    embeddings = []
    with torch.inference_mode():
        for crop in crops:
            pixels = to_input(crop.pixels[None])
            if crop.face_px < below_px:
                pixels = dsr(pixels, torch.tensor([crop.face_px]))
            embeddings.append(F.normalize(edgeface(pixels))[0].numpy())
    return np.stack(embeddings)


def refuse_difference(what: str, expected: Floats, found: Floats) -> float:
    """Compares embeddings of the same crops.

    Returns:
        The largest absolute difference.

    Raises:
        ParityError: It is above 1e-4.
    """
    difference = float(np.abs(expected - found).max())
    if not difference <= MAX_ONNX_DIFFERENCE:
        raise ParityError(f"{what} differs from torch by {difference:.2g}.")
    return difference
