"""The documentation site: its four journeys as somebody would type them, and what it loads."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from httpx import Client

from app.settings import Settings
from app.vision.image import Image, decode_image
from tests.service_process import serving
from tests.simulated_video import write_video
from tests.tours import ROOT, blocks, type_in

KEY = re.compile(r"fs_[0-9a-f]{12}_[0-9a-f]{64}")


@pytest.fixture
def home(tmp_path: Path, detectors: Path) -> Path:
    """A machine on which nothing of Farsight is but the detector; the folder is the home, too."""
    shutil.copytree(detectors, tmp_path / ".local/share/farsight/detectors")
    shutil.copytree(detectors, tmp_path / "data/detectors")
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    return tmp_path


@pytest.fixture
def variables(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "XDG_DATA_HOME": "",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'clients'}",
    }


def write(folder: Path, people: Mapping[str, Sequence[bytes]], photos: int) -> None:
    for person, taken in people.items():
        (folder / person).mkdir(parents=True)
        for index, photo in enumerate(taken[:photos], 1):
            (folder / person / f"{index}.jpg").write_bytes(photo)


def test_folder_of_photos_is_recognised_as_the_quick_start_says(
    home: Path, variables: dict[str, str], people: dict[str, list[bytes]]
) -> None:
    write(home / "people", {"ada": people["anna"], "bert": people["bert"]}, 4)
    (home / "inbox").mkdir()
    (home / "inbox" / "street.jpg").write_bytes(people["anna"][5])
    said = type_in("".join(blocks("docs/index.md")), home, variables)
    assert "ada" in said.partition("street.jpg")[2]
    assert (home / "named" / "street.jpg").stat().st_size > 0


@pytest.mark.program("curl")
def test_app_and_camera_are_answered_as_their_pages_say(
    settings: Settings, tmp_path: Path, people: dict[str, list[bytes]]
) -> None:
    (tmp_path / "frames").mkdir()
    names = ["1", "2", "3", "street", "door", "frames/1", "frames/2"]
    for name, photo in zip(names, people["anna"], strict=False):
        (tmp_path / f"{name}.jpg").write_bytes(photo)
    write_video(tmp_path / "door.mp4", iter([_before_camera(people["anna"][3])] * 5), 900)
    start, *app = blocks("docs/apps.md")
    assert start.strip() == "farsight serve"
    camera = blocks("docs/cameras.md")
    # The camera's page before the last block, which erases whom it is to recognise.
    lines = "".join([*app[:-1], *camera, app[-1]])
    with serving(settings, tmp_path) as service:
        (key,) = KEY.findall(service.log.read_text())
        lines = lines.replace("http://127.0.0.1:8000", service.url).replace("fs_...", key)
        said = type_in(lines, tmp_path, {})
        with Client(headers={"Authorization": f"Bearer {key}"}) as client:
            assert client.get(f"{service.url}/v1/users/ada").status_code == 404
    assert said.count('"user_id":"ada"') >= 10
    assert said.count('"visits":[{"track":1') == 2
    assert '"consistent":true' in said


def _before_camera(photo: bytes) -> Image:
    frame = np.full((360, 640, 3), 120, np.uint8)
    picture = decode_image(photo)
    frame[: picture.shape[0], : picture.shape[1]] = picture
    return frame


def test_operator_keeps_a_service_as_the_pages_say(
    home: Path, variables: dict[str, str], people: dict[str, list[bytes]]
) -> None:
    write(home / "people", {"ada": people["anna"]}, 3)
    scopes = ("admin", "identify")
    before = [f"farsight keys create --scope {scope}" for scope in scopes]
    # With the default of earlier versions: the page goes from it to today's.
    earlier = variables | {"FARSIGHT_BUNDLE": "farsight-xxs"}
    said = type_in("\n".join(["farsight register --from-dir people", *before]), home, earlier)
    _, old = KEY.findall(said)
    backup, copy, restore, put = blocks("docs/backup.md")
    lines = "".join(blocks("docs/operators.md"))
    type_in(backup + copy + lines + put, home, variables | {"OLD": old.split("_")[1]})
    elsewhere = home / "elsewhere"
    shutil.copytree(home / "data/detectors", elsewhere / "detectors")
    type_in(restore, home, variables | {"FARSIGHT_HOME": str(elsewhere)})
    with closing(sqlite3.connect(elsewhere / "farsight.db")) as rows:
        assert rows.execute("SELECT user_id FROM users").fetchall() == [("ada",)]
    with closing(sqlite3.connect(home / ".local/share/farsight/farsight.db")) as rows:
        # The backup is from before a key was revoked.
        assert rows.execute("SELECT revoked_at FROM api_keys").fetchall() == [(None,), (None,)]
        assert rows.execute("SELECT user_id FROM users").fetchall() == [("ada",)]


def test_own_weights_are_trained_and_serve_as_the_page_says(
    home: Path, variables: dict[str, str], people: dict[str, list[bytes]]
) -> None:
    persons = list(people.items())
    write(home / "photos" / "train", dict(persons[:4]), 4)
    write(home / "photos" / "val", dict(persons[4:8]), 3)
    said = type_in("".join(blocks("docs/training.md")), home, variables)
    assert "Bundle mine serves" in said
    assert (home / ".local/share/farsight/bundles/mine/MODEL_CARD.md").stat().st_size > 0


def test_site_is_built_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    words = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = list(site.rglob("*.html"))
    assert len(pages) >= 40
    loaded = [
        (page.name, address)
        for page in pages
        for address in re.findall(
            r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\s\">]+)",
            page.read_text(encoding="utf-8"),
        )
    ]
    assert loaded == []
    # The theme would load mermaid from a CDN for pages with such diagrams.
    assert [page for page in pages if 'class="mermaid"' in page.read_text(encoding="utf-8")] == []
