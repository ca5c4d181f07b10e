"""Known crops, known embeddings: of the bundle that is shipped, whole and spoilt."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from app.errors import BundleError
from app.vision.bundle import Bundle, load_bundle
from app.vision.embedder import Embedder
from app.vision.manifest import Manifest
from app.vision.onnx_export import export_dsr, export_edgeface
from app.vision.self_test import (
    MAX_DISTANCE,
    are_embeddings,
    check_parity,
    check_self_test,
    known_answers,
    known_crop,
)
from app.vision.torch_networks import TorchNetworks, build_networks
from tests.changed import changed

SHIPPED = Path(__file__).parents[2] / "weights" / "farsight-xxs"


def embedder_of(bundle: Bundle, **change: object) -> Embedder:
    manifest = msgspec.structs.replace(bundle.manifest, **change)
    return Embedder(replace(bundle, manifest=manifest), "cpu")


@pytest.fixture
def embedder() -> Embedder:
    """The shipped networks in torch, and what they answer in the manifest."""
    bundle = load_bundle(SHIPPED).without_onnx()
    return embedder_of(bundle, self_test=known_answers(Embedder(bundle, "cpu")))


def test_known_crop_is_the_same_for_ever() -> None:
    pixels = known_crop().pixels
    assert pixels.shape == (112, 112, 3)
    assert pixels.dtype == np.uint8
    assert pixels[::56, ::56].tolist() == [
        [[42, 147, 33], [109, 188, 170]],
        [[124, 119, 128], [204, 161, 135]],
    ]
    assert (known_crop(pattern=1).pixels != pixels).any()
    assert known_crop(16).face_px == 16


def test_vectors_are_embeddings_when_finite_and_of_unit_length() -> None:
    vectors = np.zeros((4, 512), dtype=np.float32)
    vectors[0, 0], vectors[1, 0], vectors[2, 0] = 1, 1.1, np.nan
    assert are_embeddings(vectors).tolist() == [True, False, False, False]


def test_networks_pass_when_they_answer_as_published(embedder: Embedder) -> None:
    check_self_test(embedder)


def test_bundle_passes_when_it_is_shipped() -> None:
    bundle = load_bundle(SHIPPED)
    assert bundle.manifest.self_test is not None
    assert bundle.onnx is not None
    check_self_test(Embedder(bundle, "cpu"))


def test_networks_pass_when_the_manifest_tells_no_answers() -> None:
    check_self_test(embedder_of(load_bundle(SHIPPED), self_test=None))


def test_networks_pass_when_they_compute_in_bfloat16(embedder: Embedder) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        check_self_test(embedder)


def test_networks_pass_when_there_is_no_dsr() -> None:
    bundle = load_bundle(SHIPPED).without_dsr()
    answers = known_answers(Embedder(bundle, "cpu"))
    assert answers.dsr is None
    check_self_test(embedder_of(bundle, self_test=answers))


def test_answers_survive_the_manifest_and_leave_the_space_alone(embedder: Embedder) -> None:
    manifest = embedder.bundle.manifest
    assert msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest) == manifest
    assert manifest.space_id == load_bundle(SHIPPED).space_id
    assert manifest.self_test is not None
    cut = msgspec.structs.replace(manifest.self_test, direct=manifest.self_test.direct[:-4])
    document = msgspec.json.encode(msgspec.structs.replace(manifest, self_test=cut))
    with pytest.raises(msgspec.ValidationError, match="length"):
        msgspec.json.decode(document, type=Manifest)


def answer_everything_alike(networks: TorchNetworks) -> None:
    networks.edgeface.get_parameter("model.head.fc.weight").zero_()


def answer_nothing(networks: TorchNetworks) -> None:
    for name in ("weight", "bias"):
        networks.edgeface.get_parameter(f"model.head.fc.{name}").zero_()


def spoil_dsr(networks: TorchNetworks) -> None:
    assert networks.dsr is not None
    networks.dsr.get_parameter("exit.weight").mul_(-1)


def read_bgr(networks: TorchNetworks) -> None:
    stem = next(networks.edgeface.parameters())
    assert stem.shape[1] == 3
    stem.copy_(stem.flip(1).clone())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (answer_everything_alike, "answer everything alike"),
        (answer_nothing, "not embeddings"),
        (spoil_dsr, r"dsr route .* cosine distance"),
        (read_bgr, r"direct route .* cosine distance"),
    ],
)
def test_networks_are_refused_when_spoilt(
    spoil: Callable[[TorchNetworks], None], reason: str, embedder: Embedder
) -> None:
    with pytest.raises(BundleError, match=reason):
        check_self_test(Embedder(changed(embedder.bundle, spoil), "cpu"))


def test_networks_are_refused_when_an_answer_is_missing(embedder: Embedder) -> None:
    told = embedder.bundle.manifest.self_test
    assert told is not None
    without = embedder_of(embedder.bundle, self_test=msgspec.structs.replace(told, dsr=None))
    with pytest.raises(BundleError, match=r"no answer .* dsr route"):
        check_self_test(without)


def test_answer_is_refused_when_it_is_just_too_far(embedder: Embedder) -> None:
    told = embedder.bundle.manifest.self_test
    assert told is not None
    answer = np.frombuffer(told.direct, "<f4").astype(np.float64)
    aside = np.random.default_rng(0).normal(size=512)
    aside -= (aside @ answer) * answer
    aside /= np.linalg.norm(aside)

    def tell(distance: float) -> Embedder:
        cosine = 1 - distance
        moved = (cosine * answer + np.sqrt(1 - cosine**2) * aside).astype("<f4").tobytes()
        changed = msgspec.structs.replace(told, direct=moved)
        return embedder_of(embedder.bundle, self_test=changed)

    check_self_test(tell(0.9 * MAX_DISTANCE))
    with pytest.raises(BundleError, match=r"1\.1e-03"):
        check_self_test(tell(1.1 * MAX_DISTANCE))


def test_bundle_is_refused_when_onnx_is_another_network() -> None:
    bundle = load_bundle(SHIPPED)
    edgeface, dsr = build_networks(bundle)
    assert dsr is not None
    with torch.no_grad():  # not quite the shipped ones
        dsr.get_parameter("exit.weight").mul_(1.1)
        edgeface.get_parameter("model.head.fc.bias").add_(0.01)
    other_dsr = Bundle(bundle.manifest, {**bundle.files, "dsr.onnx": export_dsr(dsr)})
    check_self_test(Embedder(bundle, "cpu"))
    with pytest.raises(BundleError, match=r"dsr route the ONNX files differ"):
        check_parity(Embedder(other_dsr, "cpu"))
    onnx = export_edgeface(edgeface)
    other_edgeface = Bundle(bundle.manifest, {**bundle.files, "edgeface.onnx": onnx})
    with pytest.raises(BundleError, match=r"direct route the ONNX files differ"):
        check_self_test(embedder_of(other_edgeface, self_test=None))
    with pytest.raises(BundleError, match=r"direct route the known crop's embedding"):
        check_self_test(Embedder(other_edgeface, "cpu"))
