"""The client's README, block by block, against the real service."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from demo.service import Address, run_command, running_service
from farsight_client import AsyncClient, Client

README = Path(__file__).parents[2] / "clients" / "README.md"


@pytest.fixture
def address(
    settings: Settings, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Address]:
    """Of a service with two bundles; a key for everything is in the environment."""
    variables = {
        "FARSIGHT_BUNDLES": str(store),
        "FARSIGHT_BUNDLE": "farsight-xxs",
        "FARSIGHT_DETECTORS": str(settings.detectors),
        "FARSIGHT_DATABASE__URL": settings.database.url,
    }
    scopes = [word for scope in ("enroll", "identify", "admin") for word in ("--scope", scope)]
    monkeypatch.setenv(
        "FARSIGHT_API_KEY", run_command("keys", "create", *scopes, settings=variables)
    )
    with running_service(variables, tmp_path / "service.log") as address:
        yield address


@pytest.fixture
def _photos(
    people: dict[str, list[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that the README names, in the current folder."""
    ada, other = list(people.values())[:2]
    names = ["1", "2", "3", "4", "5", "street", "a", "b"]
    for name, photo in zip(names, ada, strict=True):
        (tmp_path / f"{name}.jpg").write_bytes(photo)
    (tmp_path / "door.jpg").write_bytes(other[0])
    (tmp_path / "not_a_photo.jpg").write_bytes(b"none")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_photos")
def test_examples_run_as_written(address: Address, capsys: pytest.CaptureFixture[str]) -> None:
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 8
    printed = []
    names: dict[str, object] = {}
    for block in blocks:
        code = block.replace("http://127.0.0.1:8000", address.url)
        exec(code.replace('"edgeface-s"', '"turned"'), names)
        printed.append(capsys.readouterr().out.splitlines())
    people, pooled, users, errors, awaited, reload, gallery, health = printed
    assert people[:3] == ["1.jpg True None", "2.jpg True None", "3.jpg True None"]
    assert people[3].startswith("ada 0.")
    assert people[4] == "True"
    assert 0.3 < float(people[5]) < 1
    assert pooled == ["ada"]
    assert users[0].startswith("ada 5 ")
    assert users[1] == "False False"
    assert errors[0].startswith("422 too_few_photos ")
    assert errors[2] == "['unreadable_image', None]"
    assert awaited == ["['ada', 'ada']", "['ada']"]
    assert [line.split()[:2] for line in reload[:3]] == [
        ["farsight-xs", "available"],
        ["farsight-xxs", "serving"],
        ["turned", "available"],
    ]
    assert reload[-2:] == ["succeeded None", "farsight-xxs"]
    assert gallery == ["1"]
    assert health[0].startswith("ok ok ")


def test_every_method_is_in_the_table() -> None:
    table = README.read_text(encoding="utf-8").partition("## All methods")[2]
    named = {
        name
        for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", line)
    }
    for kind in (Client, AsyncClient):
        assert named == {name for name in vars(kind) if not name.startswith("_")} - {
            "close",
            "send",
        }
