"""`python -m trainer evaluate`: what it writes, and what it refuses."""

import json
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from PIL import Image as PillowImage

from app.vision.bundle import weight_file, write_bundle
from app.vision.dsr import DSR
from app.vision.edgeface import EdgeFace
from app.vision.manifest import DsrEntry, EdgeFaceEntry, Manifest, Networks, Routing
from app.vision.torch_networks import pack_weights
from trainer.__main__ import main

FILES = {"report.json", "report.md", "roc.png", "histograms.png", "sizes.png"}


class Done(NamedTuple):
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]
Refused = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """`python -m trainer evaluate` within this process: importing torch anew takes seconds."""

    def command(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["trainer", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Done(code or 0, *capfd.readouterr())

    return command


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained EdgeFace and a DSR that changes its input."""
    torch.manual_seed(0)
    edgeface, dsr = EdgeFace("edgeface_xxs"), DSR(channels=16, blocks=2)
    torch.nn.init.normal_(dsr.exit.weight, std=0.1)
    files = {"edgeface.safetensors": pack_weights(edgeface), "dsr.safetensors": pack_weights(dsr)}
    weights = {name: weight_file(name, content) for name, content in files.items()}
    manifest = Manifest(
        name="untrained",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        networks=Networks(
            edgeface=EdgeFaceEntry(
                variant=edgeface.variant, weights=weights["edgeface.safetensors"]
            ),
            dsr=DsrEntry(channels=16, blocks=2, heads=4, weights=weights["dsr.safetensors"]),
        ),
        routing=Routing(dsr_below_px=28),
        licence="none",
        attribution="none",
    )
    return write_bundle(tmp_path_factory.mktemp("store"), manifest, files)


@pytest.fixture(scope="module")
def aligned_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people of two crops each, in colours of their own."""
    root = tmp_path_factory.mktemp("people")
    for index, name in enumerate(("ann", "bob", "cy")):
        (root / name).mkdir()
        for number in range(2):
            colour = (80 * index, 250 - 90 * index, 40 * number)
            PillowImage.new("RGB", (112, 112), colour).save(root / name / f"{number}.png")
    return root


def test_report_and_plots_are_written_when_people_are_evaluated(
    run: Run, bundle: Path, aligned_people: Path, tmp_path: Path
) -> None:
    options = ("--sizes", "hr,16", "--aligned", "--baseline", "bicubic", "--out", tmp_path)
    done = run("--bundle", bundle, "--root", aligned_people, *options)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == FILES
    report = json.loads((tmp_path / "report.json").read_text())
    found = [(it["size"], it["route"], it["baseline"]) for it in report["results"]]
    assert found == [
        ("hr", "direct", None),
        ("16", "dsr", None),
        ("hr", "direct", "bicubic"),
        ("16", "direct", "bicubic"),
    ]
    assert (report["protocol"], report["bundle"]) == ("people", "untrained")
    assert (report["template_photos"], report["frames"]) == (1, 1)
    ours, plain = report["results"][1], report["results"][3]
    assert ours["impostor_mean"] != plain["impostor_mean"]
    text = (tmp_path / "report.md").read_text()
    assert "trainer evaluate --bundle" in text
    assert text.count("| untrained, bicubic |") == 6
    assert "untrained" in done.stdout


def test_report_is_the_same_bytes_when_repeated(
    run: Run, bundle: Path, aligned_people: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        options = ("--sizes", "16", "--aligned", "--out", tmp_path / name)
        assert run("--bundle", bundle, "--root", aligned_people, *options).returncode == 0
    for name in FILES - {"report.md"}:  # it names the command, and so the folder
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_pairs_are_evaluated_when_listed(
    run: Run, bundle: Path, aligned_people: Path, tmp_path: Path
) -> None:
    lines = ["2 1", "ann 1 2", "ann 1 bob 2", "cy 1 2", "bob 1 cy 1"]
    (tmp_path / "pairs.txt").write_text("\n".join(lines))
    options = ("--pairs", tmp_path / "pairs.txt", "--aligned", "--out", tmp_path / "out")
    done = run("--bundle", bundle, "--root", aligned_people, *options)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["protocol"] == "pairs"
    assert [it["size"] for it in report["results"]] == ["hr", "32", "24", "16"]
    assert all(it["rank1"] is None for it in report["results"])


def test_bundles_stand_side_by_side_when_two_are_given(
    run: Run, bundle: Path, aligned_people: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "store" / bundle.name
    shutil.copytree(bundle, twin)
    options = ("--sizes", "hr", "--aligned", "--out", tmp_path / "out")
    done = run("--bundle", bundle, "--bundle", twin, "--root", aligned_people, *options)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [it["bundle"] for it in report["results"]] == [str(bundle), str(twin)]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--sizes", "hr,banana", "--aligned"], "'banana'"),
        (["--aligned", "--degrade", "photo"], "whole photos"),
        (["--aligned", "--degrade", "camera"], "whole photos"),
        (["--aligned", "--template-photos", "3"], "a person with 4 photos"),
        (["--aligned", "--frames", "0"], "0 is outside"),
        (["--pairs", "absent.txt", "--frames", "2"], "Leave out --pairs"),
        (["--aligned", "--root", "absent"], "The folder absent does not exist"),
        (["--aligned", "--pairs", "absent.txt"], "absent.txt"),
        (["--aligned", "--bundle", "absent"], "absent"),
        (["--detector", "yunet", "--detectors", "absent"], "face_detection_yunet"),
        (["--aligned", "--baseline", "magic"], "magic"),
    ],
)
def test_one_sentence_and_exit_code_2_when_refused(
    refused: Refused,
    bundle: Path,
    aligned_people: Path,
    tmp_path: Path,
    options: list[str],
    reason: str,
) -> None:
    out = tmp_path / "out"
    said = refused("evaluate", "--bundle", bundle, "--root", aligned_people, "--out", out, *options)
    assert reason in said
    assert not out.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_device_is_refused_when_there_is_no_gpu(
    refused: Refused, bundle: Path, aligned_people: Path
) -> None:
    options = ("--aligned", "--device", "cuda")
    assert "no GPU" in refused("evaluate", "--bundle", bundle, "--root", aligned_people, *options)


@pytest.mark.parametrize(("degrade", "most_lost"), [("photo", 0), ("camera", 3)])
def test_detector_and_routing_are_the_services_when_photos_are_whole(
    run: Run,
    degrade: str,
    most_lost: int,
    photo_files: dict[str, list[Path]],
    stock_bundle: Path,
    detectors: Path,
    tmp_path: Path,
) -> None:
    root = tmp_path / "people"
    for person in list(photo_files)[:4]:
        (root / person).mkdir(parents=True)
        for photo in photo_files[person][:3]:
            shutil.copy(photo, root / person)
    options = ("--degrade", degrade, "--sizes", "hr,24", "--out", tmp_path / "out")
    where = ("--detector", "centerface", "--detectors", detectors)
    done = run("--bundle", stock_bundle, "--root", root, *options, *where)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["n_photos"], report["without_face"]) == (12, [])
    sharp, small = (it["n_undetected"] for it in report["results"])
    assert sharp == 0
    assert small <= most_lost
    assert report["results"][0]["rank1"] > 0.8
