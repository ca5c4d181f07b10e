"""`check` finds what is damaged, and makes anew what can be made of crops and embeddings."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from app.__main__ import cli
from app.graph import open_graph
from app.settings import Settings
from app.storage_errors import DatabaseDamagedError
from app.vision.model_files import CENTERFACE
from app.vision.scaling import Pixels
from tests.databases import execute
from tests.rotated import enrol
from tests.service_process import environment

People = dict[str, list[Pixels]]
Templates = dict[str, NDArray[np.float32]]


@pytest.fixture
def enrolled(settings: Settings, crops: People, tmp_path: Path) -> Settings:
    """Five people, a bundle store and a detector that a test may harm."""
    changes = {"bundles": tmp_path / "bundles", "detectors": tmp_path / "detectors"}
    shutil.copytree(settings.bundles, changes["bundles"])
    changes["detectors"].mkdir()
    shutil.copy(settings.detectors / CENTERFACE.name, changes["detectors"])
    settings = settings.model_copy(update=changes)
    enrol(settings, dict(islice(crops.items(), 5)))
    return settings


def _check(settings: Settings, *options: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(cli, ["check", "--json", *options], env=environment(settings))
    return done.exit_code, json.loads(done.stdout)


def _change(settings: Settings, *statements: str) -> None:
    path = settings.database.url.partition("///")[2]
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement


def _templates(settings: Settings, people: People) -> Templates:
    """Those that a service would load."""

    async def load() -> Templates:
        async with open_graph(settings) as graph:
            gallery = graph.current.serving.gallery
            found = {name: gallery.template(name) for name in islice(people, 5)}
            return {name: template for name, template in found.items() if template is not None}

    return asyncio.run(load())


def _parts(found: list[dict[str, Any]]) -> list[str]:
    return sorted(finding["part"] for finding in found)


@pytest.mark.both
def test_lost_template_is_found_and_made_again(enrolled: Settings, crops: People) -> None:
    before = _templates(enrolled, crops)
    assert _check(enrolled) == (0, {"found": [], "left": []})
    first = 'DELETE FROM templates WHERE "user" = (SELECT min(id) FROM users)'
    execute(enrolled.database, first)
    code, told = _check(enrolled)
    assert (code, _parts(told["found"])) == (1, ["templates"])
    assert _check(enrolled, "--repair")[0] == 0
    assert _templates(enrolled, crops).keys() == before.keys()


@pytest.mark.file
def test_damaged_template_of_a_size_goes_with_the_template_when_it_is_repaired(
    enrolled: Settings, crops: People
) -> None:
    """The service makes it anew of the crops."""
    before = _templates(enrolled, crops)
    _change(
        enrolled,
        "INSERT INTO sized_templates SELECT user, space_id, 12, vector FROM templates",
        "UPDATE sized_templates SET vector = zeroblob(2048) "
        "WHERE user = (SELECT min(id) FROM users)",
    )
    code, told = _check(enrolled)
    assert (code, _parts(told["found"])) == (1, ["templates"])
    assert _check(enrolled, "--repair") == (0, {"found": told["found"], "left": []})
    assert _templates(enrolled, crops).keys() == before.keys()
    assert execute(enrolled.database, "SELECT count(*) FROM sized_templates") == [(4,)]


@pytest.mark.file
def test_damage_is_found_and_everybody_known_again_when_it_is_repaired(
    enrolled: Settings, crops: People
) -> None:
    before = _templates(enrolled, crops)
    # The first start would make a key; nobody has one yet.
    assert _check(enrolled) == (0, {"found": [], "left": []})
    first = "SELECT id FROM users ORDER BY id LIMIT 1 OFFSET"
    photo = "SELECT id FROM photos WHERE user = ({first} {n}) LIMIT 1".format
    _change(
        enrolled,
        f"UPDATE templates SET vector = zeroblob(2048) WHERE user = ({first} 0)",
        f"DELETE FROM templates WHERE user = ({first} 1)",
        f"UPDATE embeddings SET vector = x'00ff' WHERE photo IN ({photo(first=first, n=2)})",
        f"UPDATE photos SET crop_png = x'00' WHERE id IN ({photo(first=first, n=3)})",
        # Neither an embedding nor a crop is left of it.
        f"UPDATE embeddings SET vector = zeroblob(2048) WHERE photo IN ({photo(first=first, n=4)})",
        f"UPDATE photos SET crop_png = NULL WHERE id IN ({photo(first=first, n=4)})",
        "INSERT INTO templates VALUES (99, 'nowhere', zeroblob(2048), 1, 1)",
    )
    with pytest.raises(DatabaseDamagedError, match="check"):
        _templates(enrolled, crops)

    code, told = _check(enrolled)
    assert code == 1
    assert told["found"] == told["left"]
    rows = ["crops", "database", "embeddings", "embeddings"]
    assert _parts(told["found"]) == sorted([*rows, *["templates"] * 4])
    assert [each["part"] for each in told["found"] if not each["repairable"]] == ["crops"]

    code, told = _check(enrolled, "--repair")
    assert (code, _parts(told["left"])) == (1, ["crops"])
    after = _templates(enrolled, crops)
    assert after.keys() == before.keys()
    for number, (name, template) in enumerate(after.items()):
        similarity = float(np.vecdot(template, before[name]))
        # The last one's is made of one photo less.
        assert similarity > (0.7 if number == 4 else 0.99999), name


@pytest.mark.file
def test_bundles_detectors_and_the_database_itself_are_told_of_when_damaged(
    enrolled: Settings,
) -> None:
    (weights,) = enrolled.bundles.glob("stock/*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    (enrolled.detectors / CENTERFACE.name).write_bytes(b"no network")
    code, told = _check(enrolled)
    assert (code, _parts(told["left"])) == (1, ["bundles", "bundles", "detectors"])
    database = Path(enrolled.database.url.partition("///")[2])
    database.write_bytes(b"no database")
    code, told = _check(enrolled, "--repair")
    assert (code, _parts(told["left"])) == (1, ["database", "detectors"])
    assert database.read_bytes() == b"no database"
