"""The README's tours, line by line, as somebody would type them."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.settings import Settings
from tests import tours
from tests.rotated import rotate_bundle
from tests.service_process import environment, serving


def _tour(heading: str) -> list[str]:
    """The commands of the first block of code below a heading."""
    return tours.blocks("README.md", heading)[0].strip().splitlines()


@pytest.fixture
def folder(tmp_path: Path, people: dict[str, list[bytes]]) -> Path:
    """The files that the tours name."""
    ada, other = people["anna"], next(iter(set(people) - {"anna"}))
    for name, photo in zip(["1", "2", "3", "4", "street", "a", "b", "door"], ada, strict=True):
        (tmp_path / f"{name}.jpg").write_bytes(photo)
    (tmp_path / "people" / "bert").mkdir(parents=True)
    for index, photo in enumerate(people[other][:4]):
        (tmp_path / "people" / "bert" / f"{index}.jpg").write_bytes(photo)
    return tmp_path


@pytest.fixture
def type_in(folder: Path) -> Callable[[str, dict[str, str]], str]:
    """Types a line into a shell in the folder of photos."""
    return lambda line, environment: tours.type_in(line, folder, environment)


@pytest.mark.program("curl")
def test_tour_of_the_api_works_as_written(
    settings: Settings, tmp_path: Path, type_in: Callable[[str, dict[str, str]], str]
) -> None:
    store = tmp_path / "store"
    shutil.copytree(settings.bundles, store)
    rotate_bundle(store / settings.bundle, "edgeface-s")
    settings = settings.model_copy(update={"bundles": store})
    with serving(settings, tmp_path) as service:
        (key,) = re.findall(r"fs_[0-9a-f]{12}_[0-9a-f]{64}", service.log.read_text())
        shell = {"URL": f"{service.url}/v1", "AUTH": f"Authorization: Bearer {key}"}
        lines = [line for line in _tour("Use it") if line.startswith("curl")]
        assert len(lines) == 9
        answers = [type_in(line, shell) for line in lines]
        assert json.loads(answers[0])["user"]["user_id"] == "ada"
        assert json.loads(answers[1])["faces"][0]["user_id"] == "ada"
        assert json.loads(answers[5])["match"] is True

        lines = [line for line in _admin_tour() if line.startswith("curl")]
        assert len(lines) == 4
        type_in(lines[0], shell)
        shell["JOB"] = json.loads(type_in(lines[1], shell))["id"]
        assert '"state":"succeeded"' in type_in(lines[2], shell)
        assert json.loads(type_in(lines[3], shell))["bundle"] == settings.bundle


def _admin_tour() -> list[str]:
    """The second block below the heading."""
    return tours.blocks("README.md", "Weights")[1].strip().splitlines()


def test_tour_of_the_shell_works_as_written(
    settings: Settings, folder: Path, type_in: Callable[[str, dict[str, str]], str]
) -> None:
    shell = environment(settings, PYTHONPATH=str(tours.ROOT))
    lines = _tour("In the shell and in Python")
    assert len(lines) == 11
    said = [type_in(line, shell) for line in lines]
    assert "1 people with 4 photos would be sent" in said[1]
    assert (folder / "report.csv").read_text().count("used") == 4
    assert "ada" in said[4]
    assert (folder / "out").is_dir()
    assert "One person" in said[5]
    assert "ada" in said[6]
    assert "bert" in said[6]
    assert "ada" in said[9]
    assert "gallery.imported" in said[10]
