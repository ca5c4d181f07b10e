"""Torch and onnxruntime run the same networks: alike, from several threads, and no others."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from app.errors import BundleError
from app.evaluation.probes import shrink_crop
from app.vision.alignment import Crop
from app.vision.backends.backend import open_backend
from app.vision.backends.by_onnxruntime import OnnxBackend
from app.vision.backends.by_torch import TorchBackend
from app.vision.bundle import Bundle, load_bundle, write_bundle
from app.vision.device import Device
from app.vision.dsr import DSR
from app.vision.embedder import Embedder
from app.vision.manifest import MANIFEST_NAME
from app.vision.onnx_export import export_dsr, export_network
from app.vision.self_test import MAX_ONNX_DIFFERENCE
from app.vision.torch_networks import build_networks
from app.vision.winograd import WinogradConvolution
from tests.conftest import MakeCrops

SHIPPED = Path(__file__).parents[2] / "weights" / "farsight-xxs"
CPU: Device = "cpu"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(SHIPPED)


@pytest.fixture(scope="module")
def faces(make_crops: MakeCrops) -> list[Crop]:
    """Real crops, sharp and shrunk in turn: half of them take the route through DSR."""
    crops = [Crop(pixels, 112.0) for photos in make_crops(5, 4).values() for pixels in photos]
    sizes = [None, 32, None, 16] * 5
    return [shrink_crop(crop, size) for crop, size in zip(crops, sizes, strict=True)]


def test_backends_answer_alike_at_any_number_of_crops(bundle: Bundle, faces: list[Crop]) -> None:
    by_onnxruntime, by_torch = Embedder(bundle, CPU), Embedder(bundle.without_onnx(), CPU)
    expected, routes = by_torch.embed(faces)
    assert {route: routes.count(route) for route in routes} == {"direct": 10, "dsr": 10}
    for count in (1, 2, 3, 7, 8, 9, 20):
        found, _ = by_onnxruntime.embed(faces[-count:])
        assert np.abs(found - expected[-count:]).max() < MAX_ONNX_DIFFERENCE / 10
    shown = [embedder.upscale(faces[1]) for embedder in (by_onnxruntime, by_torch)]
    assert np.abs(shown[0].astype(int) - shown[1]).max() <= 1  # rounding


@pytest.mark.parametrize("by_onnxruntime", [True, False])
def test_answers_are_those_of_one_caller_when_many_call_at_once(
    by_onnxruntime: bool, bundle: Bundle, faces: list[Crop]
) -> None:
    embedder = Embedder(bundle if by_onnxruntime else bundle.without_onnx(), CPU)
    parts = [faces[start : start + 1 + start % 5] for start in range(0, len(faces), 4)]
    alone = [embedder.embed(part)[0] for part in parts]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda part: embedder.embed(part)[0], parts))
    for answer, expected in zip(together, alone, strict=True):
        assert np.abs(answer - expected).max() < MAX_ONNX_DIFFERENCE / 10


def test_onnxruntime_serves_when_the_device_is_a_cpu_and_there_are_files(bundle: Bundle) -> None:
    assert isinstance(open_backend(bundle, CPU), OnnxBackend)
    assert isinstance(open_backend(bundle.without_onnx(), CPU), TorchBackend)
    # No CPU, and everywhere to be had; as with CUDA the networks go there.
    networks = build_networks(bundle)
    TorchBackend(*networks, cast(Device, "meta"))
    assert next(networks.edgeface.parameters()).device.type == "meta"


def test_every_face_goes_straight_when_dsr_is_left_out(bundle: Bundle, faces: list[Crop]) -> None:
    plain = bundle.without_dsr()
    found, routes = Embedder(plain, CPU).embed(faces)
    assert set(routes) == {"direct"}
    expected, _ = Embedder(plain.without_onnx(), CPU).embed(faces)
    assert np.abs(found - expected).max() < MAX_ONNX_DIFFERENCE / 10
    assert (Embedder(plain, CPU).upscale(faces[1]) == faces[1].pixels).all()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / SHIPPED.name))


def test_what_was_verified_is_served_when_a_file_changes_later(
    copied: Path, faces: list[Crop]
) -> None:
    loaded = load_bundle(copied)
    size = (copied / "edgeface.onnx").stat().st_size
    (copied / "edgeface.onnx").write_bytes(b"x" * size)
    found, _ = Embedder(loaded, CPU).embed(faces[:2])
    expected, _ = Embedder(load_bundle(SHIPPED), CPU).embed(faces[:2])
    assert (found == expected).all()
    with pytest.raises(BundleError, match=r"edgeface.onnx .* differs in SHA-256"):
        load_bundle(copied)


def test_torch_serves_when_one_of_two_networks_has_no_onnx_file(
    bundle: Bundle, tmp_path: Path
) -> None:
    networks = bundle.manifest.networks
    assert networks.dsr is not None
    change = msgspec.structs.replace
    manifest = change(
        bundle.manifest, networks=change(networks, dsr=change(networks.dsr, onnx=None))
    )
    left_out = ("dsr.onnx", MANIFEST_NAME)
    files = {
        path.name: path.read_bytes() for path in SHIPPED.iterdir() if path.name not in left_out
    }
    half = load_bundle(write_bundle(tmp_path, manifest, files))
    assert half.onnx is None
    assert isinstance(open_backend(half, CPU), TorchBackend)


class Shaped(torch.nn.Module):
    """Takes crops and gives whatever it is told, for each."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return crops.flatten(1)[:, : self.size]


def of_shape(size: int) -> bytes:
    return export_network(Shaped(size), {"crops": torch.zeros(2, 3, 112, 112)}, "embeddings")


def for_one_crop_only() -> bytes:
    model = onnx.load_from_string(of_shape(512))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return bytes(model.SerializeToString())


def with_weights_elsewhere() -> bytes:
    """Its weights would come from another file of this machine."""
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3, 112, 112])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="/etc/passwd")
    shape: list[str | int | None] = ["batch", 3, 112, 112]
    graph = helper.make_graph(
        [helper.make_node("Add", ["crops", "w"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [weights],
    )
    opsets = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def with_onnx(bundle: Bundle, edgeface: bytes) -> Bundle:
    return Bundle(bundle.without_dsr().manifest, {**bundle.files, "edgeface.onnx": edgeface})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: b"", "onnxruntime refuses the ONNX file of EdgeFace"),
        (lambda: b"no network", "onnxruntime refuses the ONNX file of EdgeFace"),
        (with_weights_elsewhere, "onnxruntime refuses the ONNX file of EdgeFace"),
        ((SHIPPED / "dsr.onnx").read_bytes, "EdgeFace takes .*face_px.*, not any number"),
        (for_one_crop_only, "EdgeFace takes .* not any number of"),
    ],
)
def test_bundle_is_refused_when_its_onnx_file_is_no_edgeface(
    content: Callable[[], bytes], reason: str, bundle: Bundle
) -> None:
    with pytest.raises(BundleError, match=reason):
        Embedder(with_onnx(bundle, content()), CPU)


def test_answer_is_refused_when_it_is_no_embedding(bundle: Bundle, faces: list[Crop]) -> None:
    embedder = Embedder(with_onnx(bundle, of_shape(256)), CPU)
    with pytest.raises(BundleError, match=r"answers with shape \(2, 256\), not \(2, 512\)"):
        embedder.embed(faces[:2])


def test_quick_convolution_computes_what_a_convolution_computes() -> None:
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(24, 40, 3, padding=1)
    for side in (7, 28):
        x = torch.randn(3, 24, side, side)
        with torch.inference_mode():
            quick, expected = WinogradConvolution(convolution, side)(x), convolution(x)
        assert quick.shape == expected.shape
        # Of numbers up to 3; how they are rounded depends on the processor.
        assert (quick - expected).abs().max() < 2.5e-5


@pytest.mark.parametrize(("channels", "blocks", "heads"), [(8, 2, 2), (48, 4, 4)])
def test_exported_dsr_restores_as_it_does_in_torch(channels: int, blocks: int, heads: int) -> None:
    torch.manual_seed(1)
    dsr = DSR(channels, blocks, heads).eval().requires_grad_(requires_grad=False)
    torch.nn.init.normal_(dsr.exit.weight, std=0.05)
    edgeface = (SHIPPED / "edgeface.onnx").read_bytes()
    backend = OnnxBackend(edgeface, export_dsr(dsr))
    rng = np.random.default_rng(2)
    crops = rng.uniform(-1, 1, (5, 3, 112, 112)).astype(np.float32)
    face_px = np.array([4, 8, 20, 40, 100], dtype=np.float32)
    expected = dsr(torch.from_numpy(crops), torch.from_numpy(face_px)).numpy()
    found = backend.restore(crops, face_px)
    assert np.abs(expected - crops).max() > 0.1
    assert np.abs(found - expected).max() < 1e-5
    # The network that was exported is as it was.
    assert isinstance(dsr.get_submodule("residual.0.conv1"), torch.nn.Conv2d)
