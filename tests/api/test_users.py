"""Registration and the life of a user, through HTTP, with real photos."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from app.vision.image import decode_image
from tests.conftest import MakeCrops

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

# Three people whose photos are all good.
ANNA, BERT, CARL = "anna", "bert", "carl"
People = dict[str, list[bytes]]


def test_person_is_known_when_registered_from_photos(service: "Service", people: People) -> None:
    answer = service.register(
        "anna", people[ANNA][:4], display_name="Anna Ä.", metadata=json.dumps({"door": 3})
    )
    assert answer.status_code == 201
    body = answer.json()
    assert body["user"]["user_id"] == "anna"
    assert body["user"]["display_name"] == "Anna Ä."
    assert body["user"]["metadata"] == {"door": 3}
    assert body["user"]["photo_count"] == 4
    assert [photo["accepted"] for photo in body["photos"]] == [True] * 4
    assert [photo["index"] for photo in body["photos"]] == [0, 1, 2, 3]
    assert all(photo["face_px"] > 32 and photo["photo_id"] for photo in body["photos"])

    known = service.identify(people[ANNA][5]).json()
    assert [face["user_id"] for face in known["faces"]] == ["anna"]
    stranger = service.identify(people[BERT][5]).json()
    assert [face["user_id"] for face in stranger["faces"]] == [None]


def test_person_is_known_upright_when_registered_from_photos_upside_down(
    service: "Service", people: People, encode: Callable[..., bytes]
) -> None:
    for user_id, person in (("anna", ANNA), ("bert", BERT)):
        turned = [encode(decode_image(photo)[::-1, ::-1], "PNG") for photo in people[person][:4]]
        answer = service.register(user_id, turned)
        assert answer.status_code == 201, answer.text
        assert answer.json()["user"]["photo_count"] >= 3
        assert answer.json()["near_users"] == []
    for user_id, person in (("anna", ANNA), ("bert", BERT)):
        for photo in people[person][5:7]:
            largest = service.identify(photo).json()["faces"][0]
            assert largest["user_id"] == user_id
    for photo in people[CARL][5:7]:
        for probe in (photo, encode(decode_image(photo)[::-1, ::-1], "PNG")):
            stranger = service.identify(probe).json()["faces"][0]
            assert stranger["user_id"] is None
            assert stranger["similarity"] < 0.4


def test_crops_make_a_user_when_they_are_sent_as_crops(
    service: "Service", make_crops: MakeCrops, encode: Callable[..., bytes]
) -> None:
    (photos,) = make_crops(1, 4).values()
    crops = [encode(crop, "PNG") for crop in photos]
    answer = service.register("dora", crops[:3], detect="false")
    assert answer.status_code == 201
    assert [photo["face_px"] for photo in answer.json()["photos"]] == [112.0] * 3
    more = service.client.post(
        "/v1/users/dora/photos", data={"detect": "false"}, files={"photos": crops[3]}
    )
    assert more.json()["user"]["photo_count"] == 4


def test_photo_is_told_why_when_it_is_not_used(service: "Service", people: People) -> None:
    photos = [
        ("good.jpg", people[ANNA][0]),
        ("good-too.jpg", people[ANNA][1]),
        ("again.jpg", people[ANNA][0]),
        ("somebody-else.jpg", people[BERT][0]),
        ("text.jpg", b"I am no photo"),
        ("third.jpg", people[ANNA][2]),
    ]
    answer = service.register("anna", photos)
    assert answer.status_code == 201
    assert [(photo["filename"], photo["reason"]) for photo in answer.json()["photos"]] == [
        ("good.jpg", None),
        ("good-too.jpg", None),
        ("again.jpg", "duplicate_photo"),
        ("somebody-else.jpg", "outlier"),
        ("text.jpg", "unreadable_image"),
        ("third.jpg", None),
    ]
    rejected = [photo for photo in answer.json()["photos"] if not photo["accepted"]]
    assert all(photo["detail"] and photo["photo_id"] is None for photo in rejected)
    assert service.rows()["photos"] == service.rows()["embeddings"] == 3


def test_nobody_is_registered_when_two_photos_stand_against_two(
    service: "Service", people: People
) -> None:
    before = service.rows()
    answer = service.register("anna", people[ANNA][:2] + people[BERT][:2])
    assert answer.status_code == 422
    assert answer.json()["code"] == "too_few_photos"
    assert [photo["reason"] for photo in answer.json()["photos"]] == ["outlier"] * 4
    assert service.rows() == before


def test_second_user_is_refused_when_the_face_is_known(service: "Service", people: People) -> None:
    service.register("anna", people[ANNA][:3])
    before = service.rows()
    answer = service.register("other", people[ANNA][3:6])
    assert answer.status_code == 409
    assert answer.json()["code"] == "duplicate_person"
    assert answer.json()["user_id"] == "anna"
    assert service.rows() == before
    allowed = service.register("other", people[ANNA][3:6], allow_duplicate="true")
    assert allowed.status_code == 201
    assert [near["user_id"] for near in allowed.json()["near_users"]] == ["anna"]


def test_name_is_refused_when_it_is_taken(service: "Service", people: People) -> None:
    service.register("anna", people[ANNA][:3])
    before = service.rows()
    answer = service.register("anna", people[BERT][:3])
    assert (answer.status_code, answer.json()["code"]) == (409, "user_exists")
    assert service.rows() == before


def test_answer_is_the_first_one_when_a_request_comes_again(
    service: "Service", people: People
) -> None:
    first = service.register("anna", people[ANNA][:3], key="k-1", display_name="Anna")
    rows = service.rows()
    again = service.register("anna", people[ANNA][:3], key="k-1", display_name="Anna")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert service.rows() == rows
    other = service.register("anna", people[ANNA][:4], key="k-1", display_name="Anna")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    without = service.register("anna", people[ANNA][:3], display_name="Anna")
    assert (without.status_code, without.json()["code"]) == (409, "user_exists")


def test_failed_registration_can_be_retried_when_the_key_is_the_same(
    service: "Service", people: People
) -> None:
    assert service.register("anna", people[ANNA][:2], key="k-1").status_code == 422
    assert service.register("anna", people[ANNA][:3], key="k-1").status_code == 201


def test_template_follows_when_photos_come_and_go(service: "Service", people: People) -> None:
    service.register("anna", people[ANNA][:3])
    before = service.graph.current.serving.gallery.template("anna")
    added = service.client.post(
        "/v1/users/anna/photos",
        files=[
            ("photos", ("new.jpg", people[ANNA][3])),
            ("photos", ("old.jpg", people[ANNA][0])),
            ("photos", ("stranger.jpg", people[BERT][0])),
        ],
    )
    assert added.status_code == 201
    assert [photo["reason"] for photo in added.json()["photos"]] == [
        None,
        "duplicate_photo",
        "outlier",
    ]
    assert added.json()["user"]["photo_count"] == 4
    with_new = service.graph.current.serving.gallery.template("anna")
    assert before is not None
    assert with_new is not None
    assert not (before == with_new).all()

    photo_id = added.json()["photos"][0]["photo_id"]
    assert service.client.delete(f"/v1/users/anna/photos/{photo_id}").status_code == 204
    after = service.graph.current.serving.gallery.template("anna")
    assert after is not None
    assert abs(float(before @ after) - 1) < 1e-6
    assert service.rows()["photos"] == service.rows()["embeddings"] == 3


def test_photo_stays_when_the_user_needs_it(service: "Service", people: People) -> None:
    service.register("anna", people[ANNA][:3])
    before = service.rows()
    photos = service.client.get("/v1/users/anna").json()["photos"]
    answer = service.client.delete(f"/v1/users/anna/photos/{photos[0]['photo_id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "last_photos")
    assert service.rows() == before


def test_adding_is_refused_when_no_photo_is_usable(service: "Service", people: People) -> None:
    service.register("anna", people[ANNA][:3])
    before = service.rows()
    answer = service.client.post("/v1/users/anna/photos", files={"photos": people[BERT][0]})
    assert (answer.status_code, answer.json()["code"]) == (422, "too_few_photos")
    assert [photo["reason"] for photo in answer.json()["photos"]] == ["outlier"]
    assert service.rows() == before


def test_only_the_audit_log_knows_of_a_user_when_they_are_erased(
    service: "Service", people: People
) -> None:
    empty = service.rows()
    service.register("anna", people[ANNA][:3], key="k-1")
    service.register("bert", people[BERT][:3])
    assert service.client.delete("/v1/users/bert").status_code == 204
    assert service.client.delete("/v1/users/anna").status_code == 204
    # That a request was answered is kept, not what.
    kept = {"audit_events": 0, "stored_answers": 0}
    assert service.rows()["stored_answers"] == 1
    assert {**service.rows(), **kept} == {**empty, **kept}
    assert len(service.graph.current.serving.gallery) == 0
    assert service.identify(people[ANNA][5]).json()["faces"][0]["user_id"] is None
    assert service.client.get("/v1/users/anna").status_code == 404


def test_only_what_is_named_changes_when_a_user_is_patched(
    service: "Service", people: People
) -> None:
    service.register("anna", people[ANNA][:3], display_name="Anna", metadata='{"a": 1}')
    named = service.client.patch("/v1/users/anna", json={"display_name": "A."}).json()
    assert (named["user"]["display_name"], named["user"]["metadata"]) == ("A.", {"a": 1})
    noted = service.client.patch("/v1/users/anna", json={"metadata": {"b": None}}).json()
    assert (noted["user"]["display_name"], noted["user"]["metadata"]) == ("A.", {"b": None})
    unnamed = service.client.patch("/v1/users/anna", json={"display_name": None}).json()
    assert unnamed["user"]["display_name"] is None
    assert len(unnamed["photos"]) == 3
    assert service.client.get("/v1/users/anna").json() == unnamed


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_every_user_is_listed_once_when_pages_are_followed(
    service: "Service", people: People, limit: int
) -> None:
    for user_id, person in (("c", CARL), ("a", ANNA), ("b", BERT)):
        service.register(user_id, people[person][:3])
    listed: list[str] = []
    params: dict[str, str] = {"limit": str(limit)}
    while True:
        page = service.client.get("/v1/users", params=params).json()
        assert len(page["items"]) <= limit
        listed += [user["user_id"] for user in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert listed == ["c", "a", "b"]


def test_everybody_is_known_again_when_the_service_restarts(
    service: "Service", people: People, run_service: "RunService"
) -> None:
    service.register("anna", people[ANNA][:3])
    revision = service.graph.current.serving.gallery.revision
    with run_service(service.settings) as restarted:
        assert restarted.identify(people[ANNA][5]).json()["faces"][0]["user_id"] == "anna"
        assert restarted.client.get("/version").json()["gallery_revision"] == revision == 1
