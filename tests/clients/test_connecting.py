"""Where the client speaks to, what it says and what it is made of."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

from farsight_client import ApiError, AsyncClient, Client
from tests.answering import Asked, Reply, answering

FOLDER = Path(__file__).parents[2] / "clients"
VERSION = {"version": "1", "bundle": None, "space": None, "gallery_revision": None}


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://", "http://h:x"])
def test_address_is_refused_when_no_service_can_be_there(
    url: str, kind: type[Client | AsyncClient]
) -> None:
    with pytest.raises(ValueError, match="not an address"):
        kind(url)


@pytest.mark.parametrize("key", ["", "fs key", "fs_key\n", "fs_schlüssel"])
def test_key_is_refused_when_none_looks_like_it(key: str) -> None:
    with pytest.raises(ValueError, match="The key"):
        Client("http://127.0.0.1:8000", key)


def test_address_may_have_a_path_and_no_key() -> None:
    asked: list[Asked] = []

    def answer(request: Asked) -> Reply:
        asked.append(request)
        return Reply(200, VERSION)

    with answering(answer) as url, Client(f"{url}/farsight/") as client:
        assert client.version().bundle is None
    assert asked[0].path == "/farsight/version"
    assert "authorization" not in asked[0].headers


@pytest.mark.parametrize(
    "reply",
    [
        Reply(307),
        Reply(200, {}),
        Reply(200, b"<html>", "text/html"),
        Reply(500, b"<html>", "text/html"),
        Reply(500, {}, "application/problem+json"),
    ],
)
def test_error_says_so_when_something_else_answers(reply: Reply) -> None:
    with (
        answering(lambda _: reply) as url,
        Client(url) as client,
        pytest.raises(ApiError) as error,
    ):
        client.version()
    assert (error.value.status, error.value.code) == (reply.status, "not_farsight")


def test_client_imports_only_what_its_distribution_requires() -> None:
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = {each.partition(">")[0] for each in project["dependencies"]}
    imported = set()
    for path in (FOLDER / "farsight_client").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])
    assert required == {"httpx", "msgspec", "websockets"}
    assert imported - set(sys.stdlib_module_names) == {*required, "farsight_client"}
