"""Identification and verification through HTTP, with real people."""

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.vision.image import decode_image

if TYPE_CHECKING:
    from tests.api.conftest import Service

ANNA, BERT = "07263", "07359"
People = dict[str, list[bytes]]
Encode = Callable[..., bytes]


@pytest.fixture(scope="module")
def service(module_service: "Service", people: People) -> "Service":
    """Ten of the twelve people are registered with four photos each."""
    for person in list(people)[:10]:
        answer = module_service.register(person, people[person][:4])
        assert answer.status_code == 201, answer.text
    return module_service


def _shrunk(photo: bytes, face_px: float, service: "Service", encode: Encode) -> bytes:
    """The photo with its largest face `face_px` wide."""
    found = service.identify(photo, max_faces="1").json()["faces"][0]
    picture = PillowImage.fromarray(decode_image(photo))
    scale = face_px / found["face_px"]
    size = (round(picture.width * scale), round(picture.height * scale))
    return encode(picture.resize(size, PillowImage.Resampling.BOX), "PNG")


@pytest.mark.parametrize(("face_px", "recall"), [(None, 0.85), (32, 0.8), (24, 0.6)])
def test_people_are_known_and_strangers_are_not_when_faces_are_small(
    service: "Service", people: People, encode: Encode, face_px: float | None, recall: float
) -> None:
    known, right = 0, 0
    for person, photos in people.items():
        registered = service.client.get(f"/v1/users/{person}").status_code == 200
        for photo in photos[5:]:
            probe = _shrunk(photo, face_px, service, encode) if face_px else photo
            answer = service.identify(probe).json()
            if answer["faces_found"] != 1:
                continue  # somebody else is in the picture too, or nobody is found
            found = answer["faces"][0]["user_id"]
            assert found in {person if registered else None, None}
            known += registered
            right += registered and found == person
    assert known >= 20
    assert right / known >= recall


def test_every_face_is_answered_when_a_photo_shows_several(
    service: "Service", people: People, encode: Encode
) -> None:
    stranger = list(people)[-1]
    page = PillowImage.new("RGB", (1200, 500))
    for index, person in enumerate((ANNA, stranger, BERT)):
        picture = PillowImage.fromarray(decode_image(people[person][5]))
        page.paste(picture.resize((400, 500)), (400 * index, 0))
    answer = service.identify(encode(page, "PNG"), top_k="3").json()
    by_place = sorted(answer["faces"], key=lambda face: face["box"]["x"])
    assert [face["user_id"] for face in by_place] == [ANNA, None, BERT]
    assert answer["faces_found"] == 3
    sizes = [face["face_px"] for face in answer["faces"]]
    assert sizes == sorted(sizes, reverse=True)
    for face in answer["faces"]:
        first, second, third = face["candidates"]
        assert face["similarity"] == first["similarity"] >= second["similarity"]
        assert second["similarity"] >= third["similarity"]
        assert face["margin"] == pytest.approx(first["similarity"] - second["similarity"])
        assert face["route"] == "direct"
        assert face["threshold"] == 0.35
        assert len(face["landmarks"]) == 5
        assert set(face["quality"]) == {
            "sharpness",
            "brightness",
            "yaw_deg",
            "pitch_deg",
            "roll_deg",
            "detection_score",
        }
    assert set(answer["timings_ms"]) == {"decode", "detect", "align", "embed", "search"}
    version = service.client.get("/version").json()
    assert (answer["bundle"], answer["space"]) == (version["bundle"], version["space"])
    largest = service.identify(encode(page, "PNG"), max_faces="1").json()
    assert len(largest["faces"]) == 1
    assert largest["faces_found"] == 3
    assert largest["faces"][0]["face_px"] == sizes[0]


def test_stranger_has_no_name_when_nothing_is_said_of_candidates(
    service: "Service", people: People
) -> None:
    answer = service.identify(people[list(people)[-1]][5])
    face = answer.json()["faces"][0]
    assert (face["user_id"], face["candidates"]) == (None, [])
    assert not any(person in answer.text for person in people)


def test_threshold_decides_when_the_request_has_its_own(service: "Service", people: People) -> None:
    similarity = service.identify(people[ANNA][5]).json()["faces"][0]["similarity"]
    for threshold, user_id in ((similarity - 0.01, ANNA), (similarity + 0.01, None)):
        face = service.identify(people[ANNA][5], threshold=str(threshold)).json()["faces"][0]
        assert face["user_id"] == user_id
        assert face["threshold"] == pytest.approx(threshold)


def test_frames_together_say_more_when_they_are_pooled(
    service: "Service", people: People, encode: Encode
) -> None:
    frames = [_shrunk(photo, 24, service, encode) for photo in people[ANNA][4:]]
    answer = service.identify(*frames, same_person="true").json()
    assert [face["photo"] for face in answer["faces"]] == [0, 1, 2, 3]
    assert answer["pooled"]["user_id"] == ANNA
    alone = [face["similarity"] for face in answer["faces"]]
    assert answer["pooled"]["similarity"] > np.mean(alone)
    assert answer["pooled"]["margin"] > 0


def test_crop_is_identified_when_it_is_one_already(
    service: "Service", people: People, encode: Encode
) -> None:
    box = service.identify(people[ANNA][5]).json()["faces"][0]["box"]
    middle_x, middle_y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    half = box["width"] / 2 * 1.1
    corners = (middle_x - half, middle_y - half, middle_x + half, middle_y + half)
    crop = PillowImage.fromarray(decode_image(people[ANNA][5])).crop(corners).resize((80, 80))
    answer = service.identify(encode(crop, "PNG"), detect="false").json()
    assert answer["faces"][0]["face_px"] == 80
    assert "detect" not in answer["timings_ms"]
    best = service.identify(encode(crop, "PNG"), detect="false", top_k="1").json()
    assert best["faces"][0]["candidates"][0]["user_id"] == ANNA


def test_photo_matches_a_user_when_it_shows_them(service: "Service", people: People) -> None:
    for person, match in ((ANNA, True), (BERT, False)):
        answer = service.client.post(
            "/v1/verify", data={"user_id": ANNA}, files={"photo": people[person][5]}
        ).json()
        assert answer["match"] is match
        assert (answer["similarity"] >= answer["threshold"]) is match
        assert len(answer["faces"]) == 1


def test_two_photos_match_when_they_show_one_person(service: "Service", people: People) -> None:
    for photos in people[ANNA][4:], people[BERT][4:]:
        for photo, other_photo in pairwise(photos):
            files = {"photo": photo, "other_photo": other_photo}
            assert service.client.post("/v1/verify", files=files).json()["match"] is True
    files = {"photo": people[ANNA][5], "other_photo": people[BERT][5]}
    answer = service.client.post("/v1/verify", files=files, data={"threshold": "0.9"}).json()
    assert answer["match"] is False
    assert answer["threshold"] == 0.9
    assert len(answer["faces"]) == 2
