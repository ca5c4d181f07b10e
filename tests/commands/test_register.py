"""`register` as a process: photos, video, service; every refusal and every wrong usage."""

import json
import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image as PillowImage

if TYPE_CHECKING:
    from demo.service import Address
    from tests.commands.conftest import MakeVideo, RunApp

ANNA, BERT = "anna", "bert"
People = dict[str, list[bytes]]


@pytest.fixture
def anna(photo_files: dict[str, list[Path]]) -> list[Path]:
    return photo_files[ANNA]


@pytest.fixture
def bert(photo_files: dict[str, list[Path]]) -> list[Path]:
    return photo_files[BERT]


def test_person_is_known_when_registered_from_photos(
    run_app: "RunApp", anna: Sequence[Path]
) -> None:
    done = run_app("register", "--user-id", "john_doe", "--photos", *anna[:3])
    assert done.returncode == 0, done.stderr
    assert "john_doe is registered with 3 photos." in done.stdout
    known = run_app("identify", anna[5], "--json")
    assert json.loads(known.stdout)["faces"][0]["user_id"] == "john_doe"

    again = run_app("register", "--user-id", "john_doe", "--photos", *anna[:3])
    assert again.returncode == 1
    assert "'john_doe' is registered already." in again.stderr
    twin = run_app("register", "--user-id", "jane", *anna[3:6], "--json")
    assert twin.returncode == 1
    assert json.loads(twin.stdout)["code"] == "duplicate_person"
    allowed = run_app("register", "--user-id", "jane", *anna[3:6], "--allow-duplicate", "--json")
    assert allowed.returncode == 0
    assert json.loads(allowed.stdout)["user"]["user_id"] == "jane"


def test_every_photo_is_told_of_when_too_few_are_usable(
    run_app: "RunApp", anna: Sequence[Path], bert: Sequence[Path], tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no photo")
    photos = [anna[0], anna[0], text]
    done = run_app("register", "--user-id", "anna", "--photos", *photos)
    assert done.returncode == 1
    assert "1 of 3 photos are usable; at least 3 are needed." in done.stderr
    assert "duplicate_photo" in done.stdout
    assert "unreadable_image" in done.stdout
    assert "Traceback" not in done.stderr
    told = run_app("register", "--user-id", "anna", "--photos", *photos, "--json")
    assert [photo["reason"] for photo in json.loads(told.stdout)["photos"]] == [
        None,
        "duplicate_photo",
        "unreadable_image",
    ]


def test_face_is_chosen_by_the_box_that_the_refusal_prints(
    run_app: "RunApp", anna: Sequence[Path], bert: Sequence[Path], tmp_path: Path
) -> None:
    photos = []
    for index in range(3):
        page = PillowImage.new("RGB", (800, 500))
        for place, path in enumerate((anna[index], bert[index])):
            page.paste(PillowImage.open(path).resize((400, 500)), (400 * place, 0))
        photos.append(tmp_path / f"{index}.png")
        page.save(photos[-1])
    refused = run_app("register", "--user-id", "anna", *photos, COLUMNS="200")
    assert refused.returncode == 1
    told = re.findall(r"--box (\d\.png:(\d+),\S+)", refused.stdout)
    of_anna = [part for box, x in told if int(x) < 400 for part in ("--box", box)]
    assert (len(told), len(of_anna)) == (6, 6)
    done = run_app("register", "--user-id", "anna", *photos, *of_anna)
    assert done.returncode == 0, done.stdout
    known = run_app("identify", anna[5], bert[5], "--json")
    faces = [face for line in known.stdout.splitlines() for face in json.loads(line)["faces"]]
    assert [face["user_id"] for face in faces] == ["anna", None]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--user-id", "anna"], "Give --photos"),
        (["--user-id", "anna", "{photo}", "--box", "b.jpg:1,2,3,4"], "not one of the photos"),
        (["--photos", "{photo}"], "--user-id is missing"),
        (["--user-id", "anna", "--photos", "missing.jpg"], "does not exist"),
        (["--user-id", "anna", "--from-dir", "."], "--from-dir excludes"),
        (["--user-id", "anna", "--webcam", "--photos", "{photo}"], "at most"),
        (["--user-id", "anna", "{photo}", "--url", "http://x", "--device", "cpu"], "--device"),
        (["--user-id", "anna", "{photo}", "--url", "http://x", "--gallery-path", "g"], "exclude"),
        (["--user-id", "anna", "{photo}", "--num-captures", "0"], "num-captures"),
    ],
)
def test_usage_is_wrong(
    run_app: "RunApp", anna: Sequence[Path], arguments: list[str], sentence: str
) -> None:
    done = run_app("register", *[part.format(photo=anna[0]) for part in arguments])
    assert done.returncode == 2
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--user-id", "Anna Ä", "{photo}"], "cannot be a user_id"),
        (["--user-id", "anna", "{photo}", "--device", "cuda"], "finds no GPU"),
        (["--user-id", "anna", "--webcam"], "There is no display"),
        (["--user-id", "anna", "--webcam", "{text}"], "is not a readable video"),
        (["--user-id", "anna", "{photo}", "--url", "http://127.0.0.1:9"], "did not answer"),
    ],
)
def test_process_ends_with_a_sentence_when_it_cannot_register(
    run_app: "RunApp", anna: Sequence[Path], tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    text = tmp_path / "text.avi"
    text.write_text("no video")
    given = [part.format(photo=anna[0], text=text) for part in arguments]
    done = run_app("register", *given, CUDA_VISIBLE_DEVICES="", FARSIGHT_API_KEY="fs_no_key")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_person_is_known_when_registered_from_a_video(
    run_app: "RunApp", make_video: "MakeVideo", people: People
) -> None:
    video = make_video(*people[ANNA][:4])
    done = run_app(
        "register", "--user-id", "anna", "--webcam", video, "--num-captures", "5", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert "no window" in done.stderr
    names = [photo["filename"] for photo in json.loads(done.stdout)["photos"]]
    assert names == [f"capture-{number}.png" for number in range(1, 6)]
    seen = run_app("identify", "--webcam", video, "--json")
    assert seen.returncode == 0
    frames = [json.loads(line) for line in seen.stdout.splitlines()]
    assert len(frames) == 8
    assert {face["user_id"] for frame in frames for face in frame["faces"]} == {"anna"}


def test_process_ends_with_a_sentence_when_no_frame_of_a_video_is_good(
    run_app: "RunApp", make_video: "MakeVideo"
) -> None:
    grey = BytesIO()
    PillowImage.new("RGB", (400, 500), "grey").save(grey, "PNG")
    video = make_video(grey.getvalue())
    done = run_app("register", "--user-id", "anna", "--webcam", video)
    assert done.returncode == 1
    assert "No frame was good enough" in done.stderr


def test_service_registers_when_its_address_is_given(
    run_app: "RunApp", address: "Address", anna: Sequence[Path], bert: Sequence[Path]
) -> None:
    there = ["--url", address.url]
    done = run_app("register", "--user-id", "anna", *anna[:3], *there, FARSIGHT_API_KEY=address.key)
    assert done.returncode == 0, done.stderr
    few = run_app("register", "--user-id", "bert", bert[0], *there, FARSIGHT_API_KEY=address.key)
    assert few.returncode == 1
    assert "1 of 1 photos are usable" in few.stderr
    assert bert[0].name in few.stdout
    known = run_app("identify", anna[5], "--json", *there, FARSIGHT_API_KEY=address.key)
    assert json.loads(known.stdout)["faces"][0]["user_id"] == "anna"
    keyless = run_app("register", "--user-id", "bert", *bert[:3], *there)
    assert keyless.returncode == 1
    assert "into FARSIGHT_API_KEY" in keyless.stderr
    stranger = run_app("register", "--user-id", "bert", *bert[:3], *there, FARSIGHT_API_KEY="fs_1")
    assert stranger.returncode == 1
    assert "The API key is unknown" in stranger.stderr


def test_gallery_file_knows_whom_it_was_given(
    run_app: "RunApp", anna: Sequence[Path], bert: Sequence[Path], tmp_path: Path
) -> None:
    file = tmp_path / "my_gallery.pt"
    there = ["--gallery-path", file]
    done = run_app("register", "--user-id", "anna", "--photos", *anna[:3], *there)
    assert done.returncode == 0, done.stderr
    assert run_app("register", "--user-id", "bert", *bert[:3], *there).returncode == 0
    before = file.read_bytes()
    again = run_app("register", "--user-id", "anna", *anna[:3], *there)
    assert again.returncode == 1
    assert "'anna' is registered already." in again.stderr
    twin = run_app("register", "--user-id", "jane", *anna[3:6], *there)
    assert twin.returncode == 1
    assert "The face is that of 'anna'" in twin.stderr
    assert file.read_bytes() == before
    known = run_app("identify", anna[6], bert[6], "--json", *there)
    faces = [face for line in known.stdout.splitlines() for face in json.loads(line)["faces"]]
    assert [face["user_id"] for face in faces] == ["anna", "bert"]
    assert run_app("identify", anna[6]).stdout.count("nobody is registered") == 1

    file.write_bytes(before[:-10])
    damaged = run_app("identify", anna[6], *there)
    assert damaged.returncode == 1
    assert "The gallery file cannot be used." in damaged.stderr
    assert "Traceback" not in damaged.stderr


def test_help_names_every_option(run_app: "RunApp") -> None:
    told = run_app("register", "--help").stdout
    options = ["--photos", "--user-id", "--webcam", "--num-captures", "--from-dir", "--aligned"]
    options += ["--face", "--box"]
    for option in [*options, "--allow-duplicate", "--gallery-path", "--url", "--device", "--json"]:
        assert option in told
    assert "Exit codes" in told
