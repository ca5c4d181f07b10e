"""`bundles` from the shell, with a checkpoint."""

import json
import shutil
import tempfile
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.__main__ import cli
from app.commands import bundles
from app.errors import BundleError, ModelFileError
from app.settings import Settings
from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder
from app.vision.self_test import check_self_test
from tests.conftest import TRAINED, MakeCrops
from tests.program import run_app
from tests.rights import without_the_right_to_write
from tests.sample_people import write_people
from tests.service_process import environment


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FARSIGHT_BUNDLES", str(tmp_path / "store"))
    monkeypatch.setenv("FARSIGHT_DETECTORS", str(tmp_path / "detectors"))
    monkeypatch.setenv("FARSIGHT_DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path}/farsight.db")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "store"


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["bundles", *arguments])


def _import(checkpoint: Path, name: str) -> Result:
    return _run("import", "--edgeface", str(checkpoint), "--name", name)


def test_checkpoint_becomes_a_bundle_when_imported(checkpoint: Path, store: Path) -> None:
    imported = _import(checkpoint, "mine")
    assert imported.exit_code == 0
    assert "edgeface_xxs" in imported.stdout
    assert sorted(file.name for file in (store / "mine").iterdir()) == [
        "edgeface.onnx",
        "edgeface.safetensors",
        "manifest.json",
    ]
    assert "as it was published" in _run("verify", "mine").stdout
    embedder = Embedder(load_bundle(store / "mine"), "cpu")
    assert embedder.bundle.manifest.self_test is not None
    assert embedder.bundle.onnx is not None
    check_self_test(embedder)
    listed = _run("list").stdout
    assert "mine" in listed
    assert "available" in listed
    assert isinstance(_import(checkpoint, "mine").exception, BundleError)


def test_import_is_refused_when_a_bundle_that_ships_has_the_name(
    checkpoint: Path, store: Path
) -> None:
    refused = _import(checkpoint, "farsight-xs")
    assert isinstance(refused.exception, BundleError)
    assert "built-in bundle" in refused.exception.detail
    assert not store.exists()


def test_bundle_is_listed_with_the_reason_when_it_is_broken(checkpoint: Path, store: Path) -> None:
    _import(checkpoint, "mine")
    weights = store / "mine" / "edgeface.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "SHA-256" in _run("list").stdout
    assert isinstance(_run("verify", "mine").exception, BundleError)


def test_list_has_the_bundles_that_ship_when_there_is_no_store(store: Path) -> None:
    listed = _run("list", "--json")
    assert [bundle["name"] for bundle in json.loads(listed.stdout)] == [
        "farsight-xs",
        "farsight-xxs",
    ]
    assert not store.exists()
    assert isinstance(_run("verify", "mine").exception, BundleError)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 no zip"])
def test_nothing_is_imported_when_the_file_is_no_checkpoint(
    tmp_path: Path, store: Path, content: bytes
) -> None:
    path = tmp_path / "file.pt"
    path.write_bytes(content)
    refused = _run("import", "--edgeface", str(path), "--name", "mine")
    assert isinstance(refused.exception, BundleError)
    assert not (store / "mine").exists()


@pytest.mark.parametrize("name", ["../escaped", "Upper", "", "a/b", ".hidden"])
def test_nothing_is_imported_when_the_name_is_bad(
    checkpoint: Path, store: Path, tmp_path: Path, name: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert isinstance(_import(checkpoint, name).exception, BundleError)
    assert [path for path in sorted(tmp_path.rglob("*")) if path != store] == before


def test_pull_tells_the_next_command_when_a_checkpoint_came(
    checkpoint: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = checkpoint.read_bytes()

    def download(url: str, target: Path) -> Path:
        assert url.endswith("/checkpoints/edgeface_xxs.pt")
        target.parent.mkdir(parents=True)
        target.write_bytes(content)
        return target

    monkeypatch.setattr(bundles, "download", download)
    pulled = _run("pull", "edgeface_xxs", "--folder", str(tmp_path / "checkpoints"))
    assert pulled.exit_code == 0
    assert "bundles import --edgeface" in pulled.stdout


def test_import_and_pull_end_in_a_sentence_when_the_folder_cannot_be_written(
    checkpoint: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(checkpoint, folder)
        monkeypatch.setenv("FARSIGHT_BUNDLES", str(folder))
        with without_the_right_to_write(folder):
            imported = _import(folder / checkpoint.name, "mine")
            pulled = _run("pull", "edgeface_base", "--folder", f"{name}/checkpoints")
            found = list(folder.iterdir())
    assert isinstance(imported.exception, BundleError)
    assert imported.exception.detail == (
        "The bundle could not be written into the store: Permission denied."
    )
    assert imported.exception.paths == (folder,)
    assert isinstance(pulled.exception, ModelFileError)
    assert pulled.exception.detail.startswith("edgeface_base.pt could not be written: Permission")
    assert found == [folder / checkpoint.name]


def test_pull_says_so_when_there_is_no_network(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A port where nobody listens.
    monkeypatch.setattr(bundles, "_CHECKPOINTS", "http://127.0.0.1:9/{}.pt")
    refused = _run("pull", "edgeface_base", "--folder", str(tmp_path))
    assert isinstance(refused.exception, ModelFileError)
    assert "Is the network up" in refused.exception.detail


def test_usage_is_wrong_when_nobody_publishes_it(store: Path) -> None:
    assert _run("pull", "edgeface_huge").exit_code == 2


def test_imported_bundle_serves_after_it_was_measured_here(
    checkpoint: Path, settings: Settings, make_crops: MakeCrops, tmp_path: Path
) -> None:
    store = tmp_path / "imported"
    shutil.copytree(TRAINED, store / "serving")
    manifest = json.loads((store / "serving" / "manifest.json").read_text())
    (store / "serving" / "manifest.json").write_text(json.dumps(manifest | {"name": "serving"}))
    changes = {"FARSIGHT_BUNDLES": str(store), "FARSIGHT_BUNDLE": "serving"}
    run = partial(run_app, environment=environment(settings, COLUMNS="200", **changes))
    crops = make_crops(12, 4)
    people = write_people(tmp_path / "people", crops)
    first = sorted(path for path in people.iterdir() if path.is_dir())[0]
    enrolled = run("register", "--user-id", "one", "--aligned", first)
    assert enrolled.returncode == 0, enrolled.stdout
    imported = run("bundles", "import", "--edgeface", checkpoint, "--name", "mine", "--json")
    assert json.loads(imported.stdout)["name"] == "mine"
    refused = run("bundles", "reload", "mine")
    assert refused.returncode == 1
    assert "`farsight bundles measure mine`" in refused.stderr

    shutil.rmtree(first)
    told = run("bundles", "measure", "mine", "--dataset-root", people, "--aligned", "--json")
    assert told.returncode == 0, told.stderr
    measured = json.loads(told.stdout)
    assert [of["size"] for of in measured["metrics"]] == ["hr", "32", "24", "16", "12"]
    assert measured["reasons"] == []
    assert load_bundle(store / "mine").manifest.measured_on == measured["measured_on"]
    assert "mine serves" in run("bundles", "reload", "mine").stdout


def test_bundle_that_comes_with_farsight_is_not_measured_anew(store: Path, tmp_path: Path) -> None:
    refused = _run("measure", "farsight-xs", "--dataset-root", str(tmp_path))
    assert isinstance(refused.exception, BundleError)
    assert "`farsight evaluate` measures it" in refused.exception.detail


def test_import_says_what_to_do_when_there_is_no_such_file(store: Path, tmp_path: Path) -> None:
    refused = _import(tmp_path / "missing.pt", "mine")
    assert isinstance(refused.exception, BundleError)
    assert "There is no file" in refused.exception.detail
    assert "bundles pull" in refused.exception.detail
