"""Bundles on disk: one published set of weights, complete or absent (design, section 5).

Weights are read by safetensors alone; a foreign `.pt` enters through `app.vision.published`.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from app.errors import BundleError, BundleNotFoundError
from app.vision.dsr import DSR
from app.vision.edgeface import VARIANTS, EdgeFace
from app.vision.manifest import MANIFEST_NAME, Manifest, Name, WeightFile, read_manifest

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle with its networks loaded, in evaluation mode, on the CPU."""

    manifest: Manifest
    edgeface: EdgeFace
    dsr: DSR | None

    @property
    def space_id(self) -> str:
        """The vector space of its embeddings."""
        return self.manifest.space_id


def find_bundle(store: Path, name: str) -> Path:
    """The folder of a bundle in a store; what is in it is not looked at.

    Args:
        store: The folder of bundles.
        name: From anybody: it can not lead out of the store.

    Raises:
        BundleNotFoundError: No name of a bundle, no such folder, or a symbolic link.
    """
    try:
        msgspec.convert(name, type=Name)
    except msgspec.ValidationError:
        raise BundleNotFoundError(
            "A bundle's name has 1 to 64 small letters, digits, dots, dashes and underscores."
        ) from None
    folder = store / name
    if folder.is_symlink() or not folder.is_dir():
        raise BundleNotFoundError(f"There is no bundle named {name!r} in the store.")
    return folder


def load_bundle(folder: Path) -> Bundle:
    """Verifies every file of a bundle and builds its networks.

    Raises:
        BundleError: A file is missing, linked from elsewhere, of the wrong size or hash; a tensor
            is missing, unknown, of the wrong shape or not finite; the variant is unknown.
    """
    manifest = verify_bundle(folder)
    entry = manifest.networks.edgeface
    if entry.variant not in VARIANTS:
        raise BundleError(
            f"Bundle {manifest.name!r} asks for an unknown network {entry.variant!r}."
        )
    edgeface = EdgeFace(entry.variant)
    _fill(edgeface, folder / entry.weights.name)
    dsr = None
    if manifest.networks.dsr is not None:
        of = manifest.networks.dsr
        if of.channels % of.heads:
            raise BundleError(f"Bundle {manifest.name!r}: DSR heads do not divide its channels.")
        dsr = DSR(of.channels, of.blocks, of.heads)
        _fill(dsr, folder / of.weights.name)
    return Bundle(manifest, edgeface, dsr)


def verify_bundle(folder: Path) -> Manifest:
    """Checks that a bundle's files are there, its own, and as they were published.

    Raises:
        BundleError: The first file that is not; or the folder itself is a symbolic link.
    """
    if folder.is_symlink():
        raise BundleError(f"Bundle {folder.name!r} is a symbolic link.")
    manifest = read_manifest(folder)
    if manifest.name != folder.name:
        raise BundleError(f"Folder {folder.name!r} holds a bundle named {manifest.name!r}.")
    networks = manifest.networks
    for entry in (networks.edgeface, networks.dsr):
        for file in (entry.weights, entry.onnx) if entry else ():
            if file is not None:
                _verify_file(folder, file)
    return manifest


def write_bundle(
    store: Path, manifest: Manifest, files: Mapping[str, bytes], replace: bool = False
) -> Path:
    """Puts a bundle into a store in one step: whoever looks sees all of it or nothing.

    Args:
        store: The folder of bundles.
        manifest: Its weight files name entries of `files`.
        files: Name to content; further files (model card, plots) are welcome.
        replace: Take the place of a bundle with this name.

    Returns:
        The bundle's folder.

    Raises:
        BundleError: The name is taken, or the manifest does not fit the files.
    """
    document = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    try:
        # Types are checked where they are read: above all that the name is no path.
        msgspec.json.decode(document, type=Manifest)
    except msgspec.ValidationError as error:
        raise BundleError(f"The manifest is invalid: {error}") from error
    target = store / manifest.name
    if target.exists() and not replace:
        raise BundleError(f"There is already a bundle named {manifest.name!r}.")
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=store) as incoming:
        folder = Path(incoming) / manifest.name
        folder.mkdir()
        for name, content in {**files, MANIFEST_NAME: document}.items():
            with (folder / name).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        verify_bundle(folder)
        sync_folder(folder)
        if target.exists():
            shutil.move(target, Path(incoming) / "replaced")
        folder.rename(target)
        sync_folder(store)
    return target


def weight_file(name: str, content: bytes) -> WeightFile:
    """The manifest's entry for a file with this content."""
    digest = hashlib.sha256(content).hexdigest()
    return WeightFile(name=name, size_bytes=len(content), sha256=digest)


def read_weights(folder: Path, file: WeightFile) -> bytes:
    """A file of a bundle.

    Raises:
        BundleError: It is not as it was published.
    """
    _verify_file(folder, file)
    return (folder / file.name).read_bytes()


def pack_weights(network: nn.Module) -> bytes:
    """A network's tensors as a safetensors file."""
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return safetensors.torch.save(tensors)


def _verify_file(folder: Path, expected: WeightFile) -> None:
    path = folder / expected.name
    what = f"{expected.name} of bundle {folder.name!r}"
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"{what} is missing or not a plain file.")
    if path.stat().st_size != expected.size_bytes:
        raise BundleError(f"{what} has another size than its manifest says.")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != expected.sha256:
        raise BundleError(f"{what} has another SHA-256 than its manifest says.")


def _fill(network: nn.Module, path: Path) -> None:
    """Loads weights, strictly, and leaves the network ready to serve."""
    what = f"{path.name} of bundle {path.parent.name!r}"
    try:
        tensors = safetensors.torch.load_file(path)
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


def sync_folder(folder: Path) -> None:
    """Makes renames and new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
