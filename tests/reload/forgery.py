"""Bundles that nobody should serve, made from one that is good."""

import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import msgspec
import safetensors.torch
import torch
from torch import Tensor

from app.vision.bundle import load_bundle, weight_file, write_bundle
from app.vision.edgeface import EdgeFace
from app.vision.manifest import MANIFEST_NAME, read_manifest
from app.vision.onnx_export import export_edgeface
from app.vision.torch_networks import TorchNetworks, build_networks, pack_weights
from tests.changed import changed

_EDGEFACE = "edgeface.safetensors"
_DSR = "dsr.safetensors"

Tensors = dict[str, Tensor]


def publish(good: Path, name: str, edgeface: bytes, variant: str | None = None) -> Path:
    """A bundle with other weights, whose manifest fits them and tells the good one's figures."""
    manifest = read_manifest(good)
    networks = manifest.networks
    entry = msgspec.structs.replace(
        networks.edgeface,
        variant=variant or networks.edgeface.variant,
        weights=weight_file(_EDGEFACE, edgeface),
        onnx=None,
    )
    assert networks.dsr is not None
    dsr = msgspec.structs.replace(networks.dsr, onnx=None)
    forged = msgspec.structs.replace(
        manifest,
        name=name,
        networks=msgspec.structs.replace(networks, edgeface=entry, dsr=dsr),
        self_test=None,
        cohort=None,
    )
    return write_bundle(
        good.parent, forged, {_EDGEFACE: edgeface, _DSR: (good / _DSR).read_bytes()}
    )


def publish_changed(good: Path, name: str, change: Callable[[EdgeFace], None]) -> Path:
    """A bundle whose network was changed."""
    forged = changed(load_bundle(good), lambda networks: change(networks.edgeface))
    return publish(good, name, forged.files[_EDGEFACE])


def publish_tensors(good: Path, name: str, change: Callable[[Tensors], None]) -> Path:
    """A bundle whose tensors were changed."""
    tensors = safetensors.torch.load_file(good / _EDGEFACE)
    change(tensors)
    return publish(good, name, safetensors.torch.save(tensors))


def copy_of(good: Path, name: str) -> Path:
    """A copy of a bundle under another name."""
    folder = good.parent / name
    shutil.copytree(good, folder)
    manifest = folder / MANIFEST_NAME
    manifest.write_text(manifest.read_text().replace(f'"{good.name}"', f'"{name}"'))
    return folder


# What follows makes one bundle each, named `name`, beside the good one.


def flipped_bit(good: Path, name: str) -> None:
    file = copy_of(good, name) / _EDGEFACE
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def missing_file(good: Path, name: str) -> None:
    (copy_of(good, name) / _DSR).unlink()


def short_file(good: Path, name: str) -> None:
    file = copy_of(good, name) / _DSR
    file.write_bytes(file.read_bytes()[:-1])


def no_manifest(good: Path, name: str) -> None:
    (copy_of(good, name) / MANIFEST_NAME).write_text("{")


def path_out_of_the_store(good: Path, name: str) -> None:
    manifest = copy_of(good, name) / MANIFEST_NAME
    manifest.write_text(manifest.read_text().replace(_DSR, "../../etc/passwd"))


def linked_file(good: Path, name: str) -> None:
    file = copy_of(good, name) / _DSR
    elsewhere = good.parent.parent / f"{name}.safetensors"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def linked_folder(good: Path, name: str) -> None:
    folder = copy_of(good, name)
    elsewhere = good.parent.parent / name
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere, target_is_directory=True)


def extra_tensor(good: Path, name: str) -> None:
    publish_tensors(good, name, lambda tensors: tensors.update(extra=torch.zeros(1)))


def missing_tensor(good: Path, name: str) -> None:
    def change(tensors: Tensors) -> None:
        tensors.popitem()

    publish_tensors(good, name, change)


def wrong_shape(good: Path, name: str) -> None:
    def change(tensors: Tensors) -> None:
        first = next(iter(tensors))
        tensors[first] = tensors[first][:-1].clone()

    publish_tensors(good, name, change)


def other_embedding_size(good: Path, name: str) -> None:
    def change(tensors: Tensors) -> None:
        last = [key for key, tensor in tensors.items() if len(tensor) == 512 and "head" in key]
        assert last
        tensors.update({key: tensors[key][:256].clone() for key in last})

    publish_tensors(good, name, change)


def nan_weight(good: Path, name: str) -> None:
    def change(tensors: Tensors) -> None:
        next(iter(tensors.values())).view(-1)[0] = torch.nan

    publish_tensors(good, name, change)


def pickle(good: Path, name: str) -> None:
    content = BytesIO()
    torch.save(safetensors.torch.load_file(good / _EDGEFACE), content)
    publish(good, name, content.getvalue())


def foreign_onnx(good: Path, name: str) -> None:
    """What onnxruntime would run is another network than the one that was measured."""

    def change(networks: TorchNetworks) -> None:
        networks.edgeface.get_parameter("model.head.fc.bias").add_(0.3)

    other = build_networks(changed(load_bundle(good), change))
    _put_onnx(copy_of(good, name), export_edgeface(other.edgeface))


def broken_onnx(good: Path, name: str) -> None:
    """No ONNX file at all, but just what the manifest says."""
    _put_onnx(copy_of(good, name), b"no network")


def _put_onnx(folder: Path, content: bytes) -> None:
    manifest = read_manifest(folder)
    entry = msgspec.structs.replace(
        manifest.networks.edgeface, onnx=weight_file("edgeface.onnx", content)
    )
    networks = msgspec.structs.replace(manifest.networks, edgeface=entry)
    vouching = msgspec.structs.replace(manifest, networks=networks, self_test=None)
    (folder / "edgeface.onnx").write_bytes(content)
    (folder / MANIFEST_NAME).write_bytes(msgspec.json.encode(vouching))


def constant(good: Path, name: str) -> None:
    """Every crop gets the same embedding."""

    def change(network: EdgeFace) -> None:
        weight, bias = network.model.head.fc.parameters()
        weight.zero_()
        bias.fill_(1.0)

    publish_changed(good, name, change)


def collapsed(good: Path, name: str) -> None:
    """Every crop gets nearly the same embedding, but not quite."""

    def change(network: EdgeFace) -> None:
        _, bias = network.model.head.fc.parameters()
        bias.add_(0.3)

    publish_changed(good, name, change)


def noisy(good: Path, name: str) -> None:
    """A crop's embedding says little about whose it is."""

    def change(network: EdgeFace) -> None:
        generator = torch.Generator().manual_seed(0)
        for weight in network.parameters():
            if weight.ndim > 1:
                noise = torch.randn(weight.shape, generator=generator)
                weight.add_(noise, alpha=0.1 * float(weight.std()))

    publish_changed(good, name, change)


def large(good: Path, name: str) -> None:
    """The largest variant, with weights that nobody has trained: 73 MB."""
    publish(good, name, pack_weights(EdgeFace("edgeface_base")), "edgeface_base")
