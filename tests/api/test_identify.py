"""Identification and verification through HTTP, with real people."""

import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.gallery.gallery import Match
from app.services import search as search_module
from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.bundle import write_bundle
from app.vision.image import decode_image
from app.vision.published import published_bundle, read_published
from tests.api.conftest import running

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

ANNA, BERT = "anna", "bert"
People = dict[str, list[bytes]]
Encode = Callable[..., bytes]
Known = tuple["Service", People]


def _register_ten(service: "Service", people: People) -> "Service":
    for person in list(people)[:10]:
        answer = service.register(person, people[person][:4])
        assert answer.status_code == 201, answer.text
    return service


@pytest.fixture(scope="module")
def service(module_service: "Service", people: People) -> "Service":
    """Ten of the twelve people are registered with four photos each."""
    return _register_ten(module_service, people)


@pytest.fixture(scope="module")
def research(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    """Research photos, the published weights, YuNet."""
    people = {
        folder.name: [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
        for folder in sorted((shared / "photos").iterdir())
    }
    assert [len(photos) for photos in people.values()] == [8] * 12
    folder = tmp_path_factory.mktemp("research")
    bundle = published_bundle(read_published(shared / "weights" / "edgeface_xxs_q.pt"))
    write_bundle(folder, bundle.manifest, bundle.files)
    settings = Settings(
        bundles=folder,
        bundle=bundle.manifest.name,
        detectors=shared / "weights",
        detector="yunet",
        database=DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/farsight.db"),
    )
    with running(settings) as service:
        yield _register_ten(service, people), people


@pytest.fixture(
    scope="module", params=["samples", pytest.param("research", marks=pytest.mark.research)]
)
def known(request: pytest.FixtureRequest) -> Known:
    """A service that knows ten of twelve people."""
    if request.param == "samples":
        return request.getfixturevalue("service"), request.getfixturevalue("people")
    found: Known = request.getfixturevalue("research")
    return found


def _shrunk(photo: bytes, face_px: float, service: "Service", encode: Encode) -> bytes:
    """The photo with its largest face `face_px` wide."""
    found = service.identify(photo, max_faces="1").json()["faces"][0]
    picture = PillowImage.fromarray(decode_image(photo))
    scale = face_px / found["face_px"]
    size = (round(picture.width * scale), round(picture.height * scale))
    return encode(picture.resize(size, PillowImage.Resampling.BOX), "PNG")


def test_answer_is_the_same_when_the_gallery_is_too_large_to_be_searched_on_the_event_loop(
    service: "Service", people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = people[ANNA][5]
    (before,) = service.identify(photo, top_k="3").json()["faces"]
    threads: list[int] = []
    gallery = service.graph.current.serving.gallery
    search = type(gallery).search

    def noting(*args: Any) -> list[Match]:
        threads.append(threading.get_ident())
        return search(*args)

    monkeypatch.setattr(type(gallery), "search", noting)
    service.identify(photo)
    monkeypatch.setattr(search_module, "_QUICK_ROWS", len(gallery) - 1)
    (after,) = service.identify(photo, top_k="3").json()["faces"]
    on_the_loop, elsewhere = threads
    assert on_the_loop != elsewhere
    assert [each["user_id"] for each in after["candidates"]] == [
        each["user_id"] for each in before["candidates"]
    ]
    assert after["similarity"] == pytest.approx(before["similarity"], abs=1e-4)


@pytest.mark.parametrize(("face_px", "recall"), [(None, 0.85), (32, 0.8), (24, 0.6)])
def test_people_are_known_and_strangers_are_not_when_faces_are_small(
    known: Known, encode: Encode, face_px: float | None, recall: float
) -> None:
    service, people = known
    asked, right = 0, 0
    for person, photos in people.items():
        registered = service.client.get(f"/v1/users/{person}").status_code == 200
        for photo in photos[5:]:
            probe = _shrunk(photo, face_px, service, encode) if face_px else photo
            answer = service.identify(probe).json()
            if answer["faces_found"] != 1:
                continue  # somebody else is in the picture too, or nobody is found
            found = answer["faces"][0]["user_id"]
            assert found in {person if registered else None, None}
            asked += registered
            right += registered and found == person
    assert asked >= 20
    assert right / asked >= recall


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
    pages = [service.identify(encode(page, "PNG"), max_faces="2", skip_faces=skip) for skip in "02"]
    boxes = [face["box"] for of in pages for face in of.json()["faces"]]
    assert boxes == [face["box"] for face in answer["faces"]]
    assert [of.json()["faces_found"] for of in pages] == [3, 3]


def test_stranger_has_no_name_when_nothing_is_said_of_candidates(
    service: "Service", people: People
) -> None:
    answer = service.identify(people[list(people)[-1]][5])
    face = answer.json()["faces"][0]
    assert (face["user_id"], face["candidates"]) == (None, [])
    assert not any(f'"{person}"' in answer.text for person in people)


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
    widths = [decode_image(frame).shape[1] for frame in frames]
    assert [photo["width_px"] for photo in answer["photos"]] == widths
    assert [face["photo"] for face in answer["faces"]] == [0, 1, 2, 3]
    assert answer["pooled"]["user_id"] == ANNA
    alone = [face["similarity"] for face in answer["faces"]]
    assert answer["pooled"]["similarity"] > np.mean(alone)
    assert answer["pooled"]["margin"] > 0


def test_nobody_is_named_when_pooled_photos_are_of_two_people(
    service: "Service", people: People
) -> None:
    alone = service.identify(people[ANNA][4], same_person="true").json()["pooled"]
    assert (alone["user_id"], alone["consistent"], alone["outliers"]) == (ANNA, True, [])
    two = service.identify(people[ANNA][4], people[BERT][4], same_person="true").json()
    assert [face["user_id"] for face in two["faces"]] == [ANNA, BERT]
    assert two["pooled"]["user_id"] is None
    assert two["pooled"]["consistent"] is False
    assert two["pooled"]["outliers"] == [0, 1]


def test_the_stranger_among_pooled_photos_is_named_when_most_are_of_one_person(
    service: "Service", people: People
) -> None:
    frames = [people[ANNA][4], people[BERT][4], people[ANNA][5], people[ANNA][6]]
    pooled = service.identify(*frames, same_person="true").json()["pooled"]
    assert (pooled["consistent"], pooled["outliers"]) == (False, [1])
    assert pooled["user_id"] == (ANNA if pooled["margin"] >= 0.3 else None)


def test_damaged_frame_is_named_when_the_others_are_enough(
    service: "Service", people: People
) -> None:
    cut_off = people[ANNA][5][:200]
    answer = service.identify(people[ANNA][4], cut_off, people[ANNA][6], same_person="true")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["pooled"]["user_id"] == ANNA
    assert [face["photo"] for face in found["faces"]] == [0, 2]
    errors = [photo["error"] and photo["error"]["code"] for photo in found["photos"]]
    assert errors == [None, "unreadable_image", None]
    assert found["photos"][1]["width_px"] is None

    none_left = service.identify(cut_off, cut_off, same_person="true")
    service.assert_problem(none_left, 422, "unreadable_image")
    assert none_left.json()["photo"] == 0
    verified = service.client.post(
        "/v1/verify", files={"photo": people[ANNA][4], "other_photo": cut_off}
    )
    service.assert_problem(verified, 422, "unreadable_image")
    assert verified.json()["photo"] == 1


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
    assert answer["photos"] == [
        {
            "width_px": 80,
            "height_px": 80,
            "rotation_deg": 0,
            "searched_from_px": None,
            "faces_found": 1,
            "warnings": [],
            "error": None,
        }
    ]
    best = service.identify(encode(crop, "PNG"), detect="false", top_k="1").json()
    assert best["faces"][0]["candidates"][0]["user_id"] == ANNA


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_person_is_known_when_the_photo_lies_turned(
    service: "Service", people: People, encode: Encode, degrees: int
) -> None:
    pixels = decode_image(people[ANNA][5])
    turned = np.ascontiguousarray(np.rot90(pixels, degrees // 90))  # against the clock
    answer = service.identify(encode(turned, "PNG")).json()
    height, width = turned.shape[:2]
    assert answer["photos"] == [
        {
            "width_px": width,
            "height_px": height,
            "rotation_deg": degrees,
            "searched_from_px": 16.0,
            "faces_found": 1,
            "warnings": [],
            "error": None,
        }
    ]
    (face,) = answer["faces"]
    assert face["user_id"] == ANNA
    (upright,) = service.identify(encode(pixels, "PNG")).json()["faces"]
    assert face["similarity"] == pytest.approx(upright["similarity"], abs=0.1)
    # Told in the photo as it is: the same places, turned with it.
    height, width = pixels.shape[:2]
    points = np.array(upright["landmarks"])
    for _ in range(degrees // 90):
        points = np.stack([points[:, 1], width - points[:, 0]], axis=1)
        height, width = width, height
    apart_px = np.linalg.norm(points - face["landmarks"], axis=1)
    assert apart_px.max() < 0.08 * upright["face_px"]
    box = face["box"]
    nose_x, nose_y = points[2]
    assert box["x"] < nose_x < box["x"] + box["width"]
    assert box["y"] < nose_y < box["y"] + box["height"]


def test_faces_below_the_size_asked_for_are_not_told(
    service: "Service", people: People, encode: Encode
) -> None:
    page = PillowImage.new("RGB", (700, 500))
    page.paste(PillowImage.fromarray(decode_image(people[ANNA][5])).resize((400, 500)))
    small = PillowImage.open(BytesIO(_shrunk(people[BERT][5], 24, service, encode)))
    page.paste(small, (550, 200))
    photo = encode(page, "PNG")
    both = service.identify(photo).json()
    assert both["photos"][0]["searched_from_px"] == 16.0
    assert {ANNA, BERT} <= {face["user_id"] for face in both["faces"]}
    large = service.identify(photo, min_face_px="80").json()
    assert large["photos"][0]["searched_from_px"] == 80.0
    assert [face["user_id"] for face in large["faces"]] == [ANNA]


def test_large_photo_is_searched_for_smaller_faces_when_they_are_asked_for(
    service: "Service", people: People, encode: Encode
) -> None:
    page = PillowImage.new("RGB", (3000, 2000), (90, 90, 90))
    for index, photos in enumerate(list(people.values())[:6]):
        small = PillowImage.open(BytesIO(_shrunk(photos[5], 12, service, encode)))
        page.paste(small, (300 + 450 * index, 700 + 100 * index))
    photo = encode(page, "PNG")
    usual = service.identify(photo).json()
    assert 16 < usual["photos"][0]["searched_from_px"] < 18  # what the budget leaves
    asked = service.identify(photo, min_face_px="12").json()
    assert asked["photos"][0]["searched_from_px"] == 12.0
    assert 5 <= asked["faces_found"] <= 6


def test_smallest_size_is_told_when_the_photo_is_too_large_for_the_one_asked_for(
    settings: Settings, people: People, encode: Encode, run_service: "RunService"
) -> None:
    tight = settings.model_copy(update={"detection": {"max_budget_px": 300_000}})
    photo = encode(PillowImage.fromarray(decode_image(people[ANNA][5])).resize((640, 480)), "PNG")
    with run_service(tight) as service:
        refused = service.identify(photo, min_face_px="20")
        service.assert_problem(refused, 422, "invalid_request")
        smallest_px = refused.json()["min_face_px"]
        assert smallest_px == 20.3
        assert "20.3 px" in refused.json()["detail"]
        taken = service.identify(photo, min_face_px=str(smallest_px))
        assert taken.json()["photos"][0]["searched_from_px"] == pytest.approx(smallest_px)


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
