"""Clients that generators make of the API's description: they register and identify.

`make generated-clients` runs it, and installs the generators before; `make test` does not.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.service import Address, running_service

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
GENERATORS = ROOT / ".generators" / "bin"
TYPESCRIPT = ROOT / "clients" / "typescript"
DOCUMENT = ROOT / "docs" / "openapi.json"
PATIENCE_S = 120


def run(*words: str | Path, folder: Path) -> str:
    """What a program of the generators' environment prints.

    Args:
        words: The command.
        folder: The current one, where Python looks for modules too.
    """
    done = subprocess.run(
        words,
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{GENERATORS}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def address(detectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    folder = tmp_path_factory.mktemp("service")
    settings = {
        "FARSIGHT_HOME": str(folder),
        "FARSIGHT_DETECTORS": str(detectors),
        "FARSIGHT_DETECTOR": "centerface",
    }
    with running_service(settings, folder / "log") as address:
        yield address


@dataclass(frozen=True)
class Errand:
    """What each client does: registers somebody, and identifies them and a stranger."""

    address: Address
    photo_files: dict[str, list[Path]]

    def words(self, user_id: str) -> list[str]:
        """Of the client's command: service, key, three photos of the user, one more, a stranger."""
        photos = [*self.photo_files[user_id][:4], self.photo_files["bert"][0]]
        return [self.address.url, self.address.key, user_id, *map(str, photos)]

    @staticmethod
    def assert_done(printed: str, user_id: str) -> None:
        assert json.loads(printed) == [[True] * 3, [user_id, None]]


@pytest.fixture
def errand(address: Address, photo_files: dict[str, list[Path]]) -> Errand:
    return Errand(address, photo_files)


def test_client_of_openapi_python_client_registers_and_identifies(
    errand: Errand, tmp_path: Path
) -> None:
    run(
        *("openapi-python-client", "generate", "--path", DOCUMENT, "--meta", "none"),
        *("--output-path", tmp_path / "of_python_client", "--fail-on-warning"),
        *("--config", HERE / "openapi-python-client.yml"),
        folder=tmp_path,
    )
    script = HERE / "of_openapi_python_client.py"
    errand.assert_done(run("python", script, *errand.words("anna"), folder=tmp_path), "anna")


def test_client_in_typescript_registers_and_identifies(errand: Errand, tmp_path: Path) -> None:
    folder = tmp_path / "typescript"
    shutil.copytree(HERE / "typescript", folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(HERE / "typescript" / "node_modules")
    for name in ("api.ts", "farsight.ts"):
        shutil.copy(TYPESCRIPT / name, folder)
    assert run("node", "generate.js", DOCUMENT, folder=folder) == (folder / "api.ts").read_text()
    run("node", "node_modules/typescript/bin/tsc", "--project", ".", folder=folder)
    errand.assert_done(run("node", "client.ts", *errand.words("carl"), folder=folder), "carl")


def test_client_of_openapi_generator_registers_and_identifies(
    errand: Errand, tmp_path: Path
) -> None:
    run(
        *("openapi-generator-cli", "generate", "--generator-name", "python"),
        *("--input-spec", DOCUMENT, "--output", tmp_path, "--package-name", "of_generator"),
        folder=tmp_path,
    )
    script = HERE / "of_openapi_generator.py"
    errand.assert_done(run("python", script, *errand.words("dora"), folder=tmp_path), "dora")
