"""Search in PostgreSQL: the same people as in memory, of one space, of some groups, and erased."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from app.__main__ import cli
from app.db.migration import open_sessions
from app.db.repositories import pointer, transfers, users
from app.db.session import Sessions, WriteSession
from app.db.tables import Embedding, Photo, SizedTemplate, Template, User
from app.errors import SettingsError
from app.gallery.gallery import Enrolled, Gallery
from app.services.search import search_rows
from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.embedder import fused_template
from tests.api.conftest import RunService, running
from tests.databases import execute

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

_SPACE, _OTHER = "space", "other"
_PEOPLE = 300
Vectors = NDArray[np.float32]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def run_service() -> RunService:
    return running


def _unit(vectors: NDArray[np.float64]) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


@pytest.fixture
def database(postgres: "PostgresServer") -> DatabaseSettings:
    """PostgreSQL, which is made to use the index however few there are."""
    settings = postgres.new_database()
    ((name,),) = execute(settings, "SELECT current_database()")
    for setting in ("enable_seqscan", "enable_sort"):
        execute(settings, f"ALTER DATABASE {name} SET {setting} = off")
    return settings


@pytest.fixture
async def sessions(database: DatabaseSettings) -> AsyncIterator[Sessions]:
    """People in two spaces; every hundredth is in the group `rare`."""
    generator = np.random.default_rng(1)

    async def fill(session: WriteSession) -> None:
        await pointer.activate(session, "bundle", _SPACE)
        ids = range(1, _PEOPLE + 1)
        rows = [
            {
                "id": n,
                "user_id": f"user-{n}",
                "details": {},
                "groups": ["rare"] if n % 100 == 7 else ["staff"],
            }
            for n in ids
        ]
        await transfers.add_all(session, User, rows)
        taken = [
            {"id": UUID(int=n), "user": n, "face_px": 24.0, "quality": {}, "sha256": f"{n:064}"}
            for n in ids
        ]
        await transfers.add_all(session, Photo, taken)
        for space_id in (_SPACE, _OTHER):
            vectors = _unit(generator.normal(size=(_PEOPLE, 512)))
            pairs = list(zip(ids, vectors, strict=True))
            common = {"space_id": space_id, "photo_count": 1, "revision": 1}
            templates = [{"user": n, "vector": vector, **common} for n, vector in pairs]
            await transfers.add_all(session, Template, templates)
            embeddings = [
                {"photo": UUID(int=n), "space_id": space_id, "vector": vector}
                for n, vector in pairs
            ]
            await transfers.add_all(session, Embedding, embeddings)

    async with open_sessions(database) as opened:
        await opened.write(fill)
        yield opened


async def _gallery(sessions: Sessions) -> Gallery:
    async with sessions.read() as session:
        rows = await users.templates(session, _SPACE)
    return Gallery((user_id, Enrolled(vector, groups)) for user_id, vector, groups in rows)


async def test_same_users_are_found_when_postgres_searches(sessions: Sessions) -> None:
    await sessions.index_templates(_SPACE)
    await sessions.index_templates(_SPACE)  # it is there already
    gallery = await _gallery(sessions)
    generator = np.random.default_rng(2)
    for number in range(1, _PEOPLE, 20):
        template = gallery.template(f"user-{number}")
        assert template is not None
        probe = _unit(template + 0.06 * generator.normal(size=512))
        async with sessions.read() as session:
            for groups in (None, frozenset({"staff"}), frozenset({"rare"}), frozenset({"none"})):
                found = await search_rows(session, _SPACE, probe, 3, groups)
                assert found == gallery.search(probe, 3, groups)


async def test_templates_of_a_size_are_compared_when_postgres_searches(
    sessions: Sessions,
) -> None:
    """The index names candidates by their templates of no size, more than are asked for."""
    generator = np.random.default_rng(4)
    plain = await _gallery(sessions)
    small = _unit(generator.normal(size=(_PEOPLE, 512)))

    async def fill(session: WriteSession) -> None:
        rows = [
            {"user": n, "space_id": _SPACE, "face_px": 12, "vector": small[n - 1]}
            for n in range(1, _PEOPLE, 2)
        ]
        await transfers.add_all(session, SizedTemplate, rows)

    await sessions.write(fill)
    await sessions.index_templates(_SPACE)
    for number in (2, 3, 250, 251):
        template = plain.template(f"user-{number}")
        assert template is not None
        has_one = number % 2 == 1
        compared = fused_template(template, small[number - 1]) if has_one else template
        async with sessions.read() as session:
            (found,) = await search_rows(session, _SPACE, template, 1, size=12)
            (of_no_size,) = await search_rows(session, _SPACE, template, 1)
        assert found.user_id == of_no_size.user_id == f"user-{number}"
        assert of_no_size.similarity == pytest.approx(1, abs=1e-6)
        assert found.similarity == pytest.approx(float(compared @ template), abs=1e-6)


async def test_space_has_an_index_of_its_own_that_goes_with_it(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    probe = ",".join(["1"] * 512)
    plan = (
        "EXPLAIN SELECT vector FROM templates WHERE space_id = 'space' ORDER BY "
        f"vector::halfvec(512) <=> '[{probe}]'::halfvec(512) LIMIT 5"
    )
    for space_id in (_SPACE, _OTHER):
        await sessions.index_templates(space_id)
    lines = [line for (line,) in execute(database, plan)]
    assert any("ix_templates_nearest_space" in line for line in lines), lines
    await sessions.drop_indexes({_SPACE})
    indexes = "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'ix_templates_nearest_%'"
    assert execute(database, indexes) == [("ix_templates_nearest_space",)]


async def test_index_is_made_anew_when_its_making_was_interrupted(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    await sessions.index_templates(_SPACE)
    execute(
        database,
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'ix_templates_nearest_space'::regclass",
    )
    await asyncio.gather(*[sessions.index_templates(_SPACE) for _ in range(3)])
    assert await sessions.engine.troubles() == []


async def test_index_is_refused_with_a_sentence_when_pgvector_is_too_old(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    execute(database, "ALTER TYPE halfvec RENAME TO not_yet")
    with pytest.raises(SettingsError, match=r"needs pgvector 0\.7 or later"):
        await sessions.index_templates(_SPACE)


def test_recall_is_told_when_both_ways_are_compared(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    arguments = ["gallery", "recall", "--users", "50", "--json"]
    variables = {"FARSIGHT_DATABASE__URL": database.url}
    done = CliRunner().invoke(cli, arguments, env=variables)
    told = json.loads(done.stdout)
    assert [each["probes"] for each in told] == [
        "stored photos",
        "similarity 0.5",
        "similarity 0.35",
    ]
    assert {each["searches"] for each in told} == {50}
    assert {each["found"] for each in told} == {50}
    assert done.exit_code == 0


def test_people_are_registered_known_and_erased_when_postgres_searches(
    postgres: "PostgresServer",
    make_settings: Callable[[Path], Settings],
    run_service: RunService,
    people: dict[str, list[bytes]],
    store: Path,
    tmp_path: Path,
) -> None:
    settings = make_settings(tmp_path).model_copy(
        update={
            "database": postgres.new_database(),
            "search": "pgvector",
            "bundles": store,
            "bundle": "farsight-xxs",
        }
    )
    with run_service(settings) as service:
        assert service.register("anna", people["anna"][:3], groups=["staff"]).status_code == 201
        assert service.register("bert", people["bert"][:3]).status_code == 201
        again = service.register("anna-2", people["anna"][3:6])
        assert (again.status_code, again.json()["user_id"]) == (409, "anna")
        for _ in range(2):  # with one bundle, then with another
            (face,) = service.identify(people["anna"][6], top_k="5").json()["faces"]
            assert face["user_id"] == "anna"
            assert [of["user_id"] for of in face["candidates"]] == ["anna", "bert"]
            (face,) = service.identify(people["bert"][6], groups="staff").json()["faces"]
            assert face["user_id"] is None
            verified = service.client.post(
                "/v1/verify", data={"user_id": "anna"}, files={"photo": people["anna"][6]}
            )
            assert verified.json()["match"] is True
            gallery = service.graph.current.serving.gallery
            assert gallery.template("anna") is None  # no template is held
            variables = {
                "FARSIGHT_DATABASE__URL": settings.database.url,
                "FARSIGHT_BUNDLES": str(store),
                "FARSIGHT_DETECTORS": str(settings.detectors),
                "FARSIGHT_SEARCH": "pgvector",
            }
            arguments = ["bundles", "reload", "turned", "--force", "--json"]
            moved = CliRunner().invoke(cli, arguments, env=variables)
            assert moved.exit_code == 0, moved.output
            assert service.client.portal is not None
            service.client.portal.call(service.graph.following.look)
        assert service.graph.current.serving.manifest.name == "turned"
        assert len(service.graph.current.serving.gallery) == 2
        assert service.client.delete("/v1/users/anna").status_code in {200, 202, 204}
        (face,) = service.identify(people["anna"][6], top_k="5").json()["faces"]
        assert [of["user_id"] for of in face["candidates"]] == ["bert"]


def test_start_is_refused_when_the_database_cannot_search(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARSIGHT_SEARCH", "pgvector")
    with pytest.raises(SettingsError, match="PostgreSQL"):
        Settings.read()
