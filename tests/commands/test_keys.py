"""`keys` from the shell."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.__main__ import cli
from farsight_client import ApiError


@pytest.fixture(autouse=True)
def _database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARSIGHT_DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path}/new/farsight.db")


def _run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, ["keys", *arguments], input=typed, env={"COLUMNS": "160"})


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
    assert made["expires_at"] is None
    ending = json.loads(_run("create", "--scope", "admin", "--days", "3", "--json").stdout)
    left = datetime.fromisoformat(ending["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=2) < left < timedelta(days=3)


def test_list_shows_the_time_when_a_key_is_revoked() -> None:
    key_id = _run("create", "--scope", "identify").stdout.split("_")[1]
    before = _run("list").stdout
    assert _run("revoke", key_id).exit_code == 0
    assert _run("list").stdout.count("20") > before.count("20")
    (told,) = json.loads(_run("list", "--json").stdout)
    assert (told["id"], told["scopes"], told["last_used_at"]) == (key_id, ["identify"], None)
    assert told["revoked_at"] > told["created_at"]


def test_last_admin_key_is_revoked_only_when_that_is_said_twice() -> None:
    first, second, third = (
        _run("create", "--scope", "admin", *days).stdout.split("_")[1]
        for days in ([], ["--days", "1"], [])
    )
    assert _run("revoke", first).exit_code == 0
    assert _run("revoke", second).exit_code == 0
    asked = _run("revoke", third)
    assert (asked.exit_code, "nobody could reload" in asked.stdout) == (1, True)
    assert _run("revoke", third, typed="n\n").exit_code == 1
    assert "is revoked" in _run("revoke", third, typed="y\n").stdout
    assert "is revoked" in _run("revoke", third).stdout  # it is none any more
    last = _run("create", "--scope", "admin").stdout.split("_")[1]
    assert "is revoked" in _run("revoke", last, "--yes").stdout


def test_usage_is_wrong_when_the_scope_is_missing_or_unknown() -> None:
    assert _run("create").exit_code == 2
    assert _run("create", "--scope", "everything").exit_code == 2


def test_nothing_is_revoked_when_the_key_is_unknown() -> None:
    refused = _run("revoke", "nobody").exception
    assert isinstance(refused, ApiError)
    assert refused.code == "key_not_found"
