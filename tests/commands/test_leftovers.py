"""What commands leave behind in a data folder that does not exist yet."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.program import PATIENCE_S

ROOT = Path(__file__).parents[2]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `farsight ...` in an empty folder, without a setting but those given."""
    (tmp_path / "empty").mkdir()

    def typed(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "app", *words],
            cwd=tmp_path / "empty",
            env={
                "PYTHONPATH": str(ROOT),
                "XDG_DATA_HOME": str(tmp_path / "share"),
                "FARSIGHT_OFFLINE": "true",
                **settings,
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return typed


@pytest.mark.parametrize("words", [("serve", "--port", "0"), ("register", "--user-id", "ada")])
def test_command_says_where_it_looked_and_leaves_nothing_when_there_is_no_such_bundle(
    words: tuple[str, ...], run: Run, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"never read")
    photos = ("--photos", str(photo)) if words[0] == "register" else ()
    failed = run(*words, *photos, FARSIGHT_BUNDLE="missing")
    assert failed.returncode == 1
    assert "no bundle named 'missing'" in failed.stderr
    assert f"{tmp_path}/share/farsight/bundles" in failed.stderr
    assert str(ROOT / "weights") in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (tmp_path / "share").exists()
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [(("keys", "revoke", "nobodys"), 1), (("gallery", "show", "ada"), 1), (("keys", "list"), 0)],
)
def test_nothing_is_left_when_a_command_stores_nothing(
    words: tuple[str, ...], code: int, run: Run, tmp_path: Path
) -> None:
    done = run(*words)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "share").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_data_folder_is_made_when_a_command_stores_something(run: Run, tmp_path: Path) -> None:
    made = run("keys", "create", "--scope", "admin")
    assert made.returncode == 0, made.stderr
    kept = {path.name for path in (tmp_path / "share" / "farsight").iterdir()}
    assert kept == {"farsight.db"}
    assert list((tmp_path / "empty").iterdir()) == []
    assert made.stdout.split("_")[1] in run("keys", "list").stdout
