import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from app.errors import BundleError
from app.evaluation.all_pairs import AllPairs
from app.evaluation.sizes import Size
from app.vision.alignment import Crop
from app.vision.bundle import load_bundle
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from app.vision.embedder import Embedder
from app.vision.manifest import SizeMetrics
from app.vision.self_test import check_self_test
from tests.measured import measured
from trainer.__main__ import main
from trainer.config import FinetuneConfig
from trainer.crops import load_crops
from trainer.errors import ParityError, WorseError
from trainer.gate import refuse_worse
from trainer.held_out import (
    ROUTING_SIZES,
    SizedPairs,
    choose_routing,
    choose_thresholds,
    sized_thresholds,
)
from trainer.networks import blend, read_dsr, read_edgeface, weights_sha256, write_run_networks
from trainer.parity import embed_by_torch, refuse_difference
from trainer.run_folder import open_run, read_provenance

Refused = Callable[..., str]
Commanded = Callable[..., str]


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory,
    fabric: Fabric,
    people: Path,
    networks: Path,
    finetune_config: FinetuneConfig,
) -> Path:
    """A run's folder as `finetune` leaves it. EdgeFace is untrained but tells blobs apart."""
    folder = tmp_path_factory.mktemp("runs") / "tuned"
    train = load_crops([people / "train"])
    start = read_edgeface(networks), read_dsr(networks)
    open_run(
        fabric,
        folder,
        finetune_config,
        train,
        {"edgeface": (networks, weights_sha256(start[0]))},
        resume=False,
    )
    write_run_networks(folder, start[1], start[0])
    return folder


@pytest.fixture(scope="module")
def collapsed(tmp_path_factory: pytest.TempPathFactory, run: Path) -> Path:
    """The same run, but everybody has the same embedding."""
    folder = tmp_path_factory.mktemp("collapsed") / "tuned"
    shutil.copytree(run, folder)
    edgeface = read_edgeface(run)
    with torch.no_grad():
        for name, parameter in edgeface.model.head.named_parameters():
            parameter.fill_(1.0 if name == "fc.bias" else 0.0)
    write_run_networks(folder, read_dsr(run), edgeface)
    return folder


def publish(run: Path, store: Path, people: Path, baseline: Path) -> list[object]:
    folders = ["--run", run, "--store", store, "--val-dir", people / "val"]
    return ["publish", *folders, "--baseline", baseline, "--name", "ours"]


STOCK = [measured(*of) for of in (("hr", 0.99), ("24", 0.95), ("16", 0.75), ("12", 0.40))]


def better(**change: float) -> list[SizeMetrics]:
    tar = {"hr": 0.988, "24": 0.96, "16": 0.85, "12": 0.6} | change
    return [measured(size, value) for size, value in tar.items()]


def test_bundle_is_published_whole(
    commanded: Commanded, run: Path, collapsed: Path, people: Path, tmp_path: Path
) -> None:
    said = commanded(*publish(run, tmp_path / "store", people, collapsed))
    assert "Largest difference to torch" in said
    folder = tmp_path / "store" / "ours"
    files = {path.name for path in folder.iterdir()}
    weights = {
        f"{network}.{kind}" for network in ("dsr", "edgeface") for kind in ("onnx", "safetensors")
    }
    assert files == weights | {"manifest.json", "MODEL_CARD.md"}
    bundle = load_bundle(folder)
    manifest = bundle.manifest
    assert [of.size for of in manifest.metrics] == ["hr", "32", "24", "16", "12"]
    assert len(manifest.thresholds) == 5 * 3
    for face_px in (0, 13.9, 14, 25, 39, 40, 500):
        assert manifest.threshold(face_px, 1e-3) is not None
    assert manifest.training is not None
    assert manifest.networks.dsr is not None
    assert bundle.onnx is not None
    assert bundle.onnx.dsr == (folder / "dsr.onnx").read_bytes()
    assert manifest.self_test is not None
    assert manifest.self_test.dsr is not None
    check_self_test(Embedder(bundle, "cpu"))
    card = (folder / "MODEL_CARD.md").read_text()
    for part in (
        manifest.space_id,
        manifest.training.data_list_sha256,
        manifest.training.commit,
        "Idiap Research Institute, BSD-3-Clause",
        "| 16 |",
        "### Degraded crops",
        "## Limits",
    ):
        assert part in card


def test_thresholds_follow_each_probe_when_there_is_a_cohort(
    commanded: Commanded, run: Path, collapsed: Path, people: Path, tmp_path: Path
) -> None:
    strangers = tmp_path / "strangers"
    strangers.mkdir()
    photos = sorted(path for path in (people / "train").rglob("*") if path.is_file())
    for place, photo in enumerate(photos[:12]):
        shutil.copy(photo, strangers / f"{place}{photo.suffix}")
    with_cohort = ("--cohort", strangers, "--cohort-source", "Blobs, CC0")
    commanded(*publish(run, tmp_path / "store", people, collapsed), *with_cohort)
    folder = tmp_path / "store" / "ours"
    bundle = load_bundle(folder)
    manifest = bundle.manifest
    assert manifest.cohort is not None
    assert manifest.cohort.source == "Blobs, CC0"
    assert Embedder(bundle, "cpu").cohort is not None
    assert len(manifest.thresholds) == 2 * 5 * 3
    for face_px in (0, 14, 25, 39, 500):
        usual = manifest.usual_likeness(face_px)
        assert usual is not None
        assert manifest.threshold(face_px, 1e-3, likeness=usual) is not None
    card = (folder / "MODEL_CARD.md").read_text()
    assert "Blobs, CC0" in card
    assert "| face px | likeness | FAR 1e-2 |" in card
    (folder / "cohort.safetensors").write_bytes(b"of somebody else")
    with pytest.raises(BundleError, match=r"cohort\.safetensors"):
        load_bundle(folder)


def test_nothing_is_published_when_a_stranger_is_among_the_people_held_out(
    refused: Refused, run: Path, collapsed: Path, people: Path, tmp_path: Path
) -> None:
    photos = [path for path in sorted(people.rglob("*")) if path.is_file()][-10:]
    folder = tmp_path / "strangers"
    folder.mkdir()
    for place, photo in enumerate(photos):
        shutil.copy(photo, folder / f"{place}{photo.suffix}")
    said = refused(*publish(run, tmp_path / "store", people, collapsed), "--cohort", folder)
    assert "are in --val-dir too" in said
    (folder / f"0{photos[0].suffix}").unlink()
    said = refused(*publish(run, tmp_path / "store", people, collapsed), "--cohort", folder)
    assert "has 9 photos, not 10" in said
    assert not (tmp_path / "store").exists()


def test_nothing_is_published_when_the_cohort_is_empty(
    refused: Refused, run: Path, collapsed: Path, people: Path, tmp_path: Path
) -> None:
    said = refused(*publish(run, tmp_path / "store", people, collapsed), "--cohort", tmp_path)
    assert str(tmp_path.name) in said
    assert not (tmp_path / "store").exists()


def test_small_faces_are_those_below_the_size_that_is_asked_for(
    commanded: Commanded, run: Path, collapsed: Path, people: Path, tmp_path: Path
) -> None:
    commanded(*publish(run, tmp_path, people, collapsed), "--dsr-below-px", 30)
    assert load_bundle(tmp_path / "ours").manifest.routing.dsr_below_px == 30


def test_bundle_stays_published_when_the_service_does_not_reload(
    run: Path,
    collapsed: Path,
    people: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # A port where nobody listens.
    words = [*publish(run, tmp_path, people, collapsed), "--reload", "http://127.0.0.1:9"]
    monkeypatch.setenv("FARSIGHT_API_KEY", "fs_key")
    monkeypatch.setattr(sys, "argv", ["trainer", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert "127.0.0.1:9/v1/admin/reload did not answer" in capsys.readouterr().err
    load_bundle(tmp_path / "ours")


def test_nothing_is_published_when_there_is_no_key_to_reload_with(
    refused: Refused, run: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FARSIGHT_API_KEY", raising=False)
    words = [*publish(run, tmp_path, people, run), "--reload", "http://127.0.0.1:9"]
    assert "FARSIGHT_API_KEY" in refused(*words)
    assert list(tmp_path.iterdir()) == []


def test_collapsed_weights_are_refused_with_the_figures(
    refused: Refused, run: Path, collapsed: Path, people: Path, tmp_path: Path
) -> None:
    said = refused(*publish(collapsed, tmp_path / "store", people, run))
    assert "impostor mean 1.000 at 16 px is above 0.1 (collapsed)" in said
    assert "TAR at FAR 1e-3 at hr px fell from 1.0000 to" in said
    assert not (tmp_path / "store").exists()


def test_weights_that_are_no_better_are_refused(
    refused: Refused, run: Path, people: Path, tmp_path: Path
) -> None:
    said = refused(*publish(run, tmp_path / "store", people, run))
    assert "not better than stock + bicubic" in said
    assert not (tmp_path / "store").exists()


def test_name_that_is_taken_is_refused_before_any_work(
    refused: Refused, run: Path, people: Path, tmp_path: Path
) -> None:
    (tmp_path / "ours").mkdir()
    assert "already a bundle named 'ours'" in refused(*publish(run, tmp_path, people, run))


def test_folder_that_is_no_run_is_refused(
    refused: Refused, run: Path, people: Path, tmp_path: Path
) -> None:
    assert "provenance.json" in refused(*publish(people, tmp_path, people, run))


def test_blend_is_either_network_at_the_ends_and_between_them_in_the_middle() -> None:
    torch.manual_seed(4)
    stock, tuned = EdgeFace("edgeface_xxs"), EdgeFace("edgeface_xxs")
    name = "model.head.fc.weight"
    ends = [blend(stock, tuned, share).state_dict()[name] for share in (0.0, 1.0)]
    assert torch.equal(ends[0], stock.state_dict()[name])
    assert torch.equal(ends[1], tuned.state_dict()[name])
    middle = blend(stock, tuned, 0.5).state_dict()[name]
    assert torch.allclose(middle, (ends[0] + ends[1]) / 2)


def test_blend_is_refused_when_variants_differ() -> None:
    with pytest.raises(BundleError, match="in common"):
        blend(EdgeFace("edgeface_xxs"), EdgeFace("edgeface_xs"), 0.5)


def test_gate_lets_better_weights_pass() -> None:
    refuse_worse(better(), STOCK)


def test_gate_does_not_take_two_pairs_of_photos_for_a_fall() -> None:
    few = [measured(of.size, of.tar_at_far["1e-3"], n_genuine=200) for of in better(hr=0.971)]
    refuse_worse(few, STOCK)
    with pytest.raises(WorseError, match=r"more than 0\.02"):
        refuse_worse([few[0], *few[2:], measured("24", 0.929, n_genuine=200)], STOCK)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (better(hr=0.9869), "at hr px fell from 0.9900 to 0.9869"),
        (better(**{"24": 0.946}), "at 24 px fell from 0.9500 to 0.9460"),
        (better(**{"24": 0.95, "16": 0.75, "12": 0.4}), "is 0.7000, not better than stock"),
        ([*better()[:3], measured("12", 0.6, 0.101)], "impostor mean 0.101 at 12 px is above 0.1"),
    ],
)
def test_gate_tells_what_is_worse(new: list[SizeMetrics], reason: str) -> None:
    with pytest.raises(WorseError) as refusal:
        refuse_worse(new, STOCK)
    assert reason in refusal.value.detail


def pairs(genuine: float, impostors: np.ndarray[tuple[int], np.dtype[np.float32]]) -> AllPairs:
    """One genuine pair and some impostor pairs."""
    similarity = np.append(np.float32(genuine), impostors)[None]
    is_genuine = np.arange(similarity.size)[None] == 0
    return AllPairs(similarity, is_genuine, ~is_genuine)


def test_routing_takes_the_sizes_at_which_dsr_pays_on_the_whole() -> None:
    impostors = np.linspace(-0.5, 0.4, 50, dtype=np.float32)
    known, unknown = pairs(0.9, impostors), pairs(0.1, impostors)
    direct: dict[Size, AllPairs] = {
        size: known if size >= 28 else unknown for size in ROUTING_SIZES
    }
    # One size where it does not pay is outweighed by the next ones.
    restored: dict[Size, AllPairs] = {
        size: known if size in (12, 20, 24) else unknown for size in ROUTING_SIZES
    }
    assert choose_routing(direct, restored) == 28
    assert choose_routing(direct, direct) == ROUTING_SIZES[0]


def test_thresholds_keep_their_rate() -> None:
    rng = np.random.default_rng(0)
    by_size = {
        size: pairs(0.9, rng.normal(0.01, 0.08, 200_000).astype(np.float32))
        for size in (None, 10, 14, *ROUTING_SIZES)
    }
    thresholds = choose_thresholds(by_size)
    assert len(thresholds) == 15
    for threshold in thresholds:
        accepted = (rng.normal(0.01, 0.08, 200_000) >= threshold.similarity).mean()
        assert accepted == pytest.approx(threshold.false_accept_rate, rel=0.6)


def test_rate_is_kept_for_each_kind_of_probe_when_thresholds_follow_them() -> None:
    """Half of the probes are nearer to everybody by 0.2, as soft ones are."""
    rng = np.random.default_rng(0)
    nearer = (np.arange(400) % 2 * 0.2).astype(np.float32)

    def drawn() -> AllPairs:
        similarity = rng.normal(0.0, 0.08, (400, 2500)).astype(np.float32) + nearer[:, None]
        genuine = np.zeros(similarity.shape, np.bool_)
        genuine[:, 0] = True
        return AllPairs(similarity, genuine, ~genuine)

    by_size: dict[Size, AllPairs] = {size: drawn() for size in (None, 10, 14, *ROUTING_SIZES)}
    noise = rng.normal(0, 0.005, 400).astype(np.float32)
    likeness = dict.fromkeys(by_size, nearer + noise)
    thresholds = choose_thresholds(by_size, likeness=likeness)
    assert len(thresholds) == 15
    fresh = drawn()
    for threshold in thresholds:
        assert threshold.likeness is not None
        assert 0 <= threshold.likeness <= 0.2
        kept = fresh.lowered(nearer + noise - threshold.likeness)
        for kind in (nearer == 0, nearer > 0):
            accepted = (kept.similarity[kind][:, 1:] >= threshold.similarity).mean()
            assert accepted == pytest.approx(threshold.false_accept_rate, rel=0.6)


def test_templates_of_a_size_have_thresholds_where_they_recognise_more() -> None:
    rng = np.random.default_rng(0)

    def at(genuine: float) -> AllPairs:
        return pairs(genuine, rng.normal(0.05, 0.1, 50_000).astype(np.float32))

    better = SizedPairs(12, {10: at(0.1), 12: at(0.1)}, {10: at(0.9), 12: at(0.9)})
    worse = SizedPairs(16, {14: at(0.9), 16: at(0.9)}, {14: at(0.1), 16: at(0.1)})
    thresholds = sized_thresholds([better, worse])
    assert [(of.template_px, of.min_face_px, of.max_face_px) for of in thresholds] == [
        (12, 0, 14)
    ] * 3
    assert [of.false_accept_rate for of in thresholds] == [1e-2, 1e-3, 1e-4]
    assert sized_thresholds([]) == ()


def test_bundle_is_not_published_when_it_answers_otherwise_than_the_networks(
    people: Path,
) -> None:
    torch.manual_seed(0)
    edgeface, dsr = EdgeFace("edgeface_xxs"), DSR(channels=8, blocks=2)
    torch.nn.init.normal_(dsr.exit.weight, std=0.05)
    pixels = load_crops([people / "val"]).pixels
    crops = [Crop(crop, face_px) for crop, face_px in zip(pixels, range(8, 80, 8), strict=True)]
    expected = embed_by_torch(edgeface, dsr, crops, 40)
    assert refuse_difference("ONNX", expected, expected + np.float32(9e-5)) > 8e-5
    other = embed_by_torch(edgeface, dsr, crops, 0)
    with pytest.raises(ParityError, match="ONNX differs from torch by"):
        refuse_difference("ONNX", expected, other)
    with pytest.raises(ParityError):
        refuse_difference("ONNX", expected, np.full_like(expected, np.nan))


def test_provenance_names_the_runs_behind_the_weights(
    tmp_path: Path, fabric: Fabric, run: Path, people: Path, finetune_config: FinetuneConfig
) -> None:
    train = load_crops([people / "train"])
    config = replace(finetune_config, contrastive_weight=0.0)
    open_run(
        fabric,
        tmp_path / "next",
        config,
        train,
        {"edgeface": (run, weights_sha256(read_edgeface(run)))},
        resume=False,
    )
    provenance = read_provenance(tmp_path / "next")
    assert provenance.earlier == (msgspec.structs.replace(read_provenance(run), earlier=()),)
    assert provenance.config_sha256 != provenance.earlier[0].config_sha256
