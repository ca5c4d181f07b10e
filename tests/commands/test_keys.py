"""`keys` from the shell."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.__main__ import cli
from app.errors import KeyNotFoundError


@pytest.fixture(autouse=True)
def _database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARSIGHT_DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path}/new/farsight.db")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["keys", *arguments])


def test_key_is_printed_once_and_listed_without_its_secret_when_made() -> None:
    made = _run("create", "--scope", "enroll", "--scope", "identify", "--label", "door")
    assert made.exit_code == 0
    prefix, key_id, secret = made.stdout.strip().split("_")
    assert (prefix, len(secret)) == ("fs", 64)
    listed = _run("list")
    assert key_id in listed.stdout
    assert "enroll, identify" in listed.stdout
    assert secret not in listed.stdout


def test_key_is_json_when_asked_for() -> None:
    made = json.loads(_run("create", "--scope", "admin", "--json").stdout)
    assert made["key"].startswith("fs_")
    assert made["scopes"] == ["admin"]


def test_list_shows_the_time_when_a_key_is_revoked() -> None:
    key_id = _run("create", "--scope", "admin").stdout.split("_")[1]
    before = _run("list").stdout
    assert _run("revoke", key_id).exit_code == 0
    assert _run("list").stdout.count("20") > before.count("20")


def test_usage_is_wrong_when_the_scope_is_missing_or_unknown() -> None:
    assert _run("create").exit_code == 2
    assert _run("create", "--scope", "everything").exit_code == 2


def test_nothing_is_revoked_when_the_key_is_unknown() -> None:
    assert isinstance(_run("revoke", "nobody").exception, KeyNotFoundError)
