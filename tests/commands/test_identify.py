"""`identify` as a process: photos, folders, drawings, and what cannot be read."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.vision.image import decode_image
from demo.service import Address
from tests.conftest import MakeCrops
from tests.sample_people import write_people

if TYPE_CHECKING:
    from tests.commands.conftest import RunApp

ANNA, BERT = "anna", "bert"


@pytest.fixture
def folder(photo_files: dict[str, list[Path]], tmp_path: Path) -> Path:
    """One photo each of two people, one without a face, one that is none, and a text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in (ANNA, BERT):
        shutil.copy(photo_files[name][0], folder / f"{name}.jpg")
    (folder / "broken.jpg").write_bytes(b"no photo")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def test_every_photo_of_a_folder_is_told_of_and_drawn(
    run_app: "RunApp", folder: Path, photo_files: dict[str, list[Path]], tmp_path: Path
) -> None:
    nobody = run_app("identify", folder / f"{ANNA}.jpg")
    assert nobody.returncode == 0
    assert "unknown" in nobody.stdout
    assert "nobody is registered" in nobody.stdout

    photos = photo_files[ANNA][1:4]
    assert run_app("register", "--user-id", "anna", "--photos", *photos).returncode == 0
    out = tmp_path / "out"
    done = run_app("identify", "--dir", folder, "--draw", out)
    assert done.returncode == 1  # one photo could not be read
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert f"{ANNA}.jpg: anna (face of" in lines[0]
    assert f"{BERT}.jpg: unknown (face of" in lines[1]
    assert "broken.jpg: The photo cannot be read." in done.stderr
    assert sorted(path.name for path in out.iterdir()) == [f"{ANNA}.jpg", f"{BERT}.jpg"]
    before = decode_image((folder / f"{ANNA}.jpg").read_bytes())
    after = decode_image((out / f"{ANNA}.jpg").read_bytes())
    assert after.shape == before.shape
    changed = np.abs(after.astype(int) - before).max(axis=2) > 60
    assert 0.005 < changed.mean() < 0.2

    told = run_app("identify", "--dir", folder, "--json")
    objects = [json.loads(line) for line in told.stdout.splitlines()]
    assert [Path(each["photo"]).name for each in objects] == [
        f"{ANNA}.jpg",
        f"{BERT}.jpg",
        "broken.jpg",
    ]
    assert [face["user_id"] for each in objects[:2] for face in each["faces"]] == ["anna", None]
    assert objects[2]["code"] == "unreadable_image"


def test_smallest_face_is_the_one_asked_for_here_and_by_a_service(
    run_app: "RunApp", folder: Path, address: Address
) -> None:
    photo = folder / f"{ANNA}.jpg"
    for place in ([], ["--url", address.url]):
        done = run_app(
            "identify",
            photo,
            "--min-face-px",
            "40",
            "--json",
            *place,
            FARSIGHT_API_KEY=address.key,
        )
        assert done.returncode == 0, done.stderr
        (searched,) = json.loads(done.stdout)["photos"]
        assert (searched["rotation_deg"], searched["searched_from_px"]) == (0, 40)


def test_other_photos_are_told_of_when_one_is_too_large_for_the_size_asked_for(
    run_app: "RunApp", folder: Path
) -> None:
    small, large = folder / f"{ANNA}.jpg", folder / f"{BERT}.jpg"
    picture = PillowImage.open(large)
    picture.resize((picture.width * 3, picture.height * 3)).save(large)
    budget = json.dumps({"max_budget_px": picture.width * picture.height * 3})
    done = run_app("identify", large, small, "--min-face-px", "24", FARSIGHT_DETECTION=budget)
    assert done.returncode == 1
    assert f"{ANNA}.jpg: unknown" in done.stdout
    assert f"{BERT}.jpg: " in done.stderr
    assert "the smallest face that can be found" in done.stderr


def test_box_is_drawn_around_the_face_when_the_photo_lies_turned(
    run_app: "RunApp", folder: Path, tmp_path: Path
) -> None:
    photo, out = folder / "turned.png", tmp_path / "out"
    turned = np.rot90(decode_image((folder / f"{ANNA}.jpg").read_bytes()))
    PillowImage.fromarray(np.ascontiguousarray(turned)).save(photo)
    done = run_app("identify", photo, "--draw", out, "--json")
    found = json.loads(done.stdout)
    assert found["photos"][0]["rotation_deg"] == 90
    box = found["faces"][0]["box"]
    drawn = np.asarray(PillowImage.open(out / "turned.png"))
    assert drawn.shape == turned.shape
    upper_edge = drawn[int(box["y"]) - 1 : int(box["y"]) + 3, int(box["x"] + box["width"] / 2)]
    assert [255, 165, 0] in upper_edge.tolist()


def test_every_picture_is_drawn_whatever_the_photos_are_called(
    run_app: "RunApp", folder: Path, tmp_path: Path
) -> None:
    (folder / "broken.jpg").rename(folder / "b-broken")  # between the others
    (folder / f"{ANNA}.jpg").rename(folder / "a")
    (folder / f"{BERT}.jpg").rename(folder / "c.jfif")
    shutil.copy(folder / "c.jfif", folder / "d.photo")
    out = tmp_path / "out"
    (out / "c.jfif").mkdir(parents=True)  # so that it cannot be written
    done = run_app("identify", *sorted(folder.iterdir()), "--draw", out, "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(Path(each["photo"]).name, each.get("code")) for each in told] == [
        ("a", None),
        ("b-broken", "unreadable_image"),
        ("c.jfif", None),
        ("c.jfif", "not_drawn"),
        ("d.photo", None),
        ("notes.txt", "unreadable_image"),
    ]
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "c.jfif", "d.photo.png"]


def test_crop_is_taken_whole_when_it_is_aligned(
    run_app: "RunApp", make_crops: MakeCrops, tmp_path: Path
) -> None:
    folder = write_people(tmp_path, make_crops(1, 1))
    (crop,) = folder.glob("*/*.png")
    done = run_app("identify", crop, "--aligned", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["faces"][0]["face_px"] == 112


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["{photo}", "--min-face-px", "7"], 2, "--min-face-px"),
        ([], 2, "Give photos, --dir or --webcam"),
        (["--dir", "{folder}", "{photo}"], 2, "Give photos, --dir or --webcam"),
        (["--dir", "{folder}/missing"], 2, "does not exist"),
        (["--dir", "{folder}", "--draw", "{folder}"], 2, "write over the photos"),
        (["--webcam", "--dir", "{folder}"], 2, "at most"),
        (["{photo}", "--device", "cpu", "--url", "http://x"], 2, "--device"),
        (["--webcam"], 1, "There is no display"),
        (["--webcam", "{folder}/broken.jpg"], 1, "is not a readable video"),
        (["{photo}", "--url", "http://127.0.0.1:9"], 1, "did not answer"),
        (["{photo}", "--url", "localhost:8000"], 1, "not an address"),
    ],
)
def test_process_ends_with_a_sentence_when_it_cannot_identify(
    run_app: "RunApp", folder: Path, arguments: list[str], code: int, sentence: str
) -> None:
    given = [part.format(folder=folder, photo=folder / f"{ANNA}.jpg") for part in arguments]
    done = run_app("identify", *given, FARSIGHT_API_KEY="fs_no_key")
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_every_option(run_app: "RunApp") -> None:
    told = run_app("identify", "--help").stdout
    options = "--dir --webcam --draw --aligned --min-face-px --url --device --json"
    for option in options.split():
        assert option in told
    assert "Exit codes" in told
