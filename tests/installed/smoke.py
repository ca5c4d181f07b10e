"""What `make wheel` has built, installed into an empty environment and used in an empty folder.

`make smoke` runs it. `make test` does not: it installs everything anew, torch included.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from alembic import command
from app.db.migration import alembic_config, open_sessions
from app.setting_groups import DatabaseSettings

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300
INSTALL_S = 1800  # torch may be GBs

pytestmark = pytest.mark.timeout(2 * INSTALL_S)


class Installation:
    """An environment with nothing but the wheels, an empty folder, and an empty data folder."""

    def __init__(self, folder: Path) -> None:
        self.scripts = folder / "env" / "bin"
        self.empty = folder / "empty"
        self.home = folder / "share" / "farsight"
        self.empty.mkdir()
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FARSIGHT_", "PYTHON", "VIRTUAL_ENV"))
        }
        self.environment = {**inherited, "XDG_DATA_HOME": str(folder / "share"), "COLUMNS": "200"}

    def run(
        self, program: str, *words: str | Path, code: int = 0, within_s: int = PATIENCE_S
    ) -> str:
        """What a program says, all of it."""
        done = subprocess.run(
            [self.scripts / program, *words],
            cwd=self.empty,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
            check=False,
        )
        assert done.returncode == code, f"{program} {words}: {done.stdout}"
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[tuple[str, str]]:
        """`farsight serve` as at its first start; its address, and the key that it prints."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = self.home.parents[1] / "log"
        with log.open("w") as file:
            service = subprocess.Popen(
                [self.scripts / "farsight", "serve", "--port", str(port)],
                cwd=self.empty,
                env=self.environment,
                stdout=file,
                stderr=file,
            )
        url, give_up = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE_S
        try:
            while not _is_ready(url):
                assert service.poll() is None, log.read_text()
                assert time.monotonic() < give_up, log.read_text()
                time.sleep(0.2)
            (key,) = re.findall(r"fs_[0-9a-f]{12}_[0-9a-f]{64}", log.read_text())
            yield url, key
        finally:
            service.send_signal(signal.SIGTERM)
            code = service.wait(timeout=PATIENCE_S)
        assert code == 0, log.read_text()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def wheels() -> list[Path]:
    found = sorted((ROOT / "dist").glob("*.whl"))
    assert found, "make wheel"
    return found


@pytest.fixture(scope="module")
def installed(
    wheels: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installed")
    python = os.environ.get("PYTHON", sys.executable)
    subprocess.run([python, "-m", "venv", folder / "env"], check=True)
    installation = Installation(folder)
    pins = ROOT / "constraints.txt"
    pip = ("-m", "pip", "install", "--quiet", "--constraint")
    installation.run("python", *pip, pins, *wheels, within_s=INSTALL_S)
    yield installation
    shutil.rmtree(folder)  # a GB and more


def test_wheel_has_one_folder_of_its_name_for_everything(wheels: list[Path]) -> None:
    assert [wheel.name.partition("-")[0] for wheel in wheels] == ["farsight", "farsight_client"]
    wheel = wheels[0]
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.partition("/")[0] for name in names}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"app", "trainer"}
    migrations = {path.name for path in (ROOT / "alembic" / "versions").glob("*.py")}
    assert migrations
    assert {f"app/alembic/versions/{name}" for name in migrations} <= set(names)
    assert {"app/weights/farsight-xxs/manifest.json", "app/weights/LICENSE.md"} <= set(names)
    (information,) = (folder for folder in folders if folder.endswith(".dist-info"))
    terms = {"LICENSE", "NOTICE", "weights/LICENSE.md"}
    assert {f"{information}/licenses/{name}" for name in terms} <= set(names)


def test_commands_tell_their_version_and_what_is_missing(installed: Installation) -> None:
    assert re.fullmatch(r"farsight \d+\.\d+\.\d+\n", installed.run("farsight", "--version"))
    told = installed.run("farsight-trainer", "--version")
    assert re.fullmatch(r"farsight-trainer \d+\.\d+\.\d+\n", told)
    assert "farsight[train]" in installed.run("farsight-trainer", "dsr", code=1)
    found = installed.run("farsight", "bundles", "list")
    assert "farsight-xs" in found
    assert list(installed.empty.iterdir()) == []
    assert not installed.home.exists()


def test_people_are_registered_identified_and_migrated_in_an_empty_folder(
    installed: Installation, sample_photos: dict[str, Path]
) -> None:
    barack = [sample_photos[f"obama{number}.jpg"] for number in ("", "2", "3")]
    with installed.serving() as (url, key):
        client = httpx.Client(
            base_url=f"{url}/v1", headers={"Authorization": f"Bearer {key}"}, trust_env=False
        )
        photos = [("photos", photo.read_bytes()) for photo in barack]
        answer = client.post("/users", data={"user_id": "barack"}, files=photos, timeout=PATIENCE_S)
        assert answer.status_code == 201, answer.text
        for name, expected in (("obama.jpg", "barack"), ("biden.jpg", None)):
            photo = {"photos": sample_photos[name].read_bytes()}
            answer = client.post("/identify", files=photo, timeout=PATIENCE_S)
            assert [face["user_id"] for face in answer.json()["faces"]] == [expected]
        client.close()
    database = installed.home / "farsight.db"
    assert _migrated_down(database)
    assert "barack" in installed.run("farsight", "gallery", "list")
    (line,) = installed.run("farsight", "identify", "--json", barack[1]).splitlines()[-1:]
    assert [face["user_id"] for face in json.loads(line)["faces"]] == ["barack"]
    assert "in order" in installed.run("farsight", "check")
    assert list(installed.empty.iterdir()) == []


def _migrated_down(database: Path) -> bool:
    """Makes it one of an earlier version."""

    async def migrate() -> None:
        settings = DatabaseSettings(url=f"sqlite+aiosqlite:///{database}")
        async with open_sessions(settings) as sessions:
            await sessions.migrate(lambda found: command.downgrade(alembic_config(found), "0003"))

    asyncio.run(migrate())
    return database.exists()
