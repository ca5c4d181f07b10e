"""The console in a real browser: journeys of the people who use it."""

import json
import re
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Literal

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.console.browser import NARROW, WIDE

if TYPE_CHECKING:
    from tests.console.browser import Tab
    from tests.console.conftest import Console, OpenTab

pytestmark = pytest.mark.program("chromium")

People = dict[str, list[bytes]]
VIEWS = (
    "identify",
    "review",
    "review/named",
    "people",
    "register",
    "weights",
    "keys",
    "audit",
    "operations",
)


def as_files(photos: Sequence[bytes]) -> list[FilePayload]:
    return [
        {"name": f"{index}.jpg", "mimeType": "image/jpeg", "buffer": photo}
        for index, photo in enumerate(photos)
    ]


def side_by_side(*photos: bytes) -> bytes:
    pictures = [Image.open(BytesIO(photo)) for photo in photos]
    both = Image.new("RGB", (sum(of.width for of in pictures), pictures[0].height))
    left = 0
    for picture in pictures:
        both.paste(picture, (left, 0))
        left += picture.width
    file = BytesIO()
    both.save(file, "JPEG", quality=92)
    return file.getvalue()


def choose(page: Page, label: str, *photos: bytes) -> None:
    page.get_by_label(label, exact=True).set_input_files(as_files(photos))


def confirm(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name).click()


def ensure(console: "Console", people: People, *user_ids: str) -> None:
    for user_id in set(user_ids) - console.known():
        console.register(user_id, people[user_id][:3])


def test_only_what_the_key_may_do_is_shown_when_somebody_signs_in(
    console: "Console", open_tab: "OpenTab"
) -> None:
    with open_tab() as tab:
        page = tab.page
        page.goto(f"{console.url}/")
        expect(page).to_have_url(re.compile("/console$"))
        page.get_by_label("API key").fill("fs_0123456789ab_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("The API key is unknown.")
        tab.check()
        tab.open("people", console.door)
        links = page.get_by_role("navigation").get_by_role("link")
        expect(links).to_have_text(["Identify"])
        expect(page.get_by_role("heading", name="Identify")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("API key")).to_be_focused()
        assert page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_page_is_there_before_the_service_has_answered(
    console: "Console", signed_in: "Tab"
) -> None:
    page = signed_in.page
    asked: list[str] = []
    page.route("**/version", lambda route: asked.append(route.request.url))  # never answered
    page.reload()
    expect(page.get_by_role("heading", name="Identify")).to_be_visible()
    assert len(asked) == 1
    page.unroute_all(behavior="ignoreErrors")


def test_faces_are_named_when_a_photo_is_chosen(
    console: "Console", signed_in: "Tab", people: People
) -> None:
    ensure(console, people, "anna", "bert")
    page = signed_in.page
    signed_in.open("identify")
    choose(page, "Photo", side_by_side(people["anna"][5], people["gina"][0]))
    answer = page.locator(".answer")
    expect(answer.locator(".card")).to_have_count(2)
    anna = answer.locator(".card", has=page.locator("strong", has_text="anna"))
    expect(anna).to_contain_text("runner-up bert")
    expect(answer.locator(".card", has=page.locator(".unknown"))).to_have_count(1)
    expect(answer).to_contain_text("together")
    expect(page.locator(".stage .box")).to_have_count(2)
    signed_in.check()
    anna.click()
    page.get_by_label("This face is").fill("nobody")
    page.get_by_role("button", name="Add to their photos").click()
    expect(page.get_by_text("Nobody is registered as nobody.")).to_be_visible()
    page.get_by_label("This face is").fill("anna")
    page.get_by_role("button", name="Add to their photos").click()
    expect(page.get_by_text("anna has one more photo")).to_be_visible()


def test_restored_face_and_answer_change_when_the_camera_goes_farther_away(
    console: "Console", signed_in: "Tab", people: People
) -> None:
    ensure(console, people, "anna", "bert")
    page = signed_in.page
    signed_in.open("identify")
    choose(page, "Photo", people["anna"][5])
    slider, verdict = page.get_by_role("slider"), page.locator(".verdict")
    expect(verdict).to_contain_text("Found by the detector")
    expect(verdict).to_contain_text("direct")
    near = page.get_by_alt_text("restored by DSR").get_attribute("src")
    slider.focus()
    for size in (56, 48, 40, 32, 28, 24, 20, 16, 14, 12):
        page.keyboard.press("ArrowRight")
        expect(page.locator("output")).to_have_text(f"Face {size} px wide")
    expect(verdict).to_contain_text("dsr")
    expect(page.locator(".farther")).not_to_have_attribute("aria-busy", "true")
    assert page.locator(".pixels").first.evaluate("element => element.width") < 40
    assert page.get_by_alt_text("restored by DSR").get_attribute("src") != near
    slider.press("End")
    expect(verdict).to_contain_text("at this size")
    expect(page.locator(".curve circle")).to_have_count(13)
    expect(page.locator(".farther")).not_to_have_attribute("aria-busy", "true")
    signed_in.check()


def test_person_is_registered_when_the_face_is_picked_among_several(
    console: "Console", signed_in: "Tab", people: People
) -> None:
    page = signed_in.page
    signed_in.open("register")
    page.get_by_label("Id", exact=False).first.fill("emil")
    choose(page, "Photos", side_by_side(people["emil"][0], people["ida"][0]))
    expect(page.get_by_text("Several faces could be meant.")).to_be_visible()
    expect(page.get_by_role("button", name="Register")).to_be_disabled()
    faces = page.get_by_role("button", name=re.compile("Face [12]"))
    expect(faces).to_have_count(2)
    lefts = [box["x"] for box in (each.bounding_box() for each in faces.all()) if box]
    faces.nth(lefts.index(min(lefts))).click()
    expect(page.get_by_text("Usable, ")).to_have_count(1)
    choose(page, "Photos", *people["emil"][1:3], people["emil"][1])
    expect(page.get_by_text("3 of 4 photos usable; 3 needed.")).to_be_visible()
    expect(page.get_by_text("The same photo is already used")).to_be_visible()
    signed_in.check()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name="emil")).to_be_visible()
    detail = console.http.get("/v1/users/emil").json()
    assert detail["user"]["photo_count"] == 3


def test_registrar_is_told_when_the_person_is_known_already(
    console: "Console", signed_in: "Tab", people: People
) -> None:
    ensure(console, people, "carl")
    page = signed_in.page
    signed_in.open("register")
    page.get_by_label("Id", exact=False).first.fill("charles")
    choose(page, "Photos", *people["carl"][3:6])
    expect(page.get_by_text("This seems to be carl.")).to_be_visible()
    expect(page.get_by_role("img", name="Face of carl")).to_be_visible()
    expect(page.get_by_role("button", name="Register")).to_be_disabled()
    page.get_by_label("It is somebody else").check()
    expect(page.get_by_role("button", name="Register")).to_be_enabled()
    assert "charles" not in console.known()


def test_person_is_registered_and_named_when_the_webcam_sees_them(
    console: "Console", signed_in: "Tab"
) -> None:
    page = signed_in.page
    signed_in.open("register")
    page.get_by_label("Id", exact=False).first.fill("dora")
    page.get_by_role("button", name="Use the webcam").click()
    usable = page.get_by_text(re.compile(r"^[3-9] of \d+ photos usable"))
    taken = 0
    page.locator("video").evaluate(
        "video => video.videoWidth || new Promise(done => video.onloadeddata = done)"
    )
    page.get_by_role(
        "heading", name="Register"
    ).click()  # away from the button: SPACE would press it
    while not usable.is_visible():
        assert taken < 15
        page.keyboard.press("Space")
        taken += 1
        expect(page.locator(".tiles > li")).to_have_count(taken)
        expect(page.get_by_text("Judging …")).to_be_hidden()
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name="dora")).to_be_visible()
    signed_in.open("identify")
    page.get_by_role("button", name="Use the webcam").click()
    expect(page.locator(".overlay .box.known").first).to_contain_text("dora")
    signed_in.check()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Take a photo").click()
    expect(page.locator("video")).to_have_count(0)
    expect(page.locator(".answer .card").first).to_contain_text("dora")


def test_people_are_found_renamed_merged_and_erased(
    console: "Console", signed_in: "Tab", people: People
) -> None:
    ensure(console, people, "anna", "bert")
    console.register("fred", people["fred"][:3])
    files = [("photos", photo) for photo in people["fred"][3:6]]
    again = {"user_id": "freddy", "allow_duplicate": "true"}
    assert console.http.post("/v1/users", data=again, files=files).status_code == 201
    page = signed_in.page
    signed_in.open("people")
    page.get_by_label("Search").fill("fred")
    expect(page.get_by_text("2 people")).to_be_visible()
    expect(page.locator(".people .face img")).to_have_count(2)
    signed_in.check()
    page.get_by_role("link", name="freddy").click()
    expect(page.get_by_role("heading", name="freddy")).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("template")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    exported = json.loads(download.value.path().read_text())
    assert [len(photo["crop"]) > 1000 for photo in exported["photos"]] == [True] * 3

    page.goto(f"{console.url}/console#/people/fred")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Display name").fill("Fred F.")
    confirm(page, "Rename")
    expect(page.get_by_role("heading", name="Fred F.")).to_be_visible()
    page.get_by_role("button", name="Merge").click()
    expect(page.get_by_label("The same person")).to_have_value("freddy")
    expect(page.locator("dialog .pair")).to_contain_text(re.compile(r"0\.[5-9]"))
    confirm(page, "Merge")
    expect(page.locator(".photos > li")).to_have_count(6)
    assert "freddy" not in console.known()

    page.get_by_role("button", name="Remove").first.click()
    confirm(page, "Remove")
    expect(page.locator(".photos > li")).to_have_count(5)
    choose(page, "Add photos", people["fred"][6], people["bert"][0])
    expect(page.locator(".photos > li")).to_have_count(6)
    expect(page.get_by_text("does not match the other photos")).to_be_visible()
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("dialog")).to_contain_text("6 photos")
    confirm(page, "Erase fred")
    expect(page.get_by_text("fred is erased.")).to_be_visible()
    assert "fred" not in console.known()


def test_other_weights_serve_when_they_are_reloaded_and_rolled_back(
    console: "Console", signed_in: "Tab", people: People
) -> None:
    ensure(console, people, "anna", "bert")
    page = signed_in.page
    signed_in.open("weights")
    page.get_by_role("button", name="Reload farsight-xs").click()
    confirm(page, "Reload")
    panel = page.get_by_role("region", name="Reload", exact=True)
    expect(panel.get_by_role("heading", name="farsight-xs serves")).to_be_visible()
    expect(panel).to_contain_text(re.compile(r"Judged on \d+ photos"))
    expect(panel.locator(".steps .done")).to_have_count(7)
    expect(page.locator(".bundles .serving")).to_contain_text("farsight-xs")
    signed_in.check()
    page.get_by_role("button", name="Roll back").click()
    confirm(page, "Roll back")
    expect(page.get_by_text("farsight-xxs serves.")).to_be_visible()
    expect(page.locator(".bundles .serving")).to_contain_text("farsight-xxs")


def test_somebody_is_signed_out_when_their_key_is_revoked(
    console: "Console", signed_in: "Tab", open_tab: "OpenTab"
) -> None:
    page = signed_in.page
    signed_in.open("keys")
    page.get_by_label("For whom or what").fill("Front desk")
    page.get_by_label("enroll").check()
    page.get_by_role("button", name="Make the key").click()
    key = page.get_by_label("The new key").input_value()
    with open_tab() as other:
        other.open("people", key)
        expect(other.page.get_by_role("heading", name="People")).to_be_visible()
        page.get_by_role("button", name=f"Revoke {key.split('_')[1]}").click()
        confirm(page, "Revoke")
        expect(page.locator("tr.ended")).to_contain_text("Front desk")
        told = other.page.get_by_role("alert")
        for view in ("Identify", "People"):  # unless what the first page still asked was refused
            other.page.get_by_role("link", name=view).or_(told).first.click()
        expect(other.page.get_by_role("alert")).to_contain_text("revoked or has expired")
        expect(other.page.get_by_label("API key")).to_be_visible()
    signed_in.open("audit")
    expect(page.get_by_role("table")).to_contain_text("key.revoked")


def test_faces_of_a_list_are_one_line_of_the_audit_log_when_they_come_into_view_together(
    console: "Console", open_tab: "OpenTab", people: People
) -> None:
    ensure(console, people, "anna", "bert")
    before = console.http.get("/v1/admin/events").json()["items"]
    with open_tab() as tab:
        tab.open("people", console.key)
        faces = tab.page.locator("ul.people .face img")
        expect(faces).to_have_count(len(console.known()))
        for face in faces.all():
            expect(face).to_have_js_property("naturalWidth", 112)
        newest, *others = console.http.get("/v1/admin/events").json()["items"]
        assert (newest["action"], set(newest["detail"]["photos"])) == (
            "crop.shown",
            console.known(),
        )
        assert others == before[: len(others)]


def test_keys_are_in_order_when_a_column_is_pressed(console: "Console", signed_in: "Tab") -> None:
    for label in ("zoo", "alley"):
        made = console.http.post("/v1/admin/keys", json={"scopes": ["identify"], "label": label})
        assert made.status_code == 201
    page = signed_in.page
    signed_in.open("keys")
    labels = page.locator("tbody td:nth-child(2)")
    expect(labels.filter(has_text="zoo")).to_have_count(1)
    head = page.get_by_role("button", name="For", exact=True)
    for is_down in (False, True):
        head.click()
        given = labels.all_text_contents()
        assert given == sorted(given, key=str.casefold, reverse=is_down)
    expect(page.locator("th[aria-sort=descending]")).to_have_text("For")
    signed_in.check()


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "dark"), (NARROW, "light")])
def test_every_view_can_be_used_by_everybody(
    console: "Console",
    open_tab: "OpenTab",
    people: People,
    size: tuple[int, int],
    scheme: Literal["light", "dark"],
) -> None:
    ensure(console, people, "anna", "bert")
    with open_tab(size=size, scheme=scheme) as tab:
        tab.open("people", console.key)
        for view in (*VIEWS, "people/anna"):
            tab.open(view)
            expect(tab.page.locator("main h1")).to_be_visible()
            tab.page.wait_for_load_state("networkidle")
            tab.check()
