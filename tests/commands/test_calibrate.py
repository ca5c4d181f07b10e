"""`calibrate` from the shell, each command a process, on faces."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.scaling import Pixels
from tests.conftest import MakeCrops
from tests.program import run_app
from tests.rotated import enrol
from tests.service_process import environment

Run = Callable[..., subprocess.CompletedProcess[str]]
Enrolled = Callable[..., Run]

# Each command loads all networks and embeds every crop at five sizes.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def enrolled(make_settings: Callable[[Path], Settings], store: Path, tmp_path: Path) -> Enrolled:
    """Enrols people in a database of its own; what comes back runs `calibrate` there."""

    def with_people(people: dict[str, list[Pixels]], *, retain_crops: bool = True) -> Run:
        url = f"sqlite+aiosqlite:///{tmp_path}/calibrate.db"
        settings = make_settings(tmp_path).model_copy(
            update={
                "bundles": store,
                "bundle": "farsight-xxs",
                "database": DatabaseSettings(url=url),
            }
        )
        enrol(settings, people, retain_crops=retain_crops)
        variables = environment(settings, COLUMNS="200")
        return partial(run_app, "calibrate", environment=variables, timeout=250)

    return with_people


def test_thresholds_are_proposed_for_every_size_and_drawn(
    enrolled: Enrolled, make_crops: MakeCrops, tmp_path: Path
) -> None:
    run = enrolled(make_crops(30, 4, variety=0.9))  # so that the smallest are not all known
    told = run("--false-accept-rate", "1e-2", "--json", "--plot", tmp_path / "plot.png")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["users"], found["photos"], found["mislabelled"]) == (30, 120, [])
    assert [size["probes"] for size in found["sizes"]] == [120] * 5
    assert [(of["min_face_px"], of["max_face_px"]) for of in found["thresholds"]] == [
        (0, 14),
        (14, 20),
        (20, 28),
        (28, 40),
        (40, None),
    ]
    assert all(0.15 < of["similarity"] < 0.4 for of in found["thresholds"])
    assert found["sizes"][0]["proposal"]["accepted"] < found["sizes"][-1]["proposal"]["accepted"]
    assert -1 < found["worst_genuine"]["similarity"] < 0.5
    assert len(set(found["closest"]["users"])) == 2
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_exchanged_photos_are_named_and_nothing_is_proposed(
    enrolled: Enrolled, crops: dict[str, list[Pixels]]
) -> None:
    people = {user_id: list(photos) for user_id, photos in crops.items()}
    one, two = list(people)[:2]
    # Not the first: that of `two` is nobody's face whom we know, whatever the folder says.
    people[one][1], people[two][1] = people[two][1], people[one][1]
    run = enrolled(people)
    told = run("--json")
    assert told.returncode == 1
    said = " ".join(told.stderr.split())
    assert f"{one} (looks like {two})" in said
    assert f"{two} (looks like {one})" in said
    found = json.loads(told.stdout)
    assert found["thresholds"] == found["sizes"] == []
    named = {(photo["user_id"], photo["looks_like"]) for photo in found["mislabelled"]}
    assert named == {(one, two), (two, one)}
    shown = run()
    assert shown.returncode == 1
    assert "looks like" in shown.stdout
    assert "threshold" not in shown.stdout.lower()


def test_only_sizes_of_the_photos_are_advised_when_crops_are_not_kept(
    enrolled: Enrolled, crops: dict[str, list[Pixels]]
) -> None:
    run = enrolled(crops, retain_crops=False)
    told = run("--false-accept-rate", "1e-2")
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("no photos of this size") == 4
    assert "120 photos are stored without crop" in told.stdout
    missing = run("--plot", "missing/plot.png", "--false-accept-rate", "1e-2")
    assert missing.returncode == 1
    assert "cannot be written" in " ".join(missing.stderr.split())


def test_refused_with_the_reason_when_people_are_few(
    enrolled: Enrolled, crops: dict[str, list[Pixels]]
) -> None:
    run = enrolled({user_id: crops[user_id] for user_id in list(crops)[:3]})
    told = run("--false-accept-rate", "1e-4")
    assert told.returncode == 1
    said = " ".join(told.stderr.split())
    assert "3 users with 12 photos are too few for a false-accept rate of 0.0001" in said
    assert "Enrol more people" in said


def test_refused_when_nobody_is_enrolled(enrolled: Enrolled) -> None:
    told = enrolled({})()
    assert told.returncode == 1, told.stderr
    assert "0 users with 0 photos are too few" in " ".join(told.stderr.split())
    assert "Traceback" not in told.stderr


def test_usage_is_told(enrolled: Enrolled) -> None:
    run = enrolled({})
    told = run("--help")
    assert told.returncode == 0
    for option in ("--false-accept-rate", "--plot", "--json"):
        assert option in told.stdout
    assert run("--false-accept-rate", "2").returncode == 2
    assert run("--nonsense").returncode == 2
