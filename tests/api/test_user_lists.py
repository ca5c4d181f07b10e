"""Finding registered people again: search, order, totals; their crops; a stored photo compared."""

from base64 import b64decode, b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from PIL import Image as PillowImage

from app.services.keys import Scope

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.api.conftest import RunService, Service

pytestmark = pytest.mark.both

People = dict[str, list[bytes]]
ANNA, BERT = "anna", "bert"
NAMES = {
    "anna": ("Anna Ångström", {"door": "north"}),
    "bert_1": ("Bert", {"city": "Zürich"}),
    "carl": (None, {}),
}


@pytest.fixture
def three(service: "Service", people: People) -> "Service":
    """Three users: one person's photos under three ids will do for lists."""
    for user_id, (name, metadata) in NAMES.items():
        json = {
            "user_id": user_id,
            "display_name": name,
            "metadata": metadata,
            "photos": [_base64(photo) for photo in people[ANNA][:3]],
            "allow_duplicate": True,
        }
        answer = service.client.post("/v1/users", json=json)
        assert answer.status_code == 201, answer.text
    return service


def _base64(photo: bytes) -> str:
    return b64encode(photo).decode()


def _list(service: "Service", **params: str) -> dict[str, Any]:
    answer = service.client.get("/v1/users", params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ANN", ["anna"]),
        ("bert", ["bert_1"]),
        ("Ångström", ["anna"]),
        ("Zürich", ["bert_1"]),
        ("north", ["anna"]),
        ("_", ["bert_1"]),
        ("%", []),
        ("nobody", []),
    ],
)
def test_users_are_found_when_a_part_of_what_is_known_is_searched(
    three: "Service", search: str, found: list[str]
) -> None:
    page = _list(three, search=search)
    assert [user["user_id"] for user in page["items"]] == found
    assert page["total"] == len(found)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("oldest", ["anna", "bert_1", "carl"]),
        ("newest", ["carl", "bert_1", "anna"]),
        ("user_id", ["anna", "bert_1", "carl"]),
    ],
)
def test_every_user_comes_once_when_pages_are_read_in_an_order(
    three: "Service", order: str, expected: list[str]
) -> None:
    seen, params = [], {"order": order, "limit": "1"}
    for _ in range(4):
        page = _list(three, **params)
        assert page["total"] == 3
        seen += [user["user_id"] for user in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == expected


def test_cursor_is_refused_when_it_is_of_another_order(three: "Service") -> None:
    cursor = _list(three, order="user_id", limit="1")["next_cursor"]
    answer = three.client.get("/v1/users", params={"cursor": cursor})
    three.assert_problem(answer, 422, "invalid_request")
    assert answer.json()["detail"] == "Invalid cursor. Pass next_cursor unchanged."


def test_crop_is_shown_and_noted_when_it_is_kept(three: "Service") -> None:
    photos = three.client.get("/v1/users/anna").json()["photos"]
    largest = max(photos, key=lambda photo: photo["face_px"])
    crop = three.client.get(f"/v1/users/anna/photos/{largest['photo_id']}/crop")
    assert (crop.status_code, crop.headers["content-type"]) == (200, "image/png")
    assert PillowImage.open(BytesIO(crop.content)).size == (112, 112)
    assert three.client.get("/v1/users/anna/thumbnail").content == crop.content
    events = three.client.get("/v1/admin/events").json()["items"][:2]
    assert [event["action"] for event in events] == ["crop.shown", "crop.shown"]
    assert {event["subject"] for event in events} == {"anna"}


def test_one_event_tells_whose_crops_were_shown_when_a_page_of_them_is_asked_for(
    three: "Service",
) -> None:
    wanted = ["bert_1", "nobody", "anna", "bert_1"]
    before = three.client.get("/v1/admin/events").json()["items"]
    answer = three.client.get("/v1/thumbnails", params={"user_id": wanted})
    assert answer.status_code == 200, answer.text
    items = {item["user_id"]: item["crop"] for item in answer.json()["items"]}
    assert list(items) == ["bert_1", "nobody", "anna"]
    assert items.pop("nobody") is None
    event, *others = three.client.get("/v1/admin/events").json()["items"]
    assert others == before
    assert (event["action"], event["subject"]) == ("crop.shown", "")
    for user_id, crop in items.items():
        assert b64decode(crop) == three.client.get(f"/v1/users/{user_id}/thumbnail").content
        # The same photo that is told of a single one.
        single = three.client.get("/v1/admin/events").json()["items"][0]
        assert event["detail"]["photos"].pop(user_id) == single["detail"]["photo"]
    assert event["detail"] == {"photos": {}}


def test_event_is_as_for_a_single_crop_when_only_one_is_shown(three: "Service") -> None:
    def newest() -> dict[str, Any]:
        return three.client.get("/v1/admin/events").json()["items"][0]  # type: ignore[no-any-return]  # JSON

    three.client.get("/v1/users/anna/thumbnail")
    single = newest()
    three.client.get("/v1/thumbnails", params={"user_id": ["nobody", "anna"]})
    assert newest()["at"] != single["at"]
    assert (newest()["subject"], newest()["detail"]) == (single["subject"], single["detail"])
    before = newest()
    answer = three.client.get("/v1/thumbnails", params={"user_id": "nobody"})
    assert answer.json() == {"items": [{"user_id": "nobody", "crop": None}]}
    assert newest() == before
    for ids in ([], ["a"] * 61, ["not an id"]):
        refused = three.client.get("/v1/thumbnails", params={"user_id": ids})
        three.assert_problem(refused, 422, "invalid_request")


def test_crop_is_not_found_when_it_is_somebody_elses_or_nobodys(three: "Service") -> None:
    photo_id = three.client.get("/v1/users/bert_1").json()["photos"][0]["photo_id"]
    for path, code in (
        (f"/v1/users/anna/photos/{photo_id}/crop", "photo_not_found"),
        (f"/v1/users/anna/photos/{uuid4()}/crop", "photo_not_found"),
        ("/v1/users/nobody/thumbnail", "user_not_found"),
    ):
        three.assert_problem(three.client.get(path), 404, code)
    key = three.key(Scope.IDENTIFY, Scope.ADMIN)
    answer = three.client.get("/v1/users/anna/thumbnail", headers=key)
    three.assert_problem(answer, 403, "missing_scope")


def test_crop_is_not_found_when_none_are_kept(
    settings: "Settings", run_service: "RunService", people: People
) -> None:
    with run_service(settings.model_copy(update={"retain_crops": False})) as service:
        service.register("anna", people[ANNA][:3])
        answer = service.client.get("/v1/users/anna/thumbnail")
        service.assert_problem(answer, 404, "crop_not_kept")


def test_photo_is_compared_with_a_stored_one_when_its_id_is_given(
    three: "Service", people: People
) -> None:
    photo_id = three.client.get("/v1/users/anna").json()["photos"][0]["photo_id"]
    for photo, match in ((people[ANNA][4], True), (people[BERT][0], False)):
        answer = three.client.post(
            "/v1/verify", data={"photo_id": photo_id}, files={"photo": photo}
        )
        assert answer.json()["match"] is match
    missing = three.client.post(
        "/v1/verify", data={"photo_id": str(uuid4())}, files={"photo": people[ANNA][4]}
    )
    three.assert_problem(missing, 404, "photo_not_found")
