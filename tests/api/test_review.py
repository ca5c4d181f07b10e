"""Review: faces of identifications are kept if a setting says so, and people say whose they are."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from PIL import Image

from app.db.repositories import kept_faces
from app.services.keys import Scope
from app.setting_groups import ReviewSettings
from app.settings import Settings
from app.storage_errors import DatabaseBusyError
from tests.api.conftest import RunService, Service, as_files
from tests.databases import execute

pytestmark = pytest.mark.both

People = dict[str, list[bytes]]
ANNA, BERT, CARL = "anna", "bert", "carl"
_GIVE_UP_S = 20
_LARGE_ENOUGH = "200"


def _keeping(settings: Settings, **review: float) -> Settings:
    return settings.model_copy(update={"review": ReviewSettings(**{"keep_hours": 1, **review})})


@pytest.fixture
def reviewing(settings: Settings, run_service: RunService) -> Iterator[Service]:
    """A service that keeps faces for an hour."""
    with run_service(_keeping(settings)) as service:
        yield service


def _listed(service: Service, **query: str) -> list[dict[str, Any]]:
    answer = service.client.get("/v1/kept-faces", params={"limit": _LARGE_ENOUGH, **query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def _kept(service: Service, count: int) -> list[dict[str, Any]]:
    """Waits until so many faces are kept: that follows the answer."""
    deadline = time.monotonic() + _GIVE_UP_S
    while len(found := _listed(service)) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count}"
        time.sleep(0.02)
    assert len(found) == count
    return found


def _identify(
    service: Service, photos: list[bytes], headers: dict[str, str] | None = None, **fields: str
) -> None:
    answer = service.client.post(
        "/v1/identify", data=fields, files=as_files("photos", photos), headers=headers
    )
    assert answer.status_code == 200, answer.text


def _assign(
    service: Service, faces: list[str], headers: dict[str, str] | None = None, **fields: object
) -> httpx2.Response:
    body = {"faces": faces, **fields}
    return service.client.post("/v1/kept-faces/assign", json=body, headers=headers)


def _dismiss(
    service: Service, faces: list[str], headers: dict[str, str] | None = None
) -> httpx2.Response:
    return service.client.post("/v1/kept-faces/dismiss", json={"faces": faces}, headers=headers)


def _actions(service: Service) -> list[tuple[str, str, dict[str, Any]]]:
    events = service.client.get("/v1/admin/events").json()["items"]
    return [(of["action"], of["subject"], of["detail"]) for of in events]


def _bound(service: Service, *groups: str) -> dict[str, str]:
    wanted = {"scopes": [Scope.ENROLL, Scope.IDENTIFY], "groups": list(groups)}
    made = service.client.post("/v1/admin/keys", json=wanted)
    return {"Authorization": f"Bearer {made.json()['key']}"}


def _shrunk(photo: bytes, times: float) -> bytes:
    file = BytesIO()
    with Image.open(BytesIO(photo)) as picture:
        size = (round(picture.width / times), round(picture.height / times))
        picture.resize(size, Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()


def test_no_face_is_kept_when_no_setting_says_so(service: Service, people: People) -> None:
    _identify(service, people[ANNA][:2])
    assert service.client.get("/v1/kept-faces").json() == {
        "items": [],
        "next_cursor": None,
        "keep_hours": 0,
    }
    assert service.client.get("/v1/kept-faces/clusters").json()["items"] == []
    assert service.rows()["kept_faces"] == 0


def test_stranger_is_known_when_a_cluster_is_registered(reviewing: Service, people: People) -> None:
    service = reviewing
    service.register(ANNA, people[ANNA][:3])
    _identify(service, [*people[BERT][:4], people[CARL][0], people[ANNA][5]])
    faces = _kept(service, 6)
    assert {face["user_id"] for face in faces} == {None, ANNA}
    assert {face["route"] for face in faces} == {"direct"}
    assert [face["face_id"] for face in _listed(service, answer="named")] == [
        face["face_id"] for face in faces if face["user_id"] == ANNA
    ]
    found = service.client.get("/v1/kept-faces/clusters").json()
    assert (found["total"], found["keep_hours"]) == (2, 1)
    berts, carls = ([face["face_id"] for face in cluster["faces"]] for cluster in found["items"])
    assert (len(berts), len(carls)) == (4, 1)
    crop = service.client.get(f"/v1/kept-faces/{berts[0]}/crop")
    assert crop.headers["content-type"] == "image/png"
    with Image.open(BytesIO(crop.content)) as picture:
        assert picture.size == (112, 112)
    assert _actions(service)[0] == ("kept_face.shown", "", {"face": berts[0]})

    too_few = _assign(service, berts[:2], user_id=BERT, new=True)
    service.assert_problem(too_few, 422, "too_few_photos")
    assert service.rows()["kept_faces"] == 6
    answer = _assign(service, berts[:3], user_id=BERT, new=True, display_name="Bert B.")
    assert answer.status_code == 200, answer.text
    learned = answer.json()
    assert (learned["user"]["user_id"], learned["user"]["photo_count"]) == (BERT, 3)
    assert learned["user"]["display_name"] == "Bert B."
    assert learned["template_similarity"] is None
    assert learned["alike"] == berts[3:]
    assert all(face["similarity_after"] > 0.5 for face in learned["faces"])
    assert {face["similarity_before"] for face in learned["faces"]} == {None}
    assert _actions(service)[0] == ("faces.assigned", BERT, {"used": 3, "not_used": 0})
    (seen,) = service.identify(people[BERT][6]).json()["faces"]
    assert seen["user_id"] == BERT
    # What has become a photo is no longer kept beside it.
    gone = _assign(service, berts[:1], user_id=ANNA)
    service.assert_problem(gone, 404, "kept_face_not_found")
    assert {of["face_id"] for of in _listed(service, answer="unknown")} == {*berts[3:], *carls}


def test_template_moves_when_a_wrong_name_is_corrected(reviewing: Service, people: People) -> None:
    service = reviewing
    service.register(ANNA, people[ANNA][:3])
    service.register(BERT, people[BERT][:3])
    _identify(service, [people[BERT][5]])
    (face,) = _kept(service, 1)
    wrong = "UPDATE kept_faces SET \"user\" = (SELECT id FROM users WHERE user_id = 'anna')"
    execute(service.settings.database, wrong)
    assert _listed(service)[0]["user_id"] == ANNA
    learned = _assign(service, [face["face_id"]], user_id=BERT).json()
    (used,) = learned["faces"]
    assert (used["reason"], learned["user"]["photo_count"]) == (None, 4)
    assert 0.5 < used["similarity_before"] < used["similarity_after"] < 1
    assert 0.9 < learned["template_similarity"] < 1
    assert _listed(service) == []
    stored = service.client.get(f"/v1/users/{BERT}").json()["photos"]
    assert used["photo_id"] in {photo["photo_id"] for photo in stored}


def test_face_keeps_the_name_and_teaches_nothing_when_it_is_not_good_enough(
    reviewing: Service, people: People
) -> None:
    service = reviewing
    service.register(ANNA, people[ANNA][:3])
    before = service.client.get(f"/v1/users/{ANNA}").json()["user"]["photo_count"]
    _identify(service, [_shrunk(people[ANNA][5], 6), people[ANNA][0], people[BERT][0]])
    small, same, other = sorted(
        _kept(service, 3), key=lambda face: (face["face_px"] > 40, face["user_id"] is None)
    )
    assert small["face_px"] < 32
    faces = [of["face_id"] for of in (small, same, other)]
    learned = _assign(service, faces, user_id=ANNA).json()
    assert [face["reason"] for face in learned["faces"]] == [
        "face_too_small",
        "duplicate_photo",
        "outlier",
    ]
    assert all(face["detail"] and face["photo_id"] is None for face in learned["faces"])
    assert learned["user"]["photo_count"] == before
    assert {(of["user_id"], of["assigned"]) for of in _listed(service)} == {(ANNA, True)}
    assert service.client.get("/v1/kept-faces/clusters").json()["total"] == 0


def test_only_the_largest_faces_become_photos_when_there_are_more_than_a_request_may_have(
    settings: Settings, run_service: RunService, people: People
) -> None:
    limits = settings.limits.model_copy(update={"max_photos": 3})
    with run_service(_keeping(settings.model_copy(update={"limits": limits}))) as service:
        _identify(service, people[BERT][:3])
        _identify(service, people[BERT][3:5])
        faces = _kept(service, 5)
        ids = [face["face_id"] for face in faces]
        learned = _assign(service, [*ids, ids[0]], user_id=BERT, new=True).json()
        assert [face["face_id"] for face in learned["faces"]] == ids
        unused = [of["face_id"] for of in learned["faces"] if of["reason"] == "not_needed"]
        smallest = sorted(faces, key=lambda face: face["face_px"])[:2]
        assert set(unused) == {face["face_id"] for face in smallest}


def test_key_sees_and_changes_only_what_was_kept_for_its_groups(
    reviewing: Service, people: People
) -> None:
    service = reviewing
    north, both = _bound(service, "north"), _bound(service, "north", "south")
    service.register(ANNA, people[ANNA][:3], groups=["south"])
    _identify(service, [people[CARL][0]])
    _kept(service, 1)
    _identify(service, [people[BERT][0], people[ANNA][4]], both)
    _kept(service, 3)
    _identify(service, [people[BERT][1]], north)
    _kept(service, 4)

    def seen(headers: dict[str, str]) -> list[dict[str, Any]]:
        found = service.client.get("/v1/kept-faces", headers=headers)
        items: list[dict[str, Any]] = found.json()["items"]
        return items

    # Who is in the south alone is not named to the north, and their face is not shown.
    assert [face["user_id"] for face in seen(north)] == [None, None]
    assert [face["user_id"] for face in seen(both)] == [None, ANNA, None]
    own, shared = (face["face_id"] for face in seen(north))
    clusters = service.client.get("/v1/kept-faces/clusters", headers=north).json()
    assert [len(cluster["faces"]) for cluster in clusters["items"]] == [2]
    anna = next(of["face_id"] for of in seen(both) if of["user_id"] == ANNA)
    hidden = service.client.get(f"/v1/kept-faces/{anna}/crop", headers=north)
    service.assert_problem(hidden, 404, "kept_face_not_found")
    for refused in (
        _dismiss(service, [shared], north),
        _assign(service, [shared], north, user_id=BERT, new=True),
    ):
        service.assert_problem(refused, 403, "group_forbidden")
    service.assert_problem(_assign(service, [own], north, user_id=ANNA), 404, "user_not_found")
    assert _dismiss(service, [own, anna], north).json()["dismissed"] == 1
    assert len(_listed(service)) == 3


def test_scope_is_needed_to_see_kept_faces(reviewing: Service, people: People) -> None:
    service = reviewing
    _identify(service, [people[ANNA][0]])
    (face,) = _kept(service, 1)
    door = service.key(Scope.IDENTIFY, Scope.ADMIN)
    for path in ("", "/clusters", f"/{face['face_id']}/crop"):
        refused = service.client.get(f"/v1/kept-faces{path}", headers=door)
        service.assert_problem(refused, 403, "missing_scope")
    ids = [face["face_id"]]
    service.assert_problem(_assign(service, ids, door, user_id="x"), 403, "missing_scope")
    service.assert_problem(_dismiss(service, ids, door), 403, "missing_scope")
    odd = _assign(service, ids, user_id=ANNA, display_name="Anna")
    service.assert_problem(odd, 422, "invalid_request")
    service.assert_problem(_assign(service, ids, user_id=ANNA), 404, "user_not_found")
    unknown = _assign(service, [str(uuid4())], user_id=ANNA)
    service.assert_problem(unknown, 404, "kept_face_not_found")


def test_kept_faces_are_gone_when_they_are_dismissed_or_their_person_is_erased(
    reviewing: Service, people: People
) -> None:
    service = reviewing
    for user_id in (ANNA, BERT):
        service.register(user_id, people[user_id][:3])
    _identify(service, [people[ANNA][4], people[BERT][4], people[CARL][0]])
    carl, *_ = _kept(service, 3)
    assert carl["user_id"] is None
    assert _dismiss(service, [carl["face_id"], str(uuid4())]).json() == {
        "dismissed": 1,
        "pending": False,
    }
    assert _actions(service)[0] == ("faces.dismissed", "", {"faces": 1})
    assert service.client.delete(f"/v1/users/{ANNA}").status_code in {202, 204}
    assert [face["user_id"] for face in _listed(service)] == [BERT]


def test_kept_faces_follow_when_users_are_merged(reviewing: Service, people: People) -> None:
    service = reviewing
    service.register(ANNA, people[ANNA][:3])
    service.register("ann", people[ANNA][3:6], allow_duplicate="true")
    _identify(service, [people[ANNA][3]])
    (face,) = _kept(service, 1)
    assert face["user_id"] == "ann"
    merged = service.client.post(f"/v1/users/{ANNA}/merge", json={"other_user_id": "ann"})
    assert merged.status_code == 200
    assert [face["user_id"] for face in _listed(service)] == [ANNA]


def test_faces_are_deleted_when_their_time_is_over_or_there_are_too_many(
    settings: Settings, run_service: RunService, people: People
) -> None:
    settings = _keeping(settings, keep_hours=2, max_faces=10)
    with run_service(settings) as service:
        for user_id in (ANNA, BERT):
            _identify(service, people[user_id][:5])
        oldest = _kept(service, 10)[-1]
        _identify(service, [people[CARL][0]])
        deadline = time.monotonic() + _GIVE_UP_S
        while oldest in (left := _listed(service)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert len(left) == 9  # the oldest tenth goes at once
        late = datetime.now(UTC) - timedelta(hours=2, minutes=1)
        newest = left[0]["face_id"].replace("-", "")
        execute(
            settings.database,
            f"UPDATE kept_faces SET kept_at = '{late:%Y-%m-%d %H:%M:%S.%f}' "
            f"WHERE replace(CAST(face_id AS TEXT), '-', '') != '{newest}'",
        )
        assert service.client.portal is not None
        service.client.portal.call(service.graph.keeping.tidy)
        assert [face["face_id"] for face in _listed(service)] == [left[0]["face_id"]]
    # A restart without the setting deletes the rest.
    with run_service(settings.model_copy(update={"review": ReviewSettings()})) as service:
        deadline = time.monotonic() + _GIVE_UP_S
        while service.rows()["kept_faces"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_face_is_kept_once_when_a_camera_shows_it_again_and_again(
    reviewing: Service, people: People
) -> None:
    for _ in range(3):
        _identify(reviewing, [people[ANNA][0]])
    _identify(reviewing, [people[BERT][0]])
    _kept(reviewing, 2)


def test_answer_comes_all_the_same_when_faces_cannot_be_kept(
    reviewing: Service,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def busy(*_: object) -> None:
        raise DatabaseBusyError("Busy.")

    with monkeypatch.context() as broken:
        broken.setattr(kept_faces, "add", busy)
        _identify(reviewing, [people[ANNA][0]])
        deadline = time.monotonic() + _GIVE_UP_S
        while "1 faces were not kept" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    _identify(reviewing, [people[BERT][0]])
    _kept(reviewing, 1)


def test_faces_of_former_weights_stand_alone_and_can_be_assigned_when_others_serve(
    settings: Settings, run_service: RunService, store: Path, people: People
) -> None:
    settings = settings.model_copy(update={"bundles": store, "bundle": "farsight-xxs"})
    with run_service(_keeping(settings)) as service:
        service.register(ANNA, people[ANNA][:3])
        _identify(service, people[BERT][:3])
        _kept(service, 3)
        assert service.client.get("/v1/kept-faces/clusters").json()["total"] == 1
        job = service.client.post("/v1/admin/reload", json={"bundle": "turned", "force": True})
        assert job.status_code == 202, job.text
        deadline = time.monotonic() + _GIVE_UP_S
        while service.client.get("/version").json()["bundle"] != "turned":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        found = service.client.get("/v1/kept-faces/clusters").json()
        assert [len(cluster["faces"]) for cluster in found["items"]] == [1, 1, 1]
        ids = [cluster["faces"][0]["face_id"] for cluster in found["items"]]
        assert _assign(service, ids, user_id=BERT, new=True).status_code == 200
        (seen,) = service.identify(people[BERT][5]).json()["faces"]
        assert seen["user_id"] == BERT


def test_photo_is_somebody_elses_when_it_is_moved(service: Service, people: People) -> None:
    service.register(ANNA, people[ANNA][:3])
    service.register(BERT, people[BERT][:3])
    added = service.client.post(
        f"/v1/users/{ANNA}/photos", files=as_files("photos", [people[ANNA][3]])
    )
    assert added.status_code == 201
    theirs = service.client.get(f"/v1/users/{ANNA}").json()["photos"]

    def move(photo_id: str, to: str, **options: Any) -> httpx2.Response:
        path = f"/v1/users/{ANNA}/photos/{photo_id}/move"
        return service.client.post(path, json={"to_user_id": to}, **options)

    photo_id = theirs[3]["photo_id"]
    refused = move(photo_id, BERT)
    service.assert_problem(refused, 409, "photo_refused")
    assert refused.json()["reason"] == "outlier"
    service.assert_problem(move(photo_id, ANNA), 422, "invalid_request")
    service.assert_problem(move(photo_id, "nobody"), 404, "user_not_found")
    service.assert_problem(move(str(uuid4()), BERT), 404, "photo_not_found")
    north = _bound(service, "north")
    service.assert_problem(move(photo_id, BERT, headers=north), 404, "user_not_found")

    service.register("ann", people[ANNA][4:7], allow_duplicate="true")
    moved = move(photo_id, "ann").json()
    assert (moved["user"]["photo_count"], moved["to_user"]["photo_count"]) == (3, 4)
    assert 0.5 < moved["similarity_before"] < moved["similarity_after"] < 1
    assert _actions(service)[0] == ("photo.moved", ANNA, {"to": "ann"})
    ids = [of["photo_id"] for of in service.client.get("/v1/users/ann").json()["photos"]]
    assert photo_id in ids
    likeness = service.client.get("/v1/users/ann/likeness").json()
    assert len(likeness["photos"]) == 4
    last = move(theirs[0]["photo_id"], "ann")
    service.assert_problem(last, 409, "last_photos")
    assert service.client.get(f"/v1/users/{ANNA}").json()["user"]["photo_count"] == 3
