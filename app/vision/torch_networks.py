"""A bundle's networks in torch, built from its weights.

A service that runs a bundle's ONNX files never comes here: torch takes seconds to import, and
180 MB.
"""

from typing import NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from app.errors import BundleError
from app.vision.bundle import Bundle
from app.vision.dsr import DSR
from app.vision.edgeface import VARIANTS, EdgeFace
from app.vision.manifest import WeightFile


class TorchNetworks(NamedTuple):
    """In evaluation mode, on the CPU.

    Attributes:
        edgeface: The recognition network.
        dsr: The super-resolution network; None if the bundle has none.
    """

    edgeface: EdgeFace
    dsr: DSR | None


def build_networks(bundle: Bundle) -> TorchNetworks:
    """Builds the networks that a bundle's weights belong to, and fills them.

    Raises:
        BundleError: A tensor is missing, unknown, of the wrong shape or not finite; the variant is
            unknown.
    """
    entry, of = bundle.manifest.networks.edgeface, bundle.manifest.networks.dsr
    if entry.variant not in VARIANTS:
        raise BundleError(
            f"Bundle {bundle.manifest.name!r} asks for an unknown network {entry.variant!r}."
        )
    edgeface = EdgeFace(entry.variant)
    _fill(edgeface, bundle, entry.weights)
    if of is None:
        return TorchNetworks(edgeface, None)
    if of.channels % of.heads:
        raise BundleError(f"Bundle {bundle.manifest.name!r}: DSR heads do not divide its channels.")
    dsr = DSR(of.channels, of.blocks, of.heads)
    _fill(dsr, bundle, of.weights)
    return TorchNetworks(edgeface, dsr)


def pack_weights(network: nn.Module) -> bytes:
    """A network's tensors as the content of a safetensors file."""
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return safetensors.torch.save(tensors)


def _fill(network: nn.Module, bundle: Bundle, file: WeightFile) -> None:
    """Loads weights, strictly, and leaves the network ready to serve."""
    what = f"{file.name} of bundle {bundle.manifest.name!r}"
    try:
        tensors = safetensors.torch.load(bundle.files[file.name])
        network.load_state_dict(tensors, strict=True)
    except safetensors.SafetensorError as error:
        raise BundleError(f"{what} is not a safetensors file: {error}") from error
    except RuntimeError as error:  # load_state_dict: missing or unknown names, wrong shapes
        raise BundleError(f"{what} does not fit the network: {error}") from error
    if broken := [name for name, tensor in tensors.items() if not _is_finite_float32(tensor)]:
        raise BundleError(f"{what} has values that are not finite float32 in {broken[0]}.")
    network.eval().requires_grad_(requires_grad=False)


def _is_finite_float32(tensor: Tensor) -> bool:
    return tensor.dtype == torch.float32 and bool(torch.isfinite(tensor).all())
