"""`evaluate` from the shell, each command a process, on faces."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from app.evaluation.person_figures import BestMatches, person_figures
from tests.conftest import MakeCrops
from tests.program import Name, run_app
from tests.sample_people import write_people

ROOT = Path(__file__).parents[2]
TRAINED = ROOT / "weights" / "farsight-xxs"


def run(program: Name, *words: str | Path) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "COLUMNS": "160"}
    return run_app("evaluate", *words, environment=variables, timeout=250, name=program)


@pytest.fixture(scope="module")
def people(make_crops: MakeCrops, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four crops of each of five people, one of them under a wrong name."""
    crops = make_crops(5, 4)
    root = write_people(tmp_path_factory.mktemp("people"), crops)
    first, second, *_ = sorted(crops)
    wrong = min((root / first).iterdir())
    wrong.rename(root / second / f"wrong-{wrong.name}")
    return root


@pytest.mark.parametrize(
    ("pooled", "probes"), [((), 20), (("--template-photos", "2", "--frames", "2"), 9)]
)
def test_figures_are_exactly_the_trainers(
    people: Path, tmp_path: Path, pooled: tuple[str, ...], probes: int
) -> None:
    options = ("--aligned", "--sizes", "hr,16", "--device", "cpu", *pooled)
    ours = run("app", "--dataset-root", people, "--edgeface-weights", TRAINED, *options, "--json")
    assert ours.returncode == 0, ours.stderr
    theirs = run("trainer", "--root", people, "--bundle", TRAINED, *options, "--out", tmp_path)
    assert theirs.returncode == 0, theirs.stderr
    found = json.loads(ours.stdout)
    by_person = found.pop("people")
    assert found == json.loads((tmp_path / "report.json").read_text())
    assert len(found["results"]) == 2
    assert [of["size"] for of in by_person] == ["hr", "16"]
    assert all(len(of["people"]) == 5 for of in by_person)
    assert sum(person["photos"] for person in by_person[0]["people"]) == probes
    if pooled:
        assert (found["template_photos"], found["frames"]) == (2, 2)
        return
    # The photo under a wrong name is found by nobody, or as whom it shows.
    assert by_person[0]["people"][0]["missed"] >= 1


def test_checkpoint_is_measured_and_shown(people: Path, checkpoint: Path) -> None:
    told = run(
        *("app", "--dataset-root", people, "--edgeface-weights", checkpoint),
        *("--aligned", "--sizes", "hr"),
    )
    assert told.returncode == 0, told.stderr
    assert "20 photos of 5 people, bundle edgeface_xxs" in told.stdout
    for title in ("accuracy", "Most missed at hr", "Thresholds that keep a false-accept rate"):
        assert title in told.stdout
    assert "too few to set it by" in told.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--dataset-root", "absent"), "absent does not exist"),
        (("--edgeface-weights", "absent"), "no bundle named 'absent'"),
        (("--edgeface-weights", "README.md"), "not a checkpoint"),
        (("--edgeface-weights", "docs"), "manifest.json"),
        (("--degrade", "camera"), "Use --degrade crop, or a folder of whole photos"),
        (("--template-photos", "5"), "nobody has more than 5"),
    ],
)
def test_refused_in_a_sentence(people: Path, words: tuple[str, str], reason: str) -> None:
    told = run("app", "--dataset-root", people, "--aligned", *words)
    assert told.returncode == 1, told.stdout
    assert reason in " ".join(told.stderr.split())
    assert "Traceback" not in told.stderr
    assert told.stdout == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--sizes", "hr,banana"), "'banana' is not a size"),
        (("--device", "abacus"), "abacus"),
        (
            ("--edgeface-weights", "weights/farsight-xxs/edgeface.safetensors"),
            "name its folder",
        ),
    ],
)
def test_wrong_usage_is_told(people: Path, words: tuple[str, str], reason: str) -> None:
    told = run("app", "--dataset-root", people, "--aligned", *words)
    assert told.returncode == 2
    assert reason in " ".join(told.stderr.replace("│", " ").split())


def test_help_names_every_option() -> None:
    told = run("app", "--help")
    assert told.returncode == 0
    for option in ("dataset-root", "edgeface-weights", "sizes", "aligned", "device", "json"):
        assert f"--{option}" in told.stdout
    for option in ("degrade", "template-photos", "frames"):
        assert f"--{option}" in told.stdout
    # Levels are told where somebody chooses.
    assert "JPEG at quality 40 to 90" in " ".join(told.stdout.replace("│", " ").split())


def test_people_are_told_with_whom_they_are_confused() -> None:
    matches = BestMatches(
        owner=np.array([0, 0, 1, 1, 2]),
        has_mate=np.array([True, True, True, True, False]),
        genuine=np.array([0.8, 0.2, 0.5, -2.0, -2.0]),
        impostor=np.array([0.1, 0.1, 0.6, 0.4, 0.3]),
        rival=np.array([1, 1, 0, 0, 1]),
    )
    figures = person_figures(matches, ["ann", "bob", "cy"], 0.4)
    assert [(of.person, of.photos, of.missed, of.taken_for) for of in figures] == [
        ("bob", 2, 2, {"ann": 2}),
        ("ann", 2, 1, {}),
        ("cy", 1, 0, {}),  # nobody to be found, and nobody is
    ]
