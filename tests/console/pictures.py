"""The documentation's pictures of the console: `python -m tests.console.pictures docs`.

Whom they show: photos of US agencies, in the public domain (NOTICE). Pictures of the other views
go to the folder too when `--all` follows.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import httpx
from PIL import Image

from app.db.migration import open_sessions
from app.services.keys import Keys, Scope
from app.setting_groups import DatabaseSettings
from app.settings import Settings
from demo.samples import CACHE, SMALL_FACES, fetch_samples
from tests.console.browser import NARROW, WIDE, browsing, tab, write_film
from tests.console.test_console import as_files, side_by_side
from tests.sample_people import portraits
from tests.service_process import serving

_REGISTERED = {"anna": "eileen", "carl": "barack", "dora": "grace"}
_OTHERS = ("people", "register", "keys", "audit", "operations")


def _key(database: DatabaseSettings) -> str:
    async def create() -> str:
        async with open_sessions(database) as sessions:
            return await Keys(sessions).create(list(Scope), label="operator")

    return asyncio.run(create())


def draw(folder: Path, *, everything: bool) -> None:
    """Starts a service with three people, and takes pictures of its console."""
    (subset,) = fetch_samples(packages=[SMALL_FACES]).values()
    people = portraits(fetch_samples(), subset)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        database = DatabaseSettings(url=f"sqlite+aiosqlite:///{home}/farsight.db")
        settings = Settings(home=home, detectors=CACHE.parent / "detectors", database=database)
        key = _key(database)
        film = write_film(home / "webcam.mjpeg", people["dora"])
        with (
            serving(settings, home, FARSIGHT_OFFLINE="true") as service,
            httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
            browsing(film) as browser,
        ):
            for person, user_id in _REGISTERED.items():
                files = [("photos", photo) for photo in people[person][:5]]
                form = {"user_id": user_id}
                http.post(f"{service.url}/v1/users", data=form, files=files).raise_for_status()
            photo = side_by_side(people["carl"][6], people["anna"][6], people["bert"][6])
            for size, scheme in ((WIDE, "light"), (NARROW, "dark")):
                with tab(browser, service.url, size, scheme) as opened:  # type: ignore[arg-type]  # mypy takes them for other options of tab
                    page = opened.page
                    opened.open("identify", key)
                    page.get_by_label("Photo", exact=True).set_input_files(as_files([photo]))
                    slider = page.get_by_role("slider")
                    slider.focus()
                    for _ in range(8):
                        page.keyboard.press("ArrowRight")
                    page.locator(".curve circle").nth(12).wait_for()
                    page.locator(".farther:not([aria-busy])").wait_for()
                    page.set_viewport_size(
                        {
                            "width": size[0],
                            "height": page.evaluate("document.documentElement.scrollHeight"),
                        }
                    )
                    taken = folder / f"console-identify-{size[0]}.png"
                    page.screenshot(path=taken, full_page=True)
                    _shrink(taken)
                    if not everything:
                        continue
                    page.evaluate("scrollTo(0, 0)")
                    for view in (*_OTHERS, "weights", "people/eileen"):
                        opened.open(view)
                        page.wait_for_timeout(2500)
                        shot = f"console-{view.replace('/', '-')}-{size[0]}.png"
                        page.screenshot(path=folder / shot, full_page=True)


def _shrink(path: Path) -> None:
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), everything="--all" in sys.argv)
