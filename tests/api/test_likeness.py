"""How alike people are, who turn out to be one, and photos that are judged before they count."""

from typing import TYPE_CHECKING

import pytest

from app.services.keys import Scope

if TYPE_CHECKING:
    from tests.api.conftest import Service

People = dict[str, list[bytes]]
ANNA, BERT = "anna", "bert"


@pytest.mark.both
def test_one_person_has_all_photos_when_two_users_are_merged(
    service: "Service", people: People
) -> None:
    service.register(ANNA, people[ANNA][:3])
    service.register("ann", people[ANNA][2:6], allow_duplicate="true")
    service.register(BERT, people[BERT][:3])
    near = service.client.get("/v1/users/ann/likeness").json()["near_users"]
    assert [each["user_id"] for each in near] == [ANNA, BERT]
    assert near[0]["similarity"] > 0.8 > near[1]["similarity"]
    alone = service.client.get("/v1/users/ann/likeness", params={"other": BERT}).json()
    assert alone["near_users"] == [near[1]]

    wanted = {"other_user_id": "ann"}
    merged = service.client.post(f"/v1/users/{ANNA}/merge", json=wanted)
    assert merged.status_code == 200, merged.text
    assert merged.json()["user"]["photo_count"] == 6  # the one that both had counts once
    service.assert_problem(service.client.get("/v1/users/ann"), 404, "user_not_found")
    (face,) = service.identify(people[ANNA][6], top_k="3").json()["faces"]
    assert [each["user_id"] for each in face["candidates"]] == [ANNA, BERT]
    likeness = service.client.get(f"/v1/users/{ANNA}/likeness").json()
    assert len(likeness["photos"]) == 6
    for index, photo in enumerate(likeness["photos"]):
        assert photo["photos"][index] == pytest.approx(1, abs=1e-5)
        assert photo["template"] > 0.5
    events = service.client.get("/v1/admin/events").json()["items"]
    assert next((of["action"], of["detail"]) for of in events if of["subject"] == ANNA) == (
        "user.merged",
        {"other": "ann", "photos": 3},
    )
    again = service.client.post(f"/v1/users/{ANNA}/merge", json={"other_user_id": ANNA})
    service.assert_problem(again, 422, "invalid_request")


def test_user_is_neither_merged_nor_compared_when_the_key_does_not_reach_them(
    service: "Service", people: People
) -> None:
    service.register(ANNA, people[ANNA][:3], groups=["north"])
    service.register(BERT, people[BERT][:3], groups=["south"])
    made = {"scopes": [Scope.ENROLL], "groups": ["north"]}
    key = service.client.post("/v1/admin/keys", json=made).json()["key"]
    north = {"Authorization": f"Bearer {key}"}
    path = f"/v1/users/{ANNA}/likeness"
    assert service.client.get(path, headers=north).json()["near_users"] == []
    compared = service.client.get(path, params={"other": BERT}, headers=north)
    service.assert_problem(compared, 404, "user_not_found")
    wanted = {"other_user_id": BERT}
    merged = service.client.post(f"/v1/users/{ANNA}/merge", json=wanted, headers=north)
    service.assert_problem(merged, 404, "user_not_found")
    told = service.client.get("/version", headers=north).json()["key"]
    assert (told["scopes"], told["groups"]) == (["enroll"], ["north"])


def test_photos_are_judged_and_nothing_is_stored_when_they_are_reviewed(
    service: "Service", people: People
) -> None:
    service.register(ANNA, people[ANNA][:3])
    rows = service.rows()
    photos = [*people[ANNA][3:6], people[ANNA][3], people[BERT][0]]
    answer = service.client.post("/v1/photos/review", files=[("photos", each) for each in photos])
    verdict = answer.json()
    assert [photo["reason"] for photo in verdict["photos"]] == [
        *[None] * 3,
        "duplicate_photo",
        "outlier",
    ]
    assert verdict["duplicate_of"]["user_id"] == ANNA
    assert verdict["near_users"][0] == verdict["duplicate_of"]
    assert verdict["min_photos"] == 3
    assert service.rows() == rows
    unknown = service.client.post("/v1/photos/review", files={"photos": people[BERT][0]}).json()
    assert (unknown["duplicate_of"], unknown["near_users"]) == (None, [])


def test_thresholds_tell_what_a_stranger_risks_when_people_are_registered(
    service: "Service", people: People
) -> None:
    found = service.client.get("/v1/admin/thresholds").json()
    (of_setting,) = found["items"]  # the stock bundle has none of its own
    assert (of_setting["similarity"], of_setting["strangers_named"]) == (0.35, None)
