"""A running service, and photos to send to it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image as PillowImage
from starlette.testclient import TestClient

from app.db.migration import open_sessions
from app.db.tables import Table
from app.graph import Graph
from app.main import create_app
from app.services.keys import Keys, Scope
from app.setting_groups import LimitSettings, ReviewSettings
from app.settings import Settings
from tests.compreface_client import CompreFace
from tests.databases import execute

Photo = bytes | tuple[str, bytes]
CreateKey = Callable[..., str]
RunService = Callable[[Settings], AbstractContextManager["Service"]]


def create_key(settings: Settings, *scopes: Scope) -> str:
    """Makes a key as the command line does."""

    async def create() -> str:
        async with open_sessions(settings.database) as sessions:
            return await Keys(sessions).create(scopes, label="test")

    return asyncio.run(create())


@dataclass
class Service:
    """The application in this process, its client with a key of all scopes, its database."""

    client: TestClient
    settings: Settings

    @property
    def graph(self) -> Graph:
        graph = self.client.app_state["graph"]
        assert isinstance(graph, Graph)
        return graph

    def register(
        self,
        user_id: str,
        photos: Sequence[Photo],
        key: str | None = None,
        **fields: str | list[str],
    ) -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.client.post(
            "/v1/users",
            data={"user_id": user_id, **fields},
            files=as_files("photos", photos),
            headers=headers,
        )

    def identify(self, *photos: Photo, **fields: str) -> httpx2.Response:
        return self.client.post("/v1/identify", data=fields, files=as_files("photos", photos))

    @staticmethod
    def assert_problem(answer: httpx2.Response, status: int, code: str) -> None:
        """The answer is a whole problem document of this kind."""
        problem = answer.json()
        assert (answer.status_code, problem.get("code")) == (status, code), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["status"] == status
        assert problem["type"] == f"urn:farsight:problem:{code}"
        assert problem["title"]
        assert problem["detail"]
        assert problem["request_id"] == answer.headers["x-request-id"]

    def key(self, *scopes: Scope) -> dict[str, str]:
        key = create_key(self.settings, *scopes)
        return {"Authorization": f"Bearer {key}"}

    def try_readiness(self) -> None:
        """What the service does every few seconds."""
        assert self.client.portal is not None
        self.client.portal.call(self.graph.readiness.check)

    def rows(self) -> dict[str, int]:
        """How many rows every table has."""
        names = list(Table.metadata.tables)
        counts = [f"SELECT '{name}', count(*) FROM {name}" for name in names]
        found = dict(execute(self.settings.database, " UNION ALL ".join(counts)))
        assert len(found) == 14
        return found


def as_files(field: str, photos: Sequence[Photo]) -> list[tuple[str, tuple[str, bytes]]]:
    named = [photo if isinstance(photo, tuple) else ("photo.jpg", photo) for photo in photos]
    return [(field, photo) for photo in named]


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    key = create_key(settings, *Scope)
    app = create_app(settings)
    with TestClient(app, headers={"Authorization": f"Bearer {key}"}) as client:
        yield Service(client, settings)


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    """A service of its own for the test."""
    with running(settings) as service:
        yield service


@pytest.fixture(scope="session", name="create_key")
def create_key_fixture() -> CreateKey:
    """For tests that run the service in their own way."""
    return create_key


@pytest.fixture(scope="session")
def run_service() -> RunService:
    """For tests that start a service with other settings."""
    return running


@pytest.fixture(scope="module")
def module_service(
    make_settings: Callable[[Path], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that all tests of a file share; they must leave it as it was."""
    with running(make_settings(tmp_path_factory.mktemp("service"))) as service:
        yield service


@pytest.fixture
def unchanged_service(module_service: Service) -> Iterator[Service]:
    """The file's service, which must have the same rows after the test as before."""
    before = module_service.rows()
    yield module_service
    assert module_service.rows() == before


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """Encodes a picture: `encode(picture, "PNG", **options)`."""

    def encoded(picture: PillowImage.Image | np.ndarray, kind: str, **options: object) -> bytes:
        file = BytesIO()
        if isinstance(picture, np.ndarray):
            picture = PillowImage.fromarray(picture)
        picture.save(file, kind, **options)
        return file.getvalue()

    return encoded


@pytest.fixture(scope="module")
def compreface_service(
    make_settings: Callable[[Path], Settings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    settings = make_settings(tmp_path_factory.mktemp("compreface"))
    limits = LimitSettings(max_body_bytes=1_000_000)
    with running(settings.model_copy(update={"compreface": True, "limits": limits})) as service:
        yield service


@pytest.fixture
def compreface(compreface_service: Service) -> Iterator[CompreFace]:
    """A service in which nobody is known, and a key for subjects and recognition."""
    client = CompreFace(
        compreface_service, create_key(compreface_service.settings, Scope.ENROLL, Scope.IDENTIFY)
    )
    yield client
    client.send("DELETE", "/subjects")
    assert {
        compreface_service.rows()[name] for name in ("users", "photos", "announced_subjects")
    } == {0}


@pytest.fixture
def reviewing(settings: Settings) -> Iterator[Service]:
    """A service that keeps faces for an hour."""
    review = ReviewSettings(keep_hours=1)
    with running(settings.model_copy(update={"review": review})) as service:
        yield service
