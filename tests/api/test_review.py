"""Review: people say whose the kept faces are, and what was learned is told."""

import time
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from PIL import Image

from app.settings import Settings
from tests.api.conftest import RunService, Service, as_files
from tests.api.reviewing import (
    ANNA,
    BERT,
    CARL,
    GIVE_UP_S,
    People,
    actions,
    assign,
    bound,
    identify,
    kept,
    listed,
    shrunk,
    with_review,
)
from tests.databases import execute

pytestmark = pytest.mark.both


def test_stranger_is_known_when_a_cluster_is_registered(reviewing: Service, people: People) -> None:
    service = reviewing
    service.register(ANNA, people[ANNA][:3])
    identify(service, [*people[BERT][:4], people[CARL][0], people[ANNA][5]])
    faces = kept(service, 6)
    assert {face["user_id"] for face in faces} == {None, ANNA}
    assert {face["route"] for face in faces} == {"direct"}
    assert [face["face_id"] for face in listed(service, answer="named")] == [
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
    assert actions(service)[0] == ("kept_face.shown", "", {"face": berts[0]})

    too_few = assign(service, berts[:2], user_id=BERT, new=True)
    service.assert_problem(too_few, 422, "too_few_photos")
    assert service.rows()["kept_faces"] == 6
    answer = assign(service, berts[:3], user_id=BERT, new=True, display_name="Bert B.")
    assert answer.status_code == 200, answer.text
    learned = answer.json()
    assert (learned["user"]["user_id"], learned["user"]["photo_count"]) == (BERT, 3)
    assert learned["user"]["display_name"] == "Bert B."
    assert learned["template_similarity"] is None
    assert learned["alike"] == berts[3:]
    assert all(face["similarity_after"] > 0.5 for face in learned["faces"])
    assert {face["similarity_before"] for face in learned["faces"]} == {None}
    assert actions(service)[0] == ("faces.assigned", BERT, {"used": 3, "not_used": 0})
    (seen,) = service.identify(people[BERT][6]).json()["faces"]
    assert seen["user_id"] == BERT
    # What has become a photo is no longer kept beside it.
    gone = assign(service, berts[:1], user_id=ANNA)
    service.assert_problem(gone, 404, "kept_face_not_found")
    assert {of["face_id"] for of in listed(service, answer="unknown")} == {*berts[3:], *carls}


def test_template_moves_when_a_wrong_name_is_corrected(reviewing: Service, people: People) -> None:
    service = reviewing
    service.register(ANNA, people[ANNA][:3])
    service.register(BERT, people[BERT][:3])
    identify(service, [people[BERT][5]])
    (face,) = kept(service, 1)
    wrong = "UPDATE kept_faces SET \"user\" = (SELECT id FROM users WHERE user_id = 'anna')"
    execute(service.settings.database, wrong)
    assert listed(service)[0]["user_id"] == ANNA
    learned = assign(service, [face["face_id"]], user_id=BERT).json()
    (used,) = learned["faces"]
    assert (used["reason"], learned["user"]["photo_count"]) == (None, 4)
    assert 0.5 < used["similarity_before"] < used["similarity_after"] < 1
    assert 0.9 < learned["template_similarity"] < 1
    assert listed(service) == []
    stored = service.client.get(f"/v1/users/{BERT}").json()["photos"]
    assert used["photo_id"] in {photo["photo_id"] for photo in stored}


def test_face_keeps_the_name_and_teaches_nothing_when_it_is_not_good_enough(
    reviewing: Service, people: People
) -> None:
    service = reviewing
    service.register(ANNA, people[ANNA][:3])
    before = service.client.get(f"/v1/users/{ANNA}").json()["user"]["photo_count"]
    identify(service, [shrunk(people[ANNA][5], 6), people[ANNA][0], people[BERT][0]])
    small, same, other = sorted(
        kept(service, 3), key=lambda face: (face["face_px"] > 40, face["user_id"] is None)
    )
    assert small["face_px"] < 32
    faces = [of["face_id"] for of in (small, same, other)]
    learned = assign(service, faces, user_id=ANNA).json()
    assert [face["reason"] for face in learned["faces"]] == [
        "face_too_small",
        "duplicate_photo",
        "outlier",
    ]
    assert all(face["detail"] and face["photo_id"] is None for face in learned["faces"])
    assert learned["user"]["photo_count"] == before
    assert {(of["user_id"], of["assigned"]) for of in listed(service)} == {(ANNA, True)}
    assert service.client.get("/v1/kept-faces/clusters").json()["total"] == 0


def test_only_the_largest_faces_become_photos_when_there_are_more_than_a_request_may_have(
    settings: Settings, run_service: RunService, people: People
) -> None:
    limits = settings.limits.model_copy(update={"max_photos": 3})
    with run_service(with_review(settings.model_copy(update={"limits": limits}))) as service:
        identify(service, people[BERT][:3])
        identify(service, people[BERT][3:5])
        faces = kept(service, 5)
        ids = [face["face_id"] for face in faces]
        learned = assign(service, [*ids, ids[0]], user_id=BERT, new=True).json()
        assert [face["face_id"] for face in learned["faces"]] == ids
        unused = [of["face_id"] for of in learned["faces"] if of["reason"] == "not_needed"]
        smallest = sorted(faces, key=lambda face: face["face_px"])[:2]
        assert set(unused) == {face["face_id"] for face in smallest}


def test_faces_of_former_weights_stand_alone_and_can_be_assigned_when_others_serve(
    settings: Settings, run_service: RunService, store: Path, people: People
) -> None:
    settings = settings.model_copy(update={"bundles": store, "bundle": "farsight-xxs"})
    with run_service(with_review(settings)) as service:
        service.register(ANNA, people[ANNA][:3])
        identify(service, people[BERT][:3])
        kept(service, 3)
        assert service.client.get("/v1/kept-faces/clusters").json()["total"] == 1
        job = service.client.post("/v1/admin/reload", json={"bundle": "turned", "force": True})
        assert job.status_code == 202, job.text
        deadline = time.monotonic() + GIVE_UP_S
        while service.client.get("/version").json()["bundle"] != "turned":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        found = service.client.get("/v1/kept-faces/clusters").json()
        assert [len(cluster["faces"]) for cluster in found["items"]] == [1, 1, 1]
        ids = [cluster["faces"][0]["face_id"] for cluster in found["items"]]
        assert assign(service, ids, user_id=BERT, new=True).status_code == 200
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
    north = bound(service, "north")
    service.assert_problem(move(photo_id, BERT, headers=north), 404, "user_not_found")

    service.register("ann", people[ANNA][4:7], allow_duplicate="true")
    moved = move(photo_id, "ann").json()
    assert (moved["user"]["photo_count"], moved["to_user"]["photo_count"]) == (3, 4)
    assert 0.5 < moved["similarity_before"] < moved["similarity_after"] < 1
    assert actions(service)[0] == ("photo.moved", ANNA, {"to": "ann"})
    ids = [of["photo_id"] for of in service.client.get("/v1/users/ann").json()["photos"]]
    assert photo_id in ids
    likeness = service.client.get("/v1/users/ann/likeness").json()
    assert len(likeness["photos"]) == 4
    last = move(theirs[0]["photo_id"], "ann")
    service.assert_problem(last, 409, "last_photos")
    assert service.client.get(f"/v1/users/{ANNA}").json()["user"]["photo_count"] == 3
