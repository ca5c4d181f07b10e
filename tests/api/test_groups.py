"""Groups of users, keys that are bound to some, and users who are put in place of others."""

from typing import TYPE_CHECKING, Any

import pytest

from app.services.keys import Scope
from tests.databases import execute

if TYPE_CHECKING:
    import httpx2

    from tests.api.conftest import Service

pytestmark = pytest.mark.both

People = dict[str, list[bytes]]
ANNA, BERT, CARL = "anna", "bert", "carl"
DOORS = {ANNA: ["north"], BERT: ["north", "south"], CARL: []}


@pytest.fixture
def doors(service: "Service", people: People) -> "Service":
    """Anna may pass the door in the north, Bert both, Carl none."""
    for user_id, groups in DOORS.items():
        assert service.register(user_id, people[user_id][:3], groups=groups).status_code == 201
    return service


@pytest.fixture
def north(doors: "Service") -> dict[str, str]:
    """Headers with a key that is bound to the north."""
    return _bound(doors, "north")


def _bound(service: "Service", *groups: str) -> dict[str, str]:
    wanted = {"scopes": [Scope.ENROLL, Scope.IDENTIFY], "groups": list(groups)}
    answer = service.client.post("/v1/admin/keys", json=wanted)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['key']}"}


def _who(
    service: "Service",
    photo: bytes,
    headers: dict[str, str] | None = None,
    groups: list[str] | None = None,
) -> str | None:
    answer = service.client.post(
        "/v1/identify",
        files={"photos": photo},
        data={"groups": groups or [], "top_k": "10"},
        headers=headers,
    )
    assert answer.status_code == 200, answer.text
    (face,) = answer.json()["faces"]
    told = {face["user_id"], *(each["user_id"] for each in face["candidates"])} - {None}
    allowed = {
        user_id for user_id, theirs in DOORS.items() if not groups or set(groups) & set(theirs)
    }
    assert told <= allowed
    return face["user_id"]  # type: ignore[no-any-return]  # a JSON value


def _put(
    service: "Service",
    user_id: str,
    photos: "list[bytes]",
    headers: dict[str, str] | None = None,
    **fields: str | list[str],
) -> "httpx2.Response":
    files = [("photos", ("photo.jpg", photo)) for photo in photos]
    return service.client.put(f"/v1/users/{user_id}", data=fields, files=files, headers=headers)


def test_only_users_of_the_groups_are_named_when_groups_are_asked_for(
    doors: "Service", people: People
) -> None:
    assert _who(doors, people[ANNA][4]) == ANNA
    assert _who(doors, people[ANNA][4], groups=["north"]) == ANNA
    assert _who(doors, people[ANNA][4], groups=["south"]) is None
    assert _who(doors, people[BERT][4], groups=["south", "west"]) == BERT
    assert _who(doors, people[CARL][4]) == CARL
    assert _who(doors, people[CARL][4], groups=["north", "south"]) is None


def test_identification_follows_when_the_groups_of_a_user_change(
    doors: "Service", people: People
) -> None:
    answer = doors.client.patch("/v1/users/carl", json={"groups": ["south", "south"]})
    assert answer.json()["user"]["groups"] == ["south"]
    assert DOORS[CARL] == []
    face = doors.client.post(
        "/v1/identify", files={"photos": people[CARL][4]}, data={"groups": ["south"]}
    ).json()["faces"][0]
    assert face["user_id"] == CARL
    assert doors.client.patch("/v1/users/carl", json={"groups": []}).status_code == 200
    assert _who(doors, people[CARL][4], groups=["south"]) is None


def test_list_is_of_the_groups_when_groups_are_asked_for(doors: "Service") -> None:
    def listed(headers: dict[str, str] | None = None, **params: Any) -> list[str]:
        page = doors.client.get("/v1/users", params=params, headers=headers).json()
        assert page["total"] == len(page["items"])
        return [user["user_id"] for user in page["items"]]

    assert listed() == [ANNA, BERT, CARL]
    assert listed(groups="south") == [BERT]
    assert listed(groups=["south", "north"]) == [ANNA, BERT]
    assert listed(groups="nor") == []
    assert listed(_bound(doors, "south")) == [BERT]


def test_bound_key_names_and_sees_only_users_of_its_groups(
    doors: "Service", people: People
) -> None:
    south = _bound(doors, "south")
    assert _who(doors, people[BERT][4], south) == BERT
    assert _who(doors, people[ANNA][4], south) is None
    assert doors.client.get("/v1/users/bert", headers=south).json()["user"]["groups"] == ["south"]
    for path in ("anna", "carl", "nobody", "anna/thumbnail"):
        answer = doors.client.get(f"/v1/users/{path}", headers=south)
        doors.assert_problem(answer, 404, "user_not_found")
    pictures = doors.client.get(
        "/v1/thumbnails", params={"user_id": [ANNA, BERT, CARL, "nobody"]}, headers=south
    ).json()["items"]
    assert [each["user_id"] for each in pictures if each["crop"]] == [BERT]
    photo = doors.client.get("/v1/users/anna").json()["photos"][0]["photo_id"]
    for field, value in (("user_id", ANNA), ("photo_id", photo)):
        answer = doors.client.post(
            "/v1/verify", files={"photo": people[ANNA][4]}, data={field: value}, headers=south
        )
        assert answer.status_code == 404, answer.text


def test_erasure_is_shown_only_to_who_may_know_the_user_or_has_erased_them(
    doors: "Service", north: dict[str, str]
) -> None:
    def asked(user_id: str, headers: dict[str, str] | None = None) -> "httpx2.Response":
        return doors.client.get(f"/v1/users/{user_id}/erasure", headers=headers)

    south = _bound(doors, "south")
    assert asked(ANNA, north).json()["pending"] is False
    for user_id in (ANNA, CARL, "nobody"):
        doors.assert_problem(asked(user_id, south), 404, "user_not_found")
    # Erased by the key itself, which asks until nothing is left on the disk.
    assert doors.client.delete("/v1/users/anna", headers=north).is_success
    assert asked(ANNA, north).status_code == 200
    # By others; and what is pending about somebody of another group.
    assert doors.client.delete("/v1/users/bert").is_success
    execute(
        doors.settings.database,
        "INSERT INTO erasures (at, subject) VALUES ('2027-01-01 00:00:00', 'bert')",
    )
    for headers in (north, south):
        doors.assert_problem(asked(BERT, headers), 404, "user_not_found")
        doors.assert_problem(asked("nobody", headers), 404, "user_not_found")
    doors.assert_problem(asked(ANNA, south), 404, "user_not_found")
    assert asked(BERT).status_code == asked("nobody").status_code == 200


def test_group_is_refused_when_the_key_is_not_bound_to_it(
    doors: "Service", people: People, north: dict[str, str]
) -> None:
    asked: list[httpx2.Response] = [
        doors.client.post(
            "/v1/identify",
            files={"photos": people[ANNA][4]},
            data={"groups": ["north", "south"]},
            headers=north,
        ),
        doors.client.get("/v1/users", params={"groups": "south"}, headers=north),
        doors.client.patch("/v1/users/anna", json={"groups": ["south"]}, headers=north),
        _put(doors, "dora", people["dora"][:3], north, groups=["south"]),
    ]
    for answer in asked:
        doors.assert_problem(answer, 403, "group_forbidden")


def test_bound_key_changes_only_users_who_are_in_no_other_group(
    doors: "Service", people: People, north: dict[str, str]
) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "PATCH": {"json": {"display_name": "B"}},
        "POST": {"files": {"photos": people[BERT][4]}},
    }
    for method, path in (("PATCH", ""), ("POST", "/photos"), ("DELETE", "")):
        sent = bodies.get(method, {})
        shared = doors.client.request(method, f"/v1/users/bert{path}", headers=north, **sent)
        doors.assert_problem(shared, 403, "group_forbidden")
        other = doors.client.request(method, f"/v1/users/carl{path}", headers=north, **sent)
        doors.assert_problem(other, 404, "user_not_found")
        theirs = doors.client.request(method, f"/v1/users/anna{path}", headers=north, **sent)
        assert theirs.is_success or theirs.json()["code"] == "too_few_photos", theirs.text
    assert doors.client.get("/v1/users/anna").status_code == 404


def test_user_is_in_the_groups_of_the_key_when_none_is_said(
    doors: "Service", people: People
) -> None:
    both = _bound(doors, "north", "south")
    assert _put(doors, "dora", people["dora"][:3], both).json()["user"]["groups"] == [
        "north",
        "south",
    ]


def test_stranger_to_the_group_is_no_duplicate_when_the_key_is_bound(
    doors: "Service", people: People
) -> None:
    """Who else is registered elsewhere is not for this key to know."""
    south = _bound(doors, "south")
    answer = _put(doors, "anna-here", people[ANNA][:3], south)
    assert answer.status_code == 201, answer.text
    assert answer.json()["near_users"] == []
    doors.assert_problem(_put(doors, "bert-here", people[BERT][:3], south), 409, "duplicate_person")
    doors.assert_problem(_put(doors, ANNA, people[ANNA][:3], south), 409, "user_exists")


def test_admin_key_is_refused_when_it_is_to_be_bound(service: "Service") -> None:
    answer = service.client.post("/v1/admin/keys", json={"scopes": ["admin"], "groups": ["north"]})
    service.assert_problem(answer, 422, "invalid_request")


def test_groups_stay_when_the_gallery_is_moved(doors: "Service", people: People) -> None:
    moved = doors.client.get("/v1/gallery/export", params={"crops": "true"}).content
    for user_id in DOORS:
        assert doors.client.delete(f"/v1/users/{user_id}").status_code == 204
    answer = doors.client.post("/v1/gallery/import", files={"file": moved})
    assert answer.json()["added"] == len(DOORS), answer.text
    assert doors.client.get("/v1/users/bert").json()["user"]["groups"] == ["north", "south"]
    assert _who(doors, people[ANNA][4], groups=["north"]) == ANNA
    assert _who(doors, people[ANNA][4], groups=["south"]) is None


def test_user_is_registered_or_replaced_when_put(service: "Service", people: People) -> None:
    first = _put(service, "door", people[ANNA][:3], display_name="Anna", groups=["north"])
    assert first.status_code == 201, first.text
    again = _put(service, "door", people[ANNA][1:4], display_name="Anna A.")
    assert again.status_code == 200, again.text
    user = again.json()["user"]
    assert (user["display_name"], user["photo_count"], user["groups"]) == ("Anna A.", 3, [])
    assert _put(service, "door", people[BERT][:3]).status_code == 200
    face = service.identify(people[BERT][4]).json()["faces"][0]
    assert face["user_id"] == "door"
    assert service.identify(people[ANNA][5]).json()["faces"][0]["user_id"] is None
    events = service.client.get("/v1/admin/events").json()["items"]
    assert [event["action"] for event in events].count("user.replaced") == 2
    assert service.rows()["photos"] == 3


def test_former_user_stays_when_the_new_photos_are_refused(
    service: "Service", people: People
) -> None:
    assert _put(service, "door", people[ANNA][:3]).status_code == 201
    assert service.register(BERT, people[BERT][:3]).status_code == 201
    before = service.client.get("/v1/users/door").json()
    service.assert_problem(_put(service, "door", people[BERT][:3]), 409, "duplicate_person")
    service.assert_problem(_put(service, "door", [b"no photo"]), 422, "too_few_photos")
    assert service.client.get("/v1/users/door").json() == before
    assert service.identify(people[ANNA][5]).json()["faces"][0]["user_id"] == "door"
