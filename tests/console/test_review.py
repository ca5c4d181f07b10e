"""The console's Review in a real browser: strangers are named, wrong names corrected."""

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.console.browser import NARROW

if TYPE_CHECKING:
    from tests.console.browser import Tab
    from tests.console.conftest import Console, OpenTab

pytestmark = pytest.mark.program("chromium")

People = dict[str, list[bytes]]


def test_strangers_are_named_with_a_few_keys_when_they_were_seen(
    console: "Console", signed_in: "Tab", people: People
) -> None:
    console.identify([*people["anna"][:3], *people["bert"][:4], people["gina"][0]], 8)
    console.register("anna", people["anna"][3:6])
    page = signed_in.page
    signed_in.open("review")
    stage = page.get_by_role("group", name=re.compile("Stranger"))
    expect(stage.get_by_role("heading", name="Stranger 1 of 3")).to_be_visible()
    expect(stage).to_be_focused()
    expect(stage.locator(".kept button[aria-pressed=true]")).to_have_count(4)
    expect(stage.locator(".kept img")).to_have_count(4)
    signed_in.check()

    # Nobody is registered as bert: ENTER registers him from these faces.
    page.keyboard.press("w")
    page.keyboard.type("bert")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("4 faces would be the first photos")
    signed_in.check()
    page.keyboard.press("Enter")
    lesson = page.locator(".lesson")
    expect(lesson).to_contain_text("bert has 4 more photos, 4 in all. The template is made of them")
    assert "bert" in console.known()

    # The next one is on the stage. Anna's key is the second one, after bert's.
    expect(stage.get_by_role("heading", name="Stranger 1 of 2")).to_be_visible()
    expect(stage).to_be_focused()
    page.keyboard.press("n")
    expect(stage.get_by_role("heading", name="Stranger 2 of 2")).to_be_visible()
    page.keyboard.press("p")
    expect(stage.get_by_role("button", name="anna")).to_have_attribute("aria-keyshortcuts", "2")
    page.keyboard.press("2")
    expect(lesson).to_contain_text("anna has 3 more photos, 6 in all. Their mean similarity")
    assert console.http.get("/v1/users/anna").json()["user"]["photo_count"] == 6

    # What is no photo of the person teaches nothing, and that is said.
    expect(stage.get_by_role("heading", name="Stranger 1 of 1")).to_be_visible()
    page.keyboard.press("1")
    expect(lesson).to_contain_text("nothing was learned")
    expect(lesson).to_contain_text("1 face not used: The face does not match")
    expect(page.get_by_text("No strangers")).to_be_visible()
    signed_in.check()


def test_several_strangers_are_one_when_somebody_says_so(
    console: "Console", open_tab: "OpenTab", people: People
) -> None:
    before = len(console.http.get("/v1/kept-faces").json()["items"])
    console.identify([people["emil"][0], people["ida"][0], people["gina"][2]], before + 3)
    with open_tab(size=NARROW, scheme="dark") as tab:
        page = tab.page
        tab.open("review", console.key)
        stage = page.get_by_role("group", name=re.compile("Stranger"))
        expect(stage.get_by_role("heading", name="Stranger 1 of 3")).to_be_visible()
        page.get_by_role("button", name="Stranger 2 is the same person").click()
        expect(stage.locator(".kept button[aria-pressed=true]")).to_have_count(2)
        stage.locator(".kept button").first.click()
        expect(stage.get_by_text("1 face of 2 chosen")).to_be_visible()
        tab.check()
        stage.locator(".kept button").first.click()
        stage.get_by_label("These are").fill("hugo")
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_role("button", name="Register").click()
        expect(page.get_by_role("alert")).to_contain_text("0 of 2 photos are usable")
        tab.check()
        page.keyboard.press("Escape")
        stage.focus()
        page.keyboard.press("d")
        expect(page.get_by_text("2 faces deleted.")).to_be_visible()
        expect(stage.get_by_role("heading", name="Stranger 1 of 1")).to_be_visible()


def test_right_person_learns_when_a_wrong_name_is_corrected_and_a_photo_moved(
    console: "Console", signed_in: "Tab", people: People
) -> None:
    console.register("carl", people["carl"][:4])
    before = len(console.http.get("/v1/kept-faces").json()["items"])
    console.identify([people["carl"][5]], before + 1)
    fields = {"user_id": "charles", "allow_duplicate": "true"}
    photos = [("photos", (f"{at}.jpg", people["carl"][at])) for at in (4, 6, 7)]
    assert console.http.post("/v1/users", data=fields, files=photos).status_code == 201
    page = signed_in.page
    signed_in.open("review/named")
    face = page.locator(".kept button", has=page.locator("strong", has_text="carl"))
    expect(face).to_have_count(1)
    face.click()
    expect(page.get_by_text("1 face chosen")).to_be_visible()
    signed_in.check()
    page.get_by_label("These are").fill("charl")
    expect(page.locator("datalist option[value=charles]")).to_have_count(1)
    page.get_by_label("These are").fill("charles")
    page.get_by_role("button", name="Assign").click()
    expect(page.locator(".lesson")).to_contain_text("charles has 1 more photo, 4 in all.")
    expect(face).to_have_count(0)

    signed_in.open("people/carl")
    moves = page.get_by_role("button", name=re.compile("^Move the photo"))
    expect(moves).to_have_count(4)
    moves.first.click()
    page.get_by_label("This is a photo of").fill("charles")
    signed_in.check()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The photo is one of charles now")).to_be_visible()
    expect(moves).to_have_count(3)
    assert console.http.get("/v1/users/charles").json()["user"]["photo_count"] == 5


def test_way_to_turn_it_on_is_told_when_nothing_is_kept(signed_in: "Tab") -> None:
    page = signed_in.page
    nothing: dict[str, object] = {"items": [], "next_cursor": None, "total": 0, "keep_hours": 0}
    page.route("**/v1/kept-faces/clusters*", lambda route: route.fulfill(json=nothing))
    signed_in.open("review")
    expect(page.get_by_text("FARSIGHT_REVIEW__KEEP_HOURS")).to_be_visible()
    signed_in.check()
    page.unroute_all(behavior="ignoreErrors")
