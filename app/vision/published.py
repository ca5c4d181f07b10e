"""EdgeFace checkpoints as Idiap publishes them, read for import into a bundle.

The `*_q.pt` files are dynamically quantised: a linear layer is stored as packed int8 parameters,
which are de-quantised here. Nothing is unpickled but tensors (`weights_only=True`).
"""

import pickle
import warnings
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from app.errors import BundleError
from app.vision.bundle import Bundle, weight_file
from app.vision.edgeface import VARIANTS, EdgeFace
from app.vision.manifest import EdgeFaceEntry, Manifest, Networks
from app.vision.onnx_export import export_edgeface
from app.vision.torch_networks import pack_weights

WEIGHTS_NAME = "edgeface.safetensors"
"""The name of a bundle's file with the network's weights."""

ONNX_NAME = "edgeface.onnx"
"""The name of the same network's file for onnxruntime."""

_PACKED = "._packed_params._packed_params"
# What a quantised layer stores besides: scale and zero point of its (unused) static output.
_QUANTISATION_NOTES = (".scale", ".zero_point", "._packed_params.dtype")


def read_published(path: Path) -> EdgeFace:
    """Reads a published checkpoint and finds out which variant it is.

    Args:
        path: A state dict saved by torch, whole or with int8 linear layers.

    Returns:
        The network, in evaluation mode.

    Raises:
        BundleError: It is not such a file, or its tensors fit no variant.
    """
    tensors = _read_tensors(path)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    for variant in VARIANTS:
        with torch.device("meta"):
            expected = EdgeFace(variant).state_dict()
        if shapes == {name: tensor.shape for name, tensor in expected.items()}:
            network = EdgeFace(variant)
            network.load_state_dict(tensors, strict=True)
            return network.eval().requires_grad_(requires_grad=False)
    raise BundleError(f"{path.name} fits none of {', '.join(VARIANTS)}.")


def published_bundle(network: EdgeFace, name: str | None = None) -> Bundle:
    """A published network as a bundle in memory: no DSR, no thresholds.

    Args:
        network: As `read_published` gives it.
        name: The bundle's; the variant's by default.
    """
    packed, onnx = pack_weights(network), export_edgeface(network)
    weights = weight_file(WEIGHTS_NAME, packed)
    manifest = Manifest(
        name=network.variant if name is None else name,
        created_at=datetime.now(UTC),
        networks=Networks(
            edgeface=EdgeFaceEntry(
                variant=network.variant, weights=weights, onnx=weight_file(ONNX_NAME, onnx)
            )
        ),
        licence="BSD-3-Clause",
        attribution="EdgeFace, Idiap Research Institute (George et al., T-BIOM 2024)",
    )
    return Bundle(manifest, {WEIGHTS_NAME: packed, ONNX_NAME: onnx})


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise BundleError(
            f"There is no file {path}. `farsight bundles pull` downloads published checkpoints; "
            "its --help names them."
        )
    try:
        with warnings.catch_warnings():
            # torch deprecates quantised tensors, but these files will not change any more.
            warnings.simplefilter("ignore", UserWarning)
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BundleError(f"{path.name} is not a checkpoint of tensors saved by torch.") from error
    if not isinstance(stored, dict):
        raise BundleError(f"{path.name} does not hold a state dict.")
    tensors: dict[str, Tensor] = {}
    for name, value in stored.items():
        if name.endswith(_PACKED):
            weight, bias = value
            layer = name.removesuffix(_PACKED)
            tensors[f"{layer}.weight"] = weight.dequantize()
            if bias is not None:
                tensors[f"{layer}.bias"] = bias.detach()
        elif not name.endswith(_QUANTISATION_NOTES):
            tensors[name] = value.detach()
    return tensors
