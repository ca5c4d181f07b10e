"""A service with a few people, and a browser; all tests of a file share both.

Not of the session: while Playwright runs, no other event loop can run in this thread.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from app.services.keys import Scope
from app.settings import Settings
from tests.api.conftest import create_key
from tests.conftest import TRAINED
from tests.console.browser import Tab, browsing, tab, write_film
from tests.program import PATIENCE_S
from tests.service_process import serving

OpenTab = Callable[..., AbstractContextManager[Tab]]
FILMED = "dora"


@dataclass(frozen=True)
class Console:
    """A running service.

    Attributes:
        url: Where it listens.
        key: With all scopes.
        door: With the scope `identify` alone.
        http: A client with `key`.
    """

    url: str
    key: str
    door: str
    http: httpx.Client

    def register(self, user_id: str, photos: list[bytes]) -> None:
        """Registers somebody without the console."""
        files = [("photos", (f"{index}.jpg", photo)) for index, photo in enumerate(photos)]
        answer = self.http.post("/v1/users", data={"user_id": user_id}, files=files)
        assert answer.status_code == 201, answer.text

    def identify(self, photos: list[bytes], kept: int) -> None:
        """Identifies without the console, and waits until so many faces are kept for review."""
        files = [("photos", (f"{index}.jpg", photo)) for index, photo in enumerate(photos)]
        assert self.http.post("/v1/identify", files=files).status_code == 200
        deadline = time.monotonic() + PATIENCE_S
        while len(self.http.get("/v1/kept-faces", params={"limit": 200}).json()["items"]) < kept:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def known(self) -> set[str]:
        """Everybody's `user_id`."""
        return {user["user_id"] for user in self.http.get("/v1/users").json()["items"]}


@pytest.fixture(scope="module")
def console(
    make_settings: Callable[[Path], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    """A service with the bundles that it comes with, in which nobody is known."""
    folder = tmp_path_factory.mktemp("console")
    settings = make_settings(folder)
    settings = settings.model_copy(update={"bundles": folder, "bundle": TRAINED.name})
    key, door = create_key(settings, *Scope), create_key(settings, Scope.IDENTIFY)
    with serving(settings, folder, FARSIGHT_REVIEW__KEEP_HOURS="1") as service:
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=service.url, headers=headers, timeout=60) as http:
            yield Console(service.url, key, door, http)


@pytest.fixture(scope="module")
def browser(
    console: Console,
    sample_people: dict[str, list[bytes]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Browser]:
    film = write_film(tmp_path_factory.mktemp("film") / "webcam.mjpeg", sample_people[FILMED])
    with browsing(film) as browser:
        yield browser


@pytest.fixture
def open_tab(console: Console, browser: Browser) -> OpenTab:
    """Opens a tab of its own: `with open_tab(size, scheme) as tab`."""

    @contextmanager
    def opened(**options: object) -> Iterator[Tab]:
        with partial(tab, browser, console.url)(**options) as new:  # type: ignore[arg-type]  # mypy takes them for other options of tab
            yield new

    return opened


@pytest.fixture
def signed_in(console: Console, open_tab: OpenTab) -> Iterator[Tab]:
    """A tab in which somebody with all scopes has signed in."""
    with open_tab() as new:
        new.open("", console.key)
        yield new
