"""The images' commands as they run in a container, and what the files beside them name."""

import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from app.api import monitoring
from app.settings import Settings
from tests.image import ROOT, Container, stage
from tests.program import PATIENCE_S

_KEY = re.compile(r"fs_[0-9a-f]{12}_[0-9a-f]{64}")
_SETTING = re.compile(r"^[ \-]*(?:Environment=)?(FARSIGHT_\w+)(?:: |=)(?!\$)(.+?)(?: \\)?$", re.M)
_TRIES_TO_WRITE = """
import importlib.util, os, pathlib
assert (os.getuid(), os.getgid()) == (10001, 10001)
assert 'CapEff:\\t0000000000000000' in pathlib.Path('/proc/self/status').read_text()
code = [pathlib.Path(importlib.util.find_spec(name).origin).parent for name in ('app', 'fastapi')]
for folder in ('/', '/opt/farsight/detectors', *code):
    try:
        (pathlib.Path(folder) / 'written').touch()
    except OSError:
        continue
    raise AssertionError(folder)
for folder in ('/data', '/bundles', '/tmp'):
    (pathlib.Path(folder) / 'written').touch()
"""


@pytest.fixture
def volumes(tmp_path: Path) -> dict[str, Path]:
    found = {place: tmp_path / place.strip("/") for place in ("/data", "/bundles")}
    for folder in found.values():
        folder.mkdir(mode=0o700)
    return found


@contextmanager
def _serving(container: Container, log: Path) -> Iterator[tuple[str, str]]:
    """The service with its own command, but on a free port; its address and first key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    service = stage("service")
    health = [word.replace("8000", port) for word in service.health]
    process = container.start(*service.command, "--port", port, log=log)
    try:
        give_up = time.monotonic() + PATIENCE_S
        url = f"http://127.0.0.1:{port}"
        while not _answers(f"{url}/readyz"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.1)
        assert container.run(*health).returncode == 0
        key = _KEY.search(log.read_text())
        assert key is not None
        yield url, key[0]
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.program("bwrap")
def test_bundle_is_imported_served_and_rolled_back_when_only_volumes_can_be_written(
    volumes: dict[str, Path],
    detectors: Path,
    checkpoint: Path,
    people: dict[str, list[bytes]],
    tmp_path: Path,
) -> None:
    container = Container(stage("service"), detectors, volumes)
    assert stage("service").user == "10001:10001"
    tried = container.run("python", "-c", _TRIES_TO_WRITE)
    assert tried.returncode == 0, tried.stderr
    with (
        _serving(container, tmp_path / "log") as (url, key),
        httpx.Client(
            base_url=f"{url}/v1", headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE_S
        ) as farsight,
    ):
        photos = [("photos", photo) for photo in people["anna"][:3]]
        enrolled = farsight.post("/users", data={"user_id": "anna"}, files=photos)
        assert enrolled.status_code == 201, enrolled.text
        # The trainer's image has the other volume alone.
        (tmp_path / "runs").mkdir()
        shutil.copy(checkpoint, tmp_path / "runs")
        publishing = Container(
            stage("trainer"),
            detectors,
            {"/runs": tmp_path / "runs", "/bundles": volumes["/bundles"]},
        )
        words = ("bundles", "import", "--edgeface", checkpoint.name, "--name", "mine")
        published = publishing.run("farsight", *words)
        assert published.returncode == 0, published.stderr
        assert "is in /bundles/mine" in published.stdout

        answer = farsight.post("/admin/reload", json={"bundle": "mine", "force": True})
        assert answer.status_code == 202, answer.text
        assert _ended(farsight, answer.json()["id"])["state"] == "succeeded"
        assert _named(farsight, people["anna"][4]) == ("mine", "anna")
        assert farsight.post("/admin/rollback").status_code == 200
        assert _named(farsight, people["anna"][4]) == ("farsight-xs", "anna")


def _ended(farsight: httpx.Client, job: str) -> dict[str, Any]:
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        found: dict[str, Any] = farsight.get(f"/admin/jobs/{job}").json()
        if found["state"] != "running":
            return found
        time.sleep(0.1)
    raise AssertionError("the reload did not end")


def _named(farsight: httpx.Client, photo: bytes) -> tuple[str, str]:
    answer = farsight.post("/identify", files={"photos": photo}).json()
    (face,) = answer["faces"]
    return answer["bundle"], face["user_id"]


@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("Dockerfile", 4),
        ("docker/compose.replicas.yml", 6),
        ("docker/kubernetes/settings.env", 7),
        ("docker/systemd/farsight.service", 1),
    ],
)
def test_service_takes_every_setting_when_a_file_names_it(
    file: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a compose file, nginx's variables come with the containers; ours are above them.
    text = (ROOT / file).read_text(encoding="utf-8").partition("\nservices:")[0]
    found = dict(_SETTING.findall(text))
    assert len(found) == count
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    if "FARSIGHT_DATABASE__PASSWORD_FILE" in found:
        (tmp_path / "password").write_text("secret")
        monkeypatch.setenv("FARSIGHT_DATABASE__PASSWORD_FILE", str(tmp_path / "password"))
    Settings.read()


def test_kustomization_names_every_file_when_it_is_complete() -> None:
    folder = ROOT / "docker" / "kubernetes"
    text = (folder / "kustomization.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"^#? +- (\S+\.(?:yaml|env))$", text, re.M))
    files = {path.name for path in folder.iterdir()}
    assert len(files) >= 9
    assert named == files - {"kustomization.yaml"}


def test_service_monitor_finds_the_metrics_of_the_service_when_both_are_applied() -> None:
    """The schemas of Kubernetes do not know its kind: a wrong name would find nothing, silently."""
    folder = ROOT / "docker" / "kubernetes"
    monitor, service = (
        YAML(typ="safe").load((folder / name).read_text(encoding="utf-8"))
        for name in ("servicemonitor.yaml", "service.yaml")
    )
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["kind"] == "ServiceMonitor"
    assert set(monitor) == {"apiVersion", "kind", "metadata", "spec"}
    spec = monitor["spec"]
    assert set(spec) == {"selector", "jobLabel", "endpoints"}
    labels = service["metadata"]["labels"]
    assert set(spec["selector"]) == {"matchLabels"}
    assert spec["selector"]["matchLabels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = spec["endpoints"]
    assert set(endpoint) == {"port", "path"}  # and no key: see the last line
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert endpoint["path"] == monitoring.PATH
    # What alerts and dashboard expect.
    rules = (ROOT / "docker" / "prometheus" / "farsight.rules.yml").read_text(encoding="utf-8")
    assert f'job="{labels[spec["jobLabel"]]}"' in rules
    settings = (folder / "settings.env").read_text(encoding="utf-8").splitlines()
    assert "FARSIGHT_METRICS=open" in settings
