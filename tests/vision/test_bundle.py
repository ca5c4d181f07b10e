import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
import safetensors.torch
import torch

from app.errors import BundleError, BundleNotFoundError
from app.shipped import BUNDLES as SHIPPED
from app.vision.alignment import Crop
from app.vision.bundle import (
    bundle_folders,
    find_bundle,
    load_bundle,
    verify_bundle,
    weight_file,
    write_bundle,
)
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from app.vision.embedder import Embedder
from app.vision.manifest import (
    DsrEntry,
    EdgeFaceEntry,
    Manifest,
    Networks,
    Routing,
    Threshold,
    read_manifest,
)
from app.vision.torch_networks import build_networks, pack_weights


@dataclass(frozen=True)
class Made:
    """A bundle before it is written."""

    manifest: Manifest
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def made() -> Made:
    torch.manual_seed(2)
    dsr = DSR(channels=8, blocks=2, heads=2)
    torch.nn.init.normal_(dsr.exit.weight, std=0.05)
    files = {
        "edgeface.safetensors": pack_weights(EdgeFace("edgeface_xxs")),
        "dsr.safetensors": pack_weights(dsr),
    }
    manifest = Manifest(
        name="made",
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
        networks=Networks(
            edgeface=EdgeFaceEntry(
                variant="edgeface_xxs",
                weights=weight_file("edgeface.safetensors", files["edgeface.safetensors"]),
            ),
            dsr=DsrEntry(
                channels=8,
                blocks=2,
                heads=2,
                weights=weight_file("dsr.safetensors", files["dsr.safetensors"]),
            ),
        ),
        routing=Routing(dsr_below_px=40.0),
        licence="none",
        attribution="nobody",
    )
    return Made(manifest, files)


@pytest.fixture
def folder(made: Made, tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "store", made.manifest, made.files)


def reseal(folder: Path, content: bytes) -> None:
    """Gives a bundle other EdgeFace weights together with a manifest that vouches for them."""
    (folder / "edgeface.safetensors").write_bytes(content)
    manifest = read_manifest(folder)
    entry = weight_file("edgeface.safetensors", content)
    edgeface = msgspec.structs.replace(manifest.networks.edgeface, weights=entry)
    networks = msgspec.structs.replace(manifest.networks, edgeface=edgeface)
    vouching = msgspec.structs.replace(manifest, networks=networks)
    (folder / "manifest.json").write_bytes(msgspec.json.encode(vouching))


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "edgeface.safetensors")


def flip_bit(folder: Path) -> None:
    path = folder / "dsr.safetensors"
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)


def cut_short(folder: Path) -> None:
    path = folder / "edgeface.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def lose_file(folder: Path) -> None:
    (folder / "dsr.safetensors").unlink()


def lose_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def link_out_of_the_store(folder: Path) -> None:
    outside = folder.parent.parent / "outside.safetensors"
    shutil.move(folder / "dsr.safetensors", outside)
    (folder / "dsr.safetensors").symlink_to(outside)


def link_the_folder(folder: Path) -> None:
    folder.rename(folder.parent.parent / "made")
    folder.symlink_to(folder.parent.parent / "made")


def link_the_manifest(folder: Path) -> None:
    shutil.move(folder / "manifest.json", folder.parent.parent)
    (folder / "manifest.json").symlink_to(folder.parent.parent / "manifest.json")


def add_tensor(folder: Path) -> None:
    reseal(folder, safetensors.torch.save({**tensors_of(folder), "model.more": torch.zeros(1)}))


def drop_tensor(folder: Path) -> None:
    tensors = tensors_of(folder)
    del tensors["model.head.fc.bias"]
    reseal(folder, safetensors.torch.save(tensors))


def change_shape(folder: Path) -> None:
    tensors = {**tensors_of(folder), "model.head.fc.bias": torch.zeros(256)}
    reseal(folder, safetensors.torch.save(tensors))


def change_type(folder: Path) -> None:
    tensors = tensors_of(folder)
    tensors["model.head.fc.bias"] = tensors["model.head.fc.bias"].to(torch.int64)
    reseal(folder, safetensors.torch.save(tensors))


def plant_nan(folder: Path) -> None:
    tensors = tensors_of(folder)
    tensors["model.head.fc.bias"][3] = float("nan")
    reseal(folder, safetensors.torch.save(tensors))


def disguise_pickle(folder: Path) -> None:
    pickled = folder.parent.parent / "pickled"
    torch.save(tensors_of(folder), pickled)
    reseal(folder, pickled.read_bytes())


def edit_manifest(old: str, new: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        text = (folder / "manifest.json").read_text()
        assert old in text
        (folder / "manifest.json").write_text(text.replace(old, new))

    return damage


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip_bit, "SHA-256"),
        (cut_short, "size"),
        (lose_file, "missing"),
        (lose_manifest, "no readable"),
        (link_out_of_the_store, "not a plain file"),
        (link_the_folder, "is a symbolic link"),
        (link_the_manifest, "is a symbolic link"),
        (add_tensor, "does not fit"),
        (drop_tensor, "does not fit"),
        (change_shape, "does not fit"),
        (change_type, "not finite float32"),
        (plant_nan, "not finite"),
        (disguise_pickle, "not a safetensors file"),
        (edit_manifest('"dsr.safetensors"', '"../../etc/passwd"'), "invalid"),
        (edit_manifest('"made"', '"another"'), "named 'another'"),
        (edit_manifest('"edgeface_xxs"', '"edgeface_xxl"'), "unknown network"),
        (edit_manifest('"heads": 2', '"heads": 3'), "do not divide"),
        (edit_manifest('"RGB"', '"BGR"'), "invalid"),
        (edit_manifest('"size_px": 112', '"size_px": 128'), "invalid"),
        (edit_manifest('"licence"', '"license"'), "invalid"),
    ],
)
def test_bundle_is_refused_when_damaged(
    damage: Callable[[Path], None], reason: str, folder: Path
) -> None:
    build_networks(load_bundle(folder))
    damage(folder)
    with pytest.raises(BundleError, match=reason):
        build_networks(load_bundle(folder))


def test_bundle_is_found_when_it_is_in_the_store(folder: Path) -> None:
    assert find_bundle(folder.parent, "made") == folder


def test_bundle_that_ships_is_found_when_the_store_has_none_of_its_name(
    folder: Path, tmp_path: Path
) -> None:
    store, name = folder.parent, "farsight-xxs"
    assert find_bundle(store, name) == SHIPPED / name
    assert [path.name for path in bundle_folders(store)] == ["farsight-xs", name, "made"]
    assert bundle_folders(tmp_path / "absent") == [SHIPPED / "farsight-xs", SHIPPED / name]
    shutil.copytree(SHIPPED / name, store / name)
    assert find_bundle(store, name) == store / name
    assert store / name in bundle_folders(store)
    assert len(bundle_folders(store)) == 3


def test_bundles_that_ship_are_those_that_were_released() -> None:
    """People are enrolled in these spaces: better weights get another name (CONTRIBUTING.md)."""
    spaces = {folder.name: verify_bundle(folder).space_id for folder in SHIPPED.glob("*/")}
    assert spaces == {"farsight-xs": "d1dc5a7280ae97ae", "farsight-xxs": "368ef45afc6f8de8"}


def test_error_tells_where_it_was_looked_when_there_is_no_such_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFoundError) as refused:
        find_bundle(tmp_path / "store", "other")
    assert refused.value.paths == (tmp_path / "store", SHIPPED)
    assert str(tmp_path) not in refused.value.detail


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../made",
        "../../etc",
        "/etc",
        "made/",
        "made\n",
        "Made",
        ".incoming-1",
        "x" * 65,
        "other",
        "a-file",
    ],
)
def test_bundle_is_not_found_when_the_name_is_none_in_the_store(name: str, folder: Path) -> None:
    (folder.parent / "a-file").touch()
    (folder.parent / ".incoming-1").mkdir()
    with pytest.raises(BundleNotFoundError):
        find_bundle(folder.parent, name)


def test_bundle_is_not_found_when_it_is_a_link_out_of_the_store(folder: Path) -> None:
    link_the_folder(folder)
    with pytest.raises(BundleNotFoundError):
        find_bundle(folder.parent, "made")


def test_bundle_is_whole_or_absent_when_writing_fails(made: Made, tmp_path: Path) -> None:
    files = {**made.files, "dsr.safetensors": b"not what the manifest says"}
    with pytest.raises(BundleError, match="differs in size"):
        write_bundle(tmp_path / "store", made.manifest, files)
    assert list((tmp_path / "store").iterdir()) == []


def test_bundle_is_refused_when_name_is_taken(made: Made, folder: Path) -> None:
    with pytest.raises(BundleError, match="already"):
        write_bundle(folder.parent, made.manifest, made.files)
    verify_bundle(folder)


def test_bundle_takes_the_place_when_replacing(made: Made, folder: Path) -> None:
    renewed = msgspec.structs.replace(made.manifest, attribution="somebody")
    write_bundle(folder.parent, renewed, made.files, replace=True)
    assert read_manifest(folder).attribution == "somebody"
    assert [path.name for path in folder.parent.iterdir()] == ["made"]


def test_manifest_is_the_same_when_read_again(made: Made, folder: Path) -> None:
    assert read_manifest(folder) == made.manifest


def test_space_changes_when_anything_moves_embeddings(made: Made) -> None:
    replace = msgspec.structs.replace
    manifest, networks = made.manifest, made.manifest.networks
    other_file = weight_file("edgeface.safetensors", b"other")
    moved = [
        replace(manifest, routing=Routing(dsr_below_px=32.0)),
        replace(manifest, networks=replace(networks, dsr=None)),
        replace(
            manifest,
            networks=replace(networks, edgeface=replace(networks.edgeface, weights=other_file)),
        ),
    ]
    assert len({manifest.space_id, *(entry.space_id for entry in moved)}) == 4
    same = replace(manifest, name="twin", licence="other", parent="made")
    assert same.space_id == manifest.space_id


def test_threshold_fits_size_and_rate_when_there_is_one(made: Made) -> None:
    small = Threshold(min_face_px=0, max_face_px=20, false_accept_rate=1e-3, similarity=0.3)
    large = Threshold(min_face_px=20, max_face_px=None, false_accept_rate=1e-3, similarity=0.2)
    manifest = msgspec.structs.replace(made.manifest, thresholds=(small, large))
    assert manifest.threshold(19.9, 1e-3) == 0.3
    assert manifest.threshold(20, 1e-3) == 0.2
    assert manifest.threshold(300, 1e-3) == 0.2
    assert manifest.threshold(300, 1e-2) is None


def random_crops(sizes: list[float]) -> list[Crop]:
    rng = np.random.default_rng(1)
    return [Crop(rng.integers(0, 256, (112, 112, 3), dtype=np.uint8), px) for px in sizes]


def test_embeddings_are_the_same_when_crops_come_together_or_alone(folder: Path) -> None:
    embedder = Embedder(load_bundle(folder), "cpu")
    crops = random_crops([16.0, 100.0, 39.9, 40.0] * (embedder.max_batch // 2 + 1))
    together, routes = embedder.embed(crops)
    assert routes[:4] == ["dsr", "direct", "dsr", "direct"]
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-6
    for index in (0, 1, len(crops) - 2, len(crops) - 1):
        alone, _ = embedder.embed([crops[index]])
        assert np.abs(alone[0] - together[index]).max() < 1e-5


def test_nothing_comes_back_when_there_are_no_crops(folder: Path) -> None:
    embeddings, routes = Embedder(load_bundle(folder), "cpu").embed([])
    assert embeddings.shape == (0, 512)
    assert routes == []


def test_upscaling_shows_a_picture_when_bundle_has_dsr(folder: Path) -> None:
    crop = random_crops([16.0])[0]
    restored = Embedder(load_bundle(folder), "cpu").upscale(crop)
    assert restored.shape == (112, 112, 3)
    assert restored.dtype == np.uint8
    assert (restored != crop.pixels).any()
