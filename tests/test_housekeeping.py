"""Rules of the house that a machine can check: files, names, and documents that stay true."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from app.__main__ import cli
from app.main import create_app
from app.setting_groups import ThreadSettings
from app.settings import Settings

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 400
LARGEST_BYTES = 10_000_000  # EdgeFace-XS has 9.1 MB
TELEMETRY_OFF = "ORT_DISABLE_TELEMETRY"
VAGUE = re.compile(r"(^|/)(utils?|helpers?|common|misc|core|base)(\.py|/)")
# Spelt so that this file does not find itself.
MACHINE_PATH = re.compile(r"/(work|farm)" + r"/|/tmp/" + "bash_jobs")
CODE = re.compile(r"```\w*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
COMMAND = re.compile(
    r"^(?:\.venv/bin/|docker compose .* exec farsight )?farsight ([a-z]+(?: [a-z]+)?)", re.MULTILINE
)
PHOTO = re.compile(r"\.(jpe?g|heic|webp|mp4|mjpeg)$", re.IGNORECASE)


def tracked(*patterns: str) -> list[Path]:
    git = shutil.which("git")
    assert git is not None
    listed = subprocess.run(
        [git, "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=True
    )
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.exists()]


def documents() -> list[Path]:
    found = tracked("*.md")
    assert {ROOT / "README.md", ROOT / "docs/architecture.md"} <= set(found)
    assert len(found) >= 5
    return found


def test_no_source_file_is_long_or_vaguely_named() -> None:
    sources = tracked("*.py")
    assert len(sources) >= 80
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert [path for path, lines in lengths.items() if lines > LONGEST_FILE] == []
    assert [path for path in sources if VAGUE.search(str(path.relative_to(ROOT)))] == []


def test_nothing_tracked_is_a_photo_or_huge() -> None:
    files = tracked()
    assert len(files) >= 100
    photos = [
        path for path in files if PHOTO.search(path.name) and ROOT / "docs" not in path.parents
    ]
    assert photos == []
    assert [path for path in files if path.stat().st_size > LARGEST_BYTES] == []


def test_no_text_names_a_path_of_one_machine() -> None:
    texts = tracked("*.py", "*.md", "*.toml", "*.yml", "Makefile", "Dockerfile", ".ci/run")
    assert len(texts) >= 90
    assert [p for p in texts if MACHINE_PATH.search(p.read_text(encoding="utf-8"))] == []


def test_telemetry_is_off_in_every_package_that_imports_onnxruntime() -> None:
    importers = {
        path.relative_to(ROOT).parts[0]
        for path in tracked("*.py")
        if re.search(r"^(import|from) onnxruntime", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importers == {"app", "benchmarks"}
    for package in importers:
        shown = subprocess.run(
            [sys.executable, "-c", f"import os, {package}; print(os.environ['{TELEMETRY_OFF}'])"],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != TELEMETRY_OFF},
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown.stdout == "1\n"


IN_HOME = {
    "FARSIGHT_HOME": "the platform's",
    "FARSIGHT_BUNDLES": "`bundles` in it",
    "FARSIGHT_DETECTORS": "`detectors` in it",
    "FARSIGHT_DATABASE__URL": "`farsight.db` in it",
}


def settings_of(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    """Every variable and its default as the README writes it."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        variable = f"{prefix}{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_of(field.annotation, f"{variable}__")
        elif variable in IN_HOME:
            yield variable, IN_HOME[variable]
        elif model is ThreadSettings and name in {"readers", "networks"}:
            yield variable, "all cores"
        else:
            shown = ",".join(default) if isinstance(default, tuple) else str(default)
            yield variable, f"`{shown}`" if shown else "-"


def test_readme_lists_every_setting_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(FARSIGHT_\w+)` \| (.+?) \|", readme, re.MULTILINE)
    assert len(documented) >= 20
    assert sorted(documented) == sorted(settings_of(Settings, "FARSIGHT_"))


def code_of(document: Path) -> str:
    """What a document sets as code; prose may say "make sure"."""
    text = document.read_text(encoding="utf-8")
    return "\n".join(block or span for block, span in CODE.findall(text))


def test_every_make_target_in_the_documents_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    called = {
        name
        for document in documents()
        for name in re.findall(r"^(?:\w+=\S+ )?make ([a-z-]+)", code_of(document), re.MULTILINE)
    }
    assert {"demo", "test", "serve", "check"} <= called
    assert called - targets == set()


def test_every_command_in_the_documents_exists() -> None:
    called = {words for document in documents() for words in COMMAND.findall(code_of(document))}
    assert len(called) >= 12
    for words in called:
        result = CliRunner().invoke(cli, [*words.split(), "--help"])
        assert result.exit_code == 0, f"farsight {words}: {result.output}"


def test_every_address_in_the_readme_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {
        (path.replace("/ada", "/{user_id}").replace("/$JOB", "/{job_id}"), _method(path, rest))
        for path, rest in re.findall(r"\$URL(/\S+)(.*)", readme)
    }
    assert len(named) >= 5
    paths = create_app(Settings()).openapi()["paths"]
    assert [(path, method) for path, method in named if method not in paths[f"/v1{path}"]] == []


def _method(path: str, options: str) -> str:
    if "DELETE" in options:
        return "delete"
    has_body = any(option in options for option in ("-F ", "--json", "-X POST"))
    return "post" if has_body else "get"


def test_every_link_between_documents_leads_somewhere() -> None:
    links = [
        (document, target)
        for document in documents()
        for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
        if "://" not in target
    ]
    assert len(links) >= 6
    assert [link for link in links if not (link[0].parent / link[1]).exists()] == []


@pytest.mark.parametrize(
    "name",
    ["CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "NOTICE", "SECURITY.md", "constraints.txt"],
)
def test_file_is_there_and_not_empty(name: str) -> None:
    assert (ROOT / name).stat().st_size > 0


def test_constraints_pin_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {canonical(line) for lines in lists for line in lines}
    assert len(declared) >= 30
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonical(line) for line in lines if "==" in line}
    # The client is of this repository, installed beside.
    assert declared - pinned == {"farsight-client"}


def canonical(requirement: str) -> str:
    """A package's name as PyPI compares it."""
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


SKIPPED = "def test_skipped():\n    pytest.skip('no reason')\n"
OF_PHOTOS = "@pytest.mark.research\ndef test_of_photos():\n    assert False\n"
MARKERS = "    research\n    program\n"
OF_A_PROGRAM = "@pytest.mark.program('none-such')\ndef test_of_it():\n    assert False\n"


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("false", 0)])
@pytest.mark.parametrize(
    ("body", "told", "workers"),
    [
        (SKIPPED, "1 skipped", 0),
        (OF_PHOTOS, "1 tests marked `research` did not run", 0),
        (OF_PHOTOS, "1 tests marked `research` did not run", 2),
        (OF_A_PROGRAM, "1 tests marked `program` did not run: apt-get install none-such", 0),
    ],
)
def test_a_run_that_is_not_whole_fails_in_ci_only(
    tmp_path: Path, ci: str, code: int, body: str, told: str, workers: int
) -> None:
    file = f"import pytest\n\ndef test_nothing():\n    pass\n\n{body}"
    (tmp_path / "test_some.py").write_text(file, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n    research\n    program\n", encoding="utf-8"
    )
    plugins = ["-p", "xdist", "-p", "tests.whole_run"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-n", str(workers), tmp_path],
        cwd=ROOT,
        env={
            **os.environ,
            "CI": ci,
            "FARSIGHT_SHARED": str(tmp_path / "missing"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == code, run.stdout + run.stderr
    assert "1 passed" in run.stdout
    assert told in run.stdout
    assert ("fail the run" in run.stdout) == (ci == "true")
