"""Bundles on disk: one published set of weights, complete or absent.

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

from app.errors import BundleError, BundleNotFoundError
from app.shipped import BUNDLES
from app.vision.manifest import (
    MANIFEST_NAME,
    Manifest,
    Name,
    Networks,
    WeightFile,
    read_manifest,
)


@dataclass(frozen=True, slots=True)
class OnnxFiles:
    """Content of a bundle's ONNX files, as verified; for every network that it has."""

    edgeface: bytes
    dsr: bytes | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle in memory; `app.vision.torch_networks` makes networks of it.

    Attributes:
        manifest: What it says about itself.
        files: Content of the weight files that the manifest names, as verified.
    """

    manifest: Manifest
    files: Mapping[str, bytes]

    @property
    def space_id(self) -> str:
        """The vector space of its embeddings."""
        return self.manifest.space_id

    @property
    def has_dsr(self) -> bool:
        """Whether small faces are restored; else every face takes the direct route."""
        return self.manifest.networks.dsr is not None

    @property
    def onnx(self) -> OnnxFiles | None:
        """The networks for onnxruntime; None if torch runs them everywhere.

        One network by onnxruntime and the other by torch would be a third way to serve.
        """
        edgeface, dsr = self.manifest.networks.edgeface.onnx, self.manifest.networks.dsr
        if edgeface is None or (dsr is not None and dsr.onnx is None):
            return None
        of_dsr = None if dsr is None or dsr.onnx is None else self.files[dsr.onnx.name]
        return OnnxFiles(self.files[edgeface.name], of_dsr)

    def without_dsr(self) -> "Bundle":
        """The same bundle with the recognition network alone."""
        networks = Networks(edgeface=self.manifest.networks.edgeface)
        return Bundle(msgspec.structs.replace(self.manifest, networks=networks), self.files)

    def without_onnx(self) -> "Bundle":
        """The same bundle for torch on every device."""
        change, networks = msgspec.structs.replace, self.manifest.networks
        networks = Networks(
            edgeface=change(networks.edgeface, onnx=None),
            dsr=networks.dsr and change(networks.dsr, onnx=None),
        )
        return Bundle(change(self.manifest, networks=networks), self.files)


def find_bundle(store: Path, name: str) -> Path:
    """The folder of a bundle in a store; its contents are not looked at.

    Args:
        store: The folder of bundles. The built-in ones come after it.
        name: From anybody; it cannot lead out of the store.

    Raises:
        BundleNotFoundError: No name of a bundle, no such folder, or a symbolic link.
    """
    try:
        msgspec.convert(name, type=Name)
    except msgspec.ValidationError:
        raise BundleNotFoundError(
            "A bundle's name has 1 to 64 lower-case letters, digits, dots, dashes and underscores."
        ) from None
    for folder in (store / name, BUNDLES / name):
        if folder.is_dir() and not folder.is_symlink():
            return folder
    raise BundleNotFoundError(f"The store has no bundle named {name!r}.", store, BUNDLES)


def bundle_folders(store: Path) -> list[Path]:
    """The folders that `find_bundle` finds, by name."""
    found = {
        path.parent.name: path.parent
        for folder in (BUNDLES, store)
        for path in folder.glob(f"*/{MANIFEST_NAME}")
    }
    return [folder for _, folder in sorted(found.items())]


def load_bundle(folder: Path) -> Bundle:
    """Reads every file of a bundle and verifies what was read.

    Raises:
        BundleError: A file is missing, linked from elsewhere, of the wrong size or hash.
    """
    manifest = _own_manifest(folder)
    return Bundle(manifest, {file.name: _read_file(folder, file) for file in _files(manifest)})


def verify_bundle(folder: Path) -> Manifest:
    """Checks that a bundle's files are there, its own, and as they were published.

    Raises:
        BundleError: The first file that is not; or the folder itself is a symbolic link.
    """
    manifest = _own_manifest(folder)
    for file in _files(manifest):
        _verify_file(folder, file)
    return manifest


def write_bundle(
    store: Path, manifest: Manifest, files: Mapping[str, bytes], replace: bool = False
) -> Path:
    """Puts a bundle into a store atomically: readers see all of it or nothing.

    Args:
        store: The folder of bundles.
        manifest: Its weight files name entries of `files`.
        files: Name to content; it may have further files (model card, plots).
        replace: Replace a bundle of this name.

    Returns:
        The bundle's folder.

    Raises:
        BundleError: The name is taken, the manifest does not fit the files, or the store cannot be
            written.
    """
    document = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    try:
        # Types are checked on reading: above all that the name is not a path.
        msgspec.json.decode(document, type=Manifest)
    except msgspec.ValidationError as error:
        raise BundleError(f"The manifest is invalid: {error}") from error
    target = store / manifest.name
    if target.exists() and not replace:
        raise BundleError(f"The store already has a bundle named {manifest.name!r}.")
    try:
        _put(store, target, {**files, MANIFEST_NAME: document})
    except OSError as error:
        raise BundleError(
            f"The bundle could not be written into the store: {error.strerror}.", store
        ) from error
    return target


def _put(store: Path, target: Path, files: Mapping[str, bytes]) -> None:
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=store) as incoming:
        folder = Path(incoming) / target.name
        folder.mkdir()
        for name, content in files.items():
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


def weight_file(name: str, content: bytes) -> WeightFile:
    """The manifest's entry for a file with this content."""
    digest = hashlib.sha256(content).hexdigest()
    return WeightFile(name=name, size_bytes=len(content), sha256=digest)


def _own_manifest(folder: Path) -> Manifest:
    if folder.is_symlink():
        raise BundleError(f"Bundle {folder.name!r} is a symbolic link.")
    manifest = read_manifest(folder)
    if manifest.name != folder.name:
        raise BundleError(f"Folder {folder.name!r} holds a bundle named {manifest.name!r}.")
    return manifest


def _files(manifest: Manifest) -> list[WeightFile]:
    networks = manifest.networks
    named = [networks.edgeface.weights, networks.edgeface.onnx]
    if networks.dsr is not None:
        named += [networks.dsr.weights, networks.dsr.onnx]
    if manifest.cohort is not None:
        named.append(manifest.cohort.means)
    return [file for file in named if file is not None]


def _verify_file(folder: Path, expected: WeightFile) -> None:
    """Checks without keeping the content, which may be larger than the free memory."""
    with _plain_file(folder, expected).open("rb") as file:
        _refuse_other_digest(hashlib.file_digest(file, "sha256").hexdigest(), folder, expected)


def _read_file(folder: Path, expected: WeightFile) -> bytes:
    """A file's content; it returns exactly what it verified, whatever happens to the file."""
    content = _plain_file(folder, expected).read_bytes()
    _refuse_other_digest(hashlib.sha256(content).hexdigest(), folder, expected)
    return content


def _plain_file(folder: Path, expected: WeightFile) -> Path:
    path = folder / expected.name
    what = f"{expected.name} of bundle {folder.name!r}"
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"{what} is missing or not a plain file.")
    if path.stat().st_size != expected.size_bytes:
        raise BundleError(f"{what} differs in size from its manifest.")
    return path


def _refuse_other_digest(sha256: str, folder: Path, expected: WeightFile) -> None:
    if sha256 != expected.sha256:
        raise BundleError(
            f"{expected.name} of bundle {folder.name!r} differs in SHA-256 from its manifest."
        )


def sync_folder(folder: Path) -> None:
    """Makes renames and new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
