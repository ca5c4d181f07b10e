"""`farsight watch` as a process."""

import json
from pathlib import Path

import pytest

from app.recognition.byte_budget import ByteBudget
from app.recognition.recognizer import Recognizer
from app.vision.detection import DEFAULT_POLICY
from app.vision.detector import Detector
from app.vision.photo_file import ImageLimits
from demo.service import Address
from tests.commands.conftest import RunApp
from tests.simulated_video import Visit, cut_out, frames, write_video


@pytest.fixture
def passing(centerface: Detector, people: dict[str, list[bytes]], tmp_path: Path) -> Path:
    """A video in which anna passes on the left and a stranger on the right."""
    recognizer = Recognizer(centerface, DEFAULT_POLICY, ImageLimits(), ByteBudget(10**9))
    faces = {
        person: [cut for photo in people[person][4:6] if (cut := cut_out(recognizer, photo))]
        for person in ("anna", "bert")
    }
    visits = [
        Visit("anna", faces["anna"], 48, [(0, 60, 150), (2, 250, 150)]),
        Visit("bert", faces["bert"], 48, [(0, 580, 200), (2, 400, 200)]),
    ]
    return write_video(tmp_path / "door.mp4", frames(visits, 2, seed=3), 900)


def test_each_visit_is_told_once_when_a_video_is_watched_here_or_with_a_service(
    run_app: RunApp, photo_files: dict[str, list[Path]], passing: Path, address: Address
) -> None:
    registered = run_app("register", "--user-id", "anna", "--photos", *photo_files["anna"][:4])
    assert registered.returncode == 0, registered.stderr
    done = run_app("watch", passing, "--fps", "5", "--min-face-px", "32")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = {(event["event"], event["user_id"]) for event in events if event["event"] != "appeared"}
    assert told == {("recognised", "anna"), ("unknown", None), ("left", "anna"), ("left", None)}
    assert len(events) == 6
    assert {event["camera"] for event in events} == {"door.mp4"}
    # Parts of frames are looked at, but boxes are the frame's.
    sides = {event["user_id"]: event["box"] for event in events if event["event"] == "left"}
    assert sides["anna"]["x"] < 320 - 48 < 320 < sides[None]["x"]
    assert 100 < sides["anna"]["y"] < 150 < sides[None]["y"] < 200

    words = ("watch", passing, "--fps", "5", "--min-face-px", "32", "--url", address.url)
    half = run_app(*words, "--zone", "0,0 .5,0 .5,1 0,1", FARSIGHT_API_KEY=address.key)
    assert half.returncode == 0, half.stderr
    events = [json.loads(line) for line in half.stdout.splitlines()]
    assert [event["event"] for event in events] == ["appeared", "recognised", "left"]
    keyless = run_app(*words, FARSIGHT_API_KEY=address.key[:-1] + "x")
    assert keyless.returncode == 1
    assert "Traceback" not in keyless.stderr


def test_a_sentence_is_told_when_there_is_nothing_to_watch(run_app: RunApp, tmp_path: Path) -> None:
    assert run_app("watch").returncode == 2
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    refused = run_app("watch", broken)
    assert refused.returncode == 1
    assert "broken.mp4 is not a readable video" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert run_app("watch", broken, "--save", tmp_path).returncode == 2
    secretless = run_app("watch", broken, "--webhook", "http://127.0.0.1/")
    assert "FARSIGHT_WEBHOOK_SECRET" in secretless.stderr
