"""Bundles in memory whose networks were changed."""

from collections.abc import Callable

import torch

from app.vision.bundle import Bundle
from app.vision.torch_networks import TorchNetworks, build_networks, pack_weights


def changed(bundle: Bundle, change: Callable[[TorchNetworks], None]) -> Bundle:
    """The bundle with other weights, and without ONNX files; the manifest's hashes stay."""
    networks = build_networks(bundle)
    with torch.no_grad():
        change(networks)
    of = bundle.manifest.networks
    files = {**bundle.files, of.edgeface.weights.name: pack_weights(networks.edgeface)}
    if of.dsr is not None and networks.dsr is not None:
        files[of.dsr.weights.name] = pack_weights(networks.dsr)
    return Bundle(bundle.without_onnx().manifest, files)
