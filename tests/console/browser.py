"""Debian's Chromium, as people have it: a page of the console, and what must not happen on it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 60_000
WIDE, NARROW = (1440, 900), (390, 844)
_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
_FRAMES_OF_A_PHOTO = 20
_SERIOUS = ("serious", "critical")


def find_chromium() -> str:
    """Where the browser is."""
    if not CHROMIUM.exists():
        raise AssertionError("Chromium is missing: apt-get install chromium")
    return str(CHROMIUM)


def write_film(path: Path, photos: Sequence[bytes]) -> Path:
    """What a webcam sees: one photo after the other, two thirds of a second each, again and again.

    Motion JPEG: whole pictures of one size in a row.
    """
    with path.open("wb") as film:
        for photo in photos:
            seen = Image.new("RGB", (640, 480), (110, 120, 130))
            with Image.open(BytesIO(photo)) as picture:
                seen.paste(picture.resize((384, 480)), (128, 0))
            frame = BytesIO()
            seen.save(frame, "JPEG", quality=92)
            film.write(frame.getvalue() * _FRAMES_OF_A_PHOTO)
    return path


@contextmanager
def browsing(film: Path) -> Iterator[Browser]:
    """A browser whose webcam shows a film."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=[*_ARGUMENTS, f"--use-file-for-fake-video-capture={film}"],
        )
        yield browser
        browser.close()


@dataclass
class Tab:
    """A tab with a session of its own.

    Attributes:
        page: Playwright's.
        url: Of the service.
        faults: What its console said, and whom it asked, that it should not have.
    """

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Notes faults from now on."""
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._asked)

    def open(self, view: str, key: str | None = None) -> None:
        """Goes to a view; with a key, signs in first."""
        if key is not None:
            self.page.goto(f"{self.url}/console")
            self.page.get_by_label("API key").fill(key)
            self.page.get_by_role("button", name="Sign in").click()
            self.page.get_by_role("button", name="Sign out").wait_for()
        self.page.goto(f"{self.url}/console#/{view}")

    def check(self) -> None:
        """axe-core finds nothing serious, and nothing is wider than the screen."""
        found = Axe().run(self.page).response["violations"]
        serious = [
            (of["id"], node["target"], node["failureSummary"])
            for of in found
            if of["impact"] in _SERIOUS
            for node in of["nodes"]
        ]
        assert serious == [], f"{self.page.url}: {serious}"
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{self.page.url} is {wide} px wider than the screen"

    def _heard(self, message: ConsoleMessage) -> None:
        # A refusal is an answer: the browser notes each, whatever the page does with it.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.faults.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "blob:", "data:")):
            self.faults.append(f"asked {request.url}")


@contextmanager
def tab(
    browser: Browser,
    url: str,
    size: tuple[int, int] = WIDE,
    scheme: Literal["light", "dark"] = "light",
) -> Iterator[Tab]:
    """A new tab; at its end, nothing may have gone wrong in it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    context.set_default_timeout(PATIENCE_MS)
    opened = Tab(context.new_page(), url)
    opened.watch()
    yield opened
    context.close()
    assert opened.faults == []
