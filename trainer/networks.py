"""Reading and writing the trainer's networks."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch

from app.errors import BundleError
from app.vision.bundle import load_bundle
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from app.vision.manifest import MANIFEST_NAME
from app.vision.published import read_published
from app.vision.torch_networks import build_networks, pack_weights

EDGEFACE_FILE = "edgeface.safetensors"
DSR_FILE = "dsr.safetensors"
_ARCHITECTURE = "architecture"
_CHECKPOINT_SUFFIX = ".pt"
_Network = TypeVar("_Network", DSR, EdgeFace)


def read_edgeface(path: Path) -> EdgeFace:
    """Reads EdgeFace from a bundle's folder, a run's folder, or a published `.pt`.

    Raises:
        BundleError: It is none of these, or damaged.
    """
    if path.is_file() or path.suffix == _CHECKPOINT_SUFFIX:
        return read_published(path)
    if (path / MANIFEST_NAME).is_file():
        return build_networks(load_bundle(path)).edgeface
    return _read(path / EDGEFACE_FILE, lambda variant: EdgeFace(str(variant)))


def read_dsr(path: Path) -> DSR:
    """Reads DSR from a bundle's folder or a run's folder.

    Raises:
        BundleError: It is neither, damaged, or a bundle without DSR.
    """
    if (path / MANIFEST_NAME).is_file():
        if (dsr := build_networks(load_bundle(path)).dsr) is None:
            raise BundleError(f"Bundle {path.name!r} has no DSR.")
        return dsr
    return _read(path / DSR_FILE, lambda architecture: DSR(**architecture))


def blend(stock: EdgeFace, tuned: EdgeFace, share: float) -> EdgeFace:
    """A network interpolated between two, weight by weight.

    Fine-tuning leaves the valley of its starting weights only slowly: on the way back, what was
    known before returns sooner than what was learned is lost (WiSE-FT, Wortsman et al.,
    arXiv:2109.01903, equation 1).

    Args:
        stock: Before fine-tuning.
        tuned: After it.
        share: Of the tuned weights, 0 to 1.

    Raises:
        BundleError: The two are not of one variant.
    """
    if stock.variant != tuned.variant:
        raise BundleError(f"{stock.variant} and {tuned.variant} have no weights in common.")
    before, after = stock.state_dict(), tuned.state_dict()
    network = EdgeFace(tuned.variant)
    network.load_state_dict({name: before[name].lerp(after[name], share) for name in after})
    return network.eval()


def write_run_networks(folder: Path, dsr: DSR, edgeface: EdgeFace | None = None) -> None:
    """Writes a run's result to its folder, where the next command looks for it."""
    _write(folder / DSR_FILE, dsr, json.dumps(dsr.architecture))
    if edgeface is not None:
        _write(folder / EDGEFACE_FILE, edgeface, json.dumps(edgeface.variant))


def weights_sha256(network: DSR | EdgeFace) -> str:
    """A hash that identifies weights, wherever they were read from."""
    return hashlib.sha256(pack_weights(network)).hexdigest()


def _write(path: Path, network: DSR | EdgeFace, architecture: str) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    incoming = path.with_suffix(".incoming")
    safetensors.torch.save_file(tensors, incoming, metadata={_ARCHITECTURE: architecture})
    incoming.replace(path)


def _read(path: Path, build: Callable[[Any], _Network]) -> _Network:
    """Builds the network whose architecture a run's file names, and fills it."""
    if not path.parent.is_dir():
        raise BundleError(f"There is no folder {path.parent}; a bundle's or a run's is expected.")
    try:
        tensors = safetensors.torch.load_file(path)
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        network = build(json.loads(metadata[_ARCHITECTURE]))
        network.load_state_dict(tensors, strict=True)
    except (OSError, safetensors.SafetensorError) as error:
        raise BundleError(f"{path} has no safetensors file of a run.") from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BundleError(f"{path} does not hold the expected network.") from error
    return network
