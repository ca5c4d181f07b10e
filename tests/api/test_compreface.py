"""Requests as CompreFace's clients send them: compreface-sdk 0.6 and Double Take, byte for byte."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageFilter

from app.gallery.user_fields import USER_ID_PATTERN
from app.services.subject_recognition import scaled
from tests.compreface_client import NOBODY, CompreFace, assert_refused, nobody, picture

if TYPE_CHECKING:
    from tests.api.conftest import Service

ANNA, BERT = "anna", "bert"
ADA = "Ada Lovelace"
People = dict[str, list[bytes]]


def test_address_is_unknown_when_the_setting_is_off(module_service: "Service") -> None:
    answer = module_service.client.get("/api/v1/recognition/subjects")
    module_service.assert_problem(answer, 404, "not_found")


def test_sdk_adds_recognizes_verifies_and_deletes_when_it_runs_its_examples(
    compreface: CompreFace, people: People
) -> None:
    # SubjectClient sends JSON; its put has the name of the address in the body too.
    headers = {"Content-Type": "application/json"}
    answer = compreface.send(
        "POST", "/subjects", content=json.dumps({"subject": ADA}), headers=headers
    )
    assert (answer.status_code, answer.json()) == (201, {"subject": ADA})
    assert compreface.send("GET", "/subjects/", headers=headers).json() == {"subjects": [ADA]}

    answer = compreface.add(ADA, people[ANNA][0], "&det_prob_threshold=0.9")
    assert answer.status_code == 201, answer.text
    assert answer.json()["subject"] == ADA
    image_id = answer.json()["image_id"]
    assert compreface.subjects() == [ADA]
    assert compreface.send("GET", "/faces").json() == {
        "faces": [{"image_id": image_id, "subject": ADA}],
        "page_number": 0,
        "page_size": 20,
        "total_pages": 1,
        "total_elements": 1,
    }

    options = "&limit=0&det_prob_threshold=0.5&status=True&face_plugins=age,landmarks"
    answer = compreface.recognize(people[ANNA][1], f"{options}&prediction_count=1")
    assert answer.status_code == 200, answer.text
    recognized = answer.json()
    (face,) = recognized["result"]
    assert set(face) == {"box", "landmarks", "subjects", "execution_time"}
    assert 0 <= face["box"]["x_min"] < face["box"]["x_max"] <= 240
    assert 0 <= face["box"]["y_min"] < face["box"]["y_max"] <= 300
    assert 0.8 <= face["box"]["probability"] <= 1
    assert [len(point) for point in face["landmarks"]] == [2] * 5
    assert [subject["subject"] for subject in face["subjects"]] == [ADA]
    assert 0.5 < face["subjects"][0]["similarity"] <= 1
    assert set(face["execution_time"]) == {"detector", "calculator"}
    assert set(recognized["plugins_versions"]) == {"detector", "calculator"}
    assert recognized["unavailable_plugins"] == ["age"]

    path = f"/faces/{image_id}/verify?{options}"
    (same,) = compreface.send_photo(path, people[ANNA][1]).json()["result"]
    (other,) = compreface.send_photo(path, people[BERT][1]).json()["result"]
    assert set(same) == {"box", "landmarks", "similarity", "execution_time"}
    assert other["similarity"] < 0.5 < same["similarity"]

    renamed = {"subject": "Ada King", "api_endpoint": ADA}
    answer = compreface.send(
        "PUT", f"/subjects/{ADA}", content=json.dumps(renamed), headers=headers
    )
    assert (answer.status_code, answer.json()) == (200, {"updated": True})
    assert compreface.recognized(people[ANNA][1])["subjects"][0]["subject"] == "Ada King"

    answer = compreface.send("DELETE", f"/faces/{image_id}")
    assert answer.json() == {"image_id": image_id, "subject": "Ada King"}
    assert compreface.subjects() == []


def test_double_take_trains_recognizes_and_removes(compreface: CompreFace, people: People) -> None:
    # axios streams the form, so that its length is not told, and its part has a type.
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n"
    )

    def stream(photo: bytes) -> dict[str, Any]:
        return {
            "content": iter([form, photo, b"\r\n--b--\r\n"]),
            "headers": {"Content-Type": "multipart/form-data; boundary=b"},
        }

    for photo in people[ANNA][:2]:
        answer = compreface.send("POST", "/faces?subject=anna", **stream(photo))
        assert answer.status_code == 201, answer.text
    path = "/recognize?face_plugins=undefined&det_prob_threshold=0.8"
    known = compreface.send("POST", path, **stream(people[ANNA][2])).json()
    assert [face["subjects"][0]["subject"] for face in known["result"]] == ["anna"]
    assert known["result"][0]["subjects"][0]["similarity"] * 100 >= 60  # its own default
    stranger = compreface.send("POST", path, **stream(people[BERT][2])).json()
    assert stranger["result"][0]["subjects"][0]["similarity"] * 100 < 40
    assert set(stranger) == {"result"}

    none = compreface.send("POST", path, **stream(nobody()))
    assert_refused(none, 400, 28, "No face is found")
    assert compreface.send("DELETE", "/faces?subject=anna").json() == {"deleted": 2}
    assert compreface.send("DELETE", "/faces?subject=anna").json() == {"deleted": 0}
    assert compreface.recognized(people[ANNA][2])["subjects"] == []


def test_photo_is_taken_when_it_comes_as_base64(compreface: CompreFace, people: People) -> None:
    def body(photo: bytes) -> dict[str, str]:
        return {"file": b64encode(photo).decode()}

    added = compreface.send("POST", f"/faces?subject={ADA}", json=body(people[ANNA][0]))
    assert added.status_code == 201, added.text
    image_id = added.json()["image_id"]
    blank = "/recognize?det_prob_threshold=&face_plugins=&status="
    for path in (blank, f"/faces/{image_id}/verify?limit=1"):
        answer = compreface.send("POST", path, json=body(people[ANNA][1]))
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["result"]) == 1


def test_faces_are_largest_first_and_as_many_as_the_limit_when_a_photo_shows_two(
    compreface: CompreFace, people: People
) -> None:
    compreface.added(ANNA, people[ANNA][0])
    compreface.added(BERT, people[BERT][0])
    both = picture(people[ANNA][1], people[BERT][1])
    faces = compreface.recognize(both, "prediction_count=2").json()["result"]
    assert sorted(face["subjects"][0]["subject"] for face in faces) == [ANNA, BERT]
    for face in faces:
        first, second = (subject["similarity"] for subject in face["subjects"])
        assert second < 0.5 < first
    for options in ("limit=1", "limit=1&det_prob_threshold=0.1"):
        assert len(compreface.recognize(both, options).json()["result"]) == 1
    assert_refused(compreface.add("both", both), 400, 31, "Several faces")
    assert_refused(compreface.recognize(both, "det_prob_threshold=1"), 400, 28, "No face")


def test_small_face_is_told_when_a_client_wants_sure_ones_alone(
    compreface: CompreFace, people: People, encode: Callable[..., bytes]
) -> None:
    small = PillowImage.open(BytesIO(people[ANNA][1])).resize((48, 60))
    photo = encode(small.filter(ImageFilter.GaussianBlur(1)), "PNG")
    found = compreface.service.client.post("/v1/faces", files={"photos": photo}).json()
    (score,) = (face["quality"]["detection_score"] for face in found["faces"])
    assert score < 0.8
    (face,) = compreface.recognize(photo, "det_prob_threshold=0.8").json()["result"]
    assert face["box"]["probability"] == pytest.approx(0.8 + 0.2 * score, abs=1e-3)
    surer = (face["box"]["probability"] + 1) / 2
    refused = compreface.recognize(photo, f"det_prob_threshold={surer}")
    assert_refused(refused, 400, 28, "No face")


def test_photo_is_refused_when_the_rules_of_registration_say_so(
    compreface: CompreFace, people: People
) -> None:
    compreface.added(ANNA, people[ANNA][0])
    assert_refused(compreface.add(ANNA, people[BERT][0]), 400, 26, "does not match")
    assert_refused(compreface.add(ANNA, people[ANNA][0]), 400, 26, "the same picture")
    assert_refused(compreface.add(BERT, nobody()), 400, 28, "No face was found")
    assert_refused(compreface.add(BERT, b"none"), 400, 21, "Send another photo")
    assert_refused(
        compreface.add(BERT, people[BERT][0], "&det_prob_threshold=1"), 400, 28, "No face was found"
    )
    assert_refused(compreface.recognize(b"none"), 400, 21, "")
    assert [face["subject"] for face in compreface.examples()] == [ANNA]
    assert compreface.subjects() == [ANNA]


def test_person_has_two_names_when_both_are_given_the_same_face(
    compreface: CompreFace, people: People
) -> None:
    compreface.added("anna", people[ANNA][0])
    compreface.added("anna with glasses", people[ANNA][1])
    answer = compreface.recognize(people[ANNA][2], "prediction_count=2").json()
    names = [subject["subject"] for subject in answer["result"][0]["subjects"]]
    assert sorted(names) == ["anna", "anna with glasses"]


def test_any_text_is_a_subject_when_ids_have_a_pattern(
    compreface: CompreFace, people: People
) -> None:
    names = ["Jürgen", "Jurgen", "日本", "a/b", "?", "x" * 200]
    for name, photos in zip(names, people.values(), strict=False):
        answer = compreface.send(
            "POST", "/faces", params={"subject": name}, files={"file": ("a.jpg", photos[0])}
        )
        assert answer.status_code == 201, answer.text
    assert compreface.subjects() == sorted(names)
    users = compreface.service.client.get("/v1/users").json()["items"]
    assert [user["display_name"] for user in users] == names
    ids = [user["user_id"] for user in users]
    assert len(set(ids)) == len(names)
    assert all(re.fullmatch(USER_ID_PATTERN, user_id) for user_id in ids)
    assert compreface.send("DELETE", "/subjects/a%2Fb").json() == {"subject": "a/b"}
    assert "a/b" not in compreface.subjects()


def test_former_name_can_be_given_again_when_a_subject_was_renamed(
    compreface: CompreFace, people: People
) -> None:
    compreface.added(ADA, people[ANNA][0])
    compreface.send("PUT", f"/subjects/{ADA}", json={"subject": "Ada King"})
    compreface.added(ADA, people[BERT][0])
    assert compreface.subjects() == ["Ada King", ADA]


def test_photos_are_of_one_subject_when_two_are_merged(
    compreface: CompreFace, people: People
) -> None:
    ids = compreface.added("anna", *people[ANNA][:2]) + compreface.added("ann", people[ANNA][2])
    compreface.added("ann", people[ANNA][0])  # which anna has already
    compreface.added(BERT, people[BERT][0])
    refused = compreface.send("PUT", "/subjects/bert", json={"subject": "anna"})
    assert_refused(refused, 400, 26, "not of one person")
    answer = compreface.send("PUT", "/subjects/ann", json={"subject": "anna"})
    assert answer.json() == {"updated": True}
    of_anna = [face["image_id"] for face in compreface.examples() if face["subject"] == "anna"]
    assert sorted(of_anna) == sorted(ids)
    assert compreface.subjects() == ["anna", BERT]
    assert compreface.recognized(people[ANNA][3])["subjects"][0]["subject"] == "anna"
    unknown = compreface.send("PUT", "/subjects/nobody", json={"subject": "x"})
    assert_refused(unknown, 404, 42, "no subject")


def test_name_is_kept_until_its_first_photo_when_it_is_added_alone(
    compreface: CompreFace, people: People
) -> None:
    for name in (ADA, BERT):
        assert compreface.send("POST", "/subjects", json={"subject": name}).status_code == 201
    again = compreface.send("POST", "/subjects", json={"subject": ADA})
    assert_refused(again, 400, 43, "already")
    assert compreface.send("PUT", f"/subjects/{ADA}", json={"subject": "Ada"}).status_code == 200
    assert compreface.subjects() == ["Ada", BERT]
    compreface.added("Ada", people[ANNA][0])
    assert compreface.service.rows()["announced_subjects"] == 1
    assert compreface.send("DELETE", "/subjects/bert").json() == {"subject": BERT}
    assert compreface.send("DELETE", "/subjects/Ada").json() == {"subject": "Ada"}
    assert compreface.subjects() == []
    assert_refused(compreface.send("DELETE", "/subjects/Ada"), 404, 42, "no subject")


def test_audit_log_names_no_subject_when_one_was_added_and_erased(
    compreface: CompreFace, people: People
) -> None:
    compreface.send("POST", "/subjects", json={"subject": ADA})
    compreface.added(ADA, people[ANNA][0])
    compreface.send("DELETE", f"/subjects/{ADA}")
    log = compreface.service.client.get("/v1/admin/events")
    actor = compreface.key.split("_")[1]
    actions = [of["action"] for of in log.json()["items"] if of["actor"] == actor]
    assert actions == ["user.erased", "photos.added", "subject.announced"]
    assert "lovelace" not in log.text.lower()


def test_everybody_is_erased_when_no_subject_is_named(
    compreface: CompreFace, people: People
) -> None:
    compreface.added(ANNA, *people[ANNA][:2])
    compreface.added(BERT, people[BERT][0])
    blank = compreface.send("DELETE", "/faces?subject=")
    assert_refused(blank, 400, 26, "subject must not be empty")
    assert compreface.send("DELETE", "/faces").json() == {"deleted": 3}
    assert compreface.recognized(people[ANNA][2])["subjects"] == []
    compreface.added(ANNA, people[ANNA][0])
    assert compreface.send("DELETE", "/subjects").json() == {"deleted": 1}


def test_pages_are_numbered_when_there_are_many_photos(
    compreface: CompreFace, people: People
) -> None:
    ids = compreface.added(ANNA, *people[ANNA][:3])
    compreface.added(BERT, people[BERT][0])
    page = compreface.send("GET", "/faces?page=1&size=2&subject=anna").json()
    assert page == {
        "faces": [{"image_id": ids[2], "subject": ANNA}],
        "page_number": 1,
        "page_size": 2,
        "total_pages": 2,
        "total_elements": 3,
    }
    assert compreface.send("GET", "/faces?page=9").json()["faces"] == []
    assert compreface.send("GET", "/faces?subject=").json()["total_elements"] == 4


def test_photos_go_when_their_ids_are_sent(compreface: CompreFace, people: People) -> None:
    first, second = compreface.added(ANNA, *people[ANNA][:2])
    (of_bert,) = compreface.added(BERT, people[BERT][0])
    sent = [first, str(NOBODY), of_bert, first]
    answer = compreface.send("POST", "/faces/delete", json=sent)
    assert answer.json() == [
        {"image_id": first, "subject": ANNA},
        {"image_id": of_bert, "subject": BERT},
    ]
    assert compreface.examples() == [{"image_id": second, "subject": ANNA}]
    assert_refused(compreface.send("DELETE", f"/faces/{NOBODY}"), 404, 44, "No photo has")


def test_picture_is_the_aligned_face_when_a_photo_is_shown(
    compreface: CompreFace, people: People
) -> None:
    (image_id,) = compreface.added(ANNA, people[ANNA][0])
    shown = compreface.send("GET", f"/faces/{image_id}/img")
    assert PillowImage.open(BytesIO(shown.content)).size == (112, 112)
    (face,) = compreface.recognize(shown.content, "detect_faces=false").json()["result"]
    assert face["subjects"][0]["similarity"] > 0.9
    gone = compreface.send("GET", f"/faces/{NOBODY}/img")
    assert (gone.status_code, gone.content) == (200, b"")
    actor = compreface.key.split("_")[1]
    events = compreface.service.client.get("/v1/admin/events").json()["items"]
    assert [event["action"] for event in events if event["actor"] == actor] == [
        "crop.shown",
        "photos.added",
    ]


def test_user_is_a_subject_when_registered_by_the_other_api(
    compreface: CompreFace, people: People
) -> None:
    service = compreface.service
    assert service.register("anna", people[ANNA][:1]).json()["code"] == "too_few_photos"
    assert service.register("anna", people[ANNA][:3]).status_code == 201
    compreface.added("anna", people[ANNA][3])
    assert service.client.get("/v1/users/anna").json()["user"]["photo_count"] == 4
    assert compreface.recognized(people[ANNA][5])["subjects"][0]["subject"] == "anna"
    assert service.identify(people[ANNA][5]).json()["faces"][0]["user_id"] == "anna"
    service.register("anna-2", people[BERT][:3], display_name="anna")
    for answer in (
        compreface.add("anna", people[ANNA][4]),
        compreface.send("DELETE", "/subjects/anna"),
    ):
        assert_refused(answer, 400, 26, "Several users")
    assert service.client.get("/v1/users").json()["total"] == 2


def test_subject_has_both_photos_when_its_first_ones_come_at_once(
    compreface: CompreFace, people: People
) -> None:
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda photo: compreface.add(ADA, photo), people[ANNA][:3]))
    assert [answer.status_code for answer in answers] == [201] * 3
    assert compreface.service.rows()["users"] == 1
    assert compreface.send("GET", "/faces").json()["total_elements"] == 3


@pytest.mark.parametrize("threshold", [0.2, 0.35, 0.6])
def test_scale_is_half_at_the_threshold_and_rises_with_the_similarity(threshold: float) -> None:
    assert scaled(threshold, threshold) == 0.5
    told = [scaled(similarity, threshold) for similarity in np.linspace(-1, 1, 21)]
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] < 1
