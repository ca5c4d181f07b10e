"""ONNX files of both networks: the same functions for onnxruntime."""

import copy
import tempfile
import warnings
from pathlib import Path

import torch
from torch import nn

from app.vision.dimensions import CROP_SIZE_PX
from app.vision.dsr import DSR, FOLD
from app.vision.edgeface import EdgeFace
from app.vision.winograd import WinogradConvolution

_OPSET = 17


def export_edgeface(edgeface: EdgeFace) -> bytes:
    """An ONNX file: crops (batch, 3, 112, 112) -> embeddings (batch, 512), not normalised."""
    crops = torch.zeros(2, 3, CROP_SIZE_PX, CROP_SIZE_PX)
    return export_network(edgeface, {"crops": crops}, "embeddings")


def export_dsr(dsr: DSR) -> bytes:
    """An ONNX file: crops (batch, 3, 112, 112) and face_px (batch,) -> restored crops.

    Its 3x3 convolutions, four fifths of the work, are written in a form that onnxruntime computes
    faster.
    """
    quick = copy.deepcopy(dsr)
    for block in quick.residual:
        for name in ("conv1", "conv2"):
            convolution = WinogradConvolution(getattr(block, name), CROP_SIZE_PX // FOLD)
            setattr(block, name, convolution)
    crops = torch.zeros(2, 3, CROP_SIZE_PX, CROP_SIZE_PX)
    return export_network(quick, {"crops": crops, "face_px": torch.full((2,), 24.0)}, "restored")


def export_network(network: nn.Module, inputs: dict[str, torch.Tensor], output: str) -> bytes:
    """An ONNX file of any network whose inputs and output begin with the batch.

    Args:
        network: In evaluation mode; on the CPU.
        inputs: Examples by name, in the order of its arguments.
        output: The output's name.
    """
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        # torch prefers its new exporter, which needs one more package and is no better here; and it
        # warns of shapes that are constants in these networks.
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
