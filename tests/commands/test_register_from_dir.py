"""`register --from-dir`: a folder of folders, killed and begun again."""

import json
import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.settings import Settings
from tests.conftest import MakeCrops
from tests.program import PATIENCE_S, Program
from tests.sample_people import write_people

if TYPE_CHECKING:
    from tests.commands.conftest import RunApp

PEOPLE = 56
KILLED_AT = 20
Row = tuple[object, ...]


def _folder(make_crops: MakeCrops, tmp_path: Path, people: int) -> Path:
    """People with aligned crops; one of them under a second name, one without photos."""
    crops = make_crops(people, 3)
    folder = write_people(tmp_path / "people", crops)
    some = [folder / person for person in crops]
    (folder / "zz-twin").symlink_to(some[0])
    (folder / "empty").mkdir()
    (folder / "zz no id").symlink_to(some[1])
    return folder


def _rows(database: Path) -> tuple[list[Row], list[str], NDArray[np.float32]]:
    """Everybody's photos; who has a template; the templates: without what differs by run."""
    with sqlite3.connect(database) as connection:
        photos = connection.execute(
            "SELECT users.user_id, photos.sha256, photos.face_px FROM users "
            "JOIN photos ON photos.user = users.id ORDER BY users.user_id, photos.sha256"
        ).fetchall()
        templates = connection.execute(
            "SELECT users.user_id, templates.vector FROM users "
            "JOIN templates ON templates.user = users.id ORDER BY users.user_id"
        ).fetchall()
    vectors = np.array([np.frombuffer(vector, "<f4") for _, vector in templates])
    return photos, [user_id for user_id, _ in templates], vectors


def _users(database: Path) -> int:
    if not database.exists():  # connecting would make an empty file, with which nothing starts
        return 0
    try:
        with sqlite3.connect(database) as connection:
            count: int = connection.execute("SELECT count(*) FROM users").fetchone()[0]
    except sqlite3.OperationalError:  # not made yet
        return 0
    return count


def test_same_people_are_registered_when_the_process_was_killed_in_between(
    run_app: "RunApp",
    environment: dict[str, str],
    make_crops: MakeCrops,
    settings: Settings,
    tmp_path: Path,
) -> None:
    folder = _folder(make_crops, tmp_path, PEOPLE)
    arguments = ["register", "--from-dir", str(folder), "--aligned", "--json"]
    changes = {"FARSIGHT_REGISTRATION__MIN_PHOTOS": "2"}
    once = tmp_path / "once.db"
    whole = run_app(*arguments, **changes, FARSIGHT_DATABASE__URL=f"sqlite+aiosqlite:///{once}")
    assert whole.returncode == 1  # not everybody can be registered
    report = json.loads(whole.stdout)
    assert len(report["registered"]) + len(report["refused"]) == PEOPLE + 3
    assert len(report["registered"]) > PEOPLE * 0.8
    codes = {person["user_id"]: person["code"] for person in report["refused"]}
    assert codes["zz-twin"] == "duplicate_person"
    assert codes["empty"] == "no_photos"
    assert codes["zz-no-id"] == "duplicate_person"

    database = Path(settings.database.url.partition("///")[2])
    nowhere = Path(os.devnull)
    killed = Program(arguments, {**environment, **changes}, nowhere, nowhere)
    while _users(database) < KILLED_AT and killed.poll() is None:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait(PATIENCE_S)
    before = _users(database)
    assert KILLED_AT <= before < len(report["registered"])

    rest = json.loads(run_app(*arguments, **changes).stdout)
    assert len(rest["already_registered"]) == before
    assert sorted(rest["already_registered"] + rest["registered"]) == report["registered"]
    assert {person["user_id"] for person in rest["refused"]} == set(codes)
    photos, user_ids, templates = _rows(database)
    photos_once, user_ids_once, templates_once = _rows(once)
    assert (photos, user_ids) == (photos_once, user_ids_once)
    # Which faces share a batch is chance, and networks round otherwise in other batches.
    assert np.abs(templates - templates_once).max() < 1e-5


def test_report_is_a_table_when_it_is_for_people(
    run_app: "RunApp", make_crops: MakeCrops, tmp_path: Path
) -> None:
    done = run_app("register", "--from-dir", _folder(make_crops, tmp_path, 20), "--aligned")
    assert done.returncode == 1
    assert "no_photos" in done.stdout
    assert "people are registered now, 0 were already" in done.stdout


def test_usage_is_wrong_when_there_is_no_such_folder(run_app: "RunApp", tmp_path: Path) -> None:
    assert run_app("register", "--from-dir", tmp_path / "missing").returncode == 2
