"""Which face is meant, and which photos do not count: several faces, covers, copies."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.vision.image import Image, decode_image
from benchmarks.drawn_covers import draw_glasses, draw_mask

if TYPE_CHECKING:
    from tests.api.conftest import Service

ANNA, BERT, CARL = "anna", "bert", "carl"
_SIDE = (400, 500)
People = dict[str, list[bytes]]
Encode = Callable[..., bytes]


@pytest.fixture
def service(module_service: "Service") -> Iterator["Service"]:
    """The file's service; whoever a test registers is gone after it."""
    yield module_service
    for user in module_service.client.get("/v1/users").json()["items"]:
        assert module_service.client.delete(f"/v1/users/{user['user_id']}").status_code == 204


def _picture(photo: bytes) -> PillowImage.Image:
    return PillowImage.fromarray(decode_image(photo))


def _beside(left: bytes, right: bytes, encode: Encode) -> bytes:
    """Two photos as one, each so large."""
    page = PillowImage.new("RGB", (2 * _SIDE[0], _SIDE[1]))
    for place, photo in enumerate((left, right)):
        page.paste(_picture(photo).resize(_SIDE), (place * _SIDE[0], 0))
    return encode(page, "PNG")


def _names(service: "Service", *photos: bytes) -> list[str | None]:
    return [service.identify(photo).json()["faces"][0]["user_id"] for photo in photos]


def test_the_one_whom_the_other_photos_show_is_taken_when_a_photo_shows_two(
    service: "Service", people: People, encode: Encode
) -> None:
    anna, bert = people[ANNA], people[BERT]
    with_bystander = _picture(anna[2])
    small = _picture(bert[0]).resize((with_bystander.width // 6, with_bystander.height // 6))
    with_bystander.paste(small, (0, 0))
    photos = [anna[0], encode(with_bystander, "PNG"), _beside(bert[3], anna[3], encode)]
    answer = service.register("anna", photos)
    assert answer.status_code == 201, answer.text
    (box,) = answer.json()["photos"][2]["boxes"]
    assert box["x"] > _SIDE[0]

    more = service.client.post(
        "/v1/users/anna/photos", files={"photos": _beside(anna[4], bert[4], encode)}
    )
    assert more.status_code == 201, more.text
    (box,) = more.json()["photos"][0]["boxes"]
    assert box["x"] + box["width"] < _SIDE[0]
    assert _names(service, anna[5], bert[5]) == ["anna", None]


def test_refusal_lists_the_boxes_to_choose_from_when_no_photo_tells(
    service: "Service", people: People, encode: Encode
) -> None:
    photos = [_beside(people[ANNA][i], people[BERT][i], encode) for i in range(3)]
    refused = service.register("anna", photos)
    service.assert_problem(refused, 422, "too_few_photos")
    reports = refused.json()["photos"]
    assert [report["reason"] for report in reports] == ["multiple_faces"] * 3
    assert [len(report["boxes"]) for report in reports] == [2, 2, 2]

    chosen = [
        _box(report["index"], min(report["boxes"], key=lambda box: float(box["x"])))
        for report in reports
    ]
    answer = service.register("anna", photos, box=chosen)
    assert answer.status_code == 201, answer.text
    assert _names(service, people[ANNA][5], people[BERT][5]) == ["anna", None]


def _box(photo: int, box: dict[str, float]) -> str:
    sides = ", ".join(f'"{name}": {value}' for name, value in box.items())
    return f'{{"photo": {photo}, {sides}}}'


def test_rule_decides_when_a_photo_shows_two(
    service: "Service", people: People, encode: Encode
) -> None:
    anna, bert = people[ANNA], people[BERT]
    pair = _beside(anna[3], bert[3], encode)
    only = service.register("anna", [*anna[:3], pair], face="only")
    assert [photo["reason"] for photo in only.json()["photos"]][3] == "multiple_faces"
    found = service.identify(pair).json()["faces"]
    photos = [pair, *(anna if found[0]["box"]["x"] < _SIDE[0] else bert)[:2]]
    largest = service.register("largest", photos, face="largest", allow_duplicate="true")
    assert largest.json()["photos"][0]["boxes"] == [found[0]["box"]]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"box": ['{"photo": 3, "x": 1, "y": 1, "width": 9, "height": 9}']}, "photo 3"),
        ({"box": ['{"photo": 0, "x": 1, "y": 1, "width": 9, "height": 9}'] * 2}, "one box"),
        ({"box": ['{"photo": 0, "x": 1, "y": 1, "width": 0, "height": 9}']}, "greater than 0"),
        ({"face": "largest", "detect": "false"}, "leave out face and boxes"),
        ({"face": "smallest"}, "'largest' or 'only'"),
    ],
)
def test_choice_is_refused_when_it_makes_no_sense(
    service: "Service", people: People, fields: dict[str, Any], sentence: str
) -> None:
    answer = service.register("anna", people[ANNA][:3], **fields)
    service.assert_problem(answer, 422, "invalid_request")
    assert sentence in str(answer.json())


def test_one_photo_counts_once_when_it_is_saved_in_several_ways(
    service: "Service", people: People, encode: Encode
) -> None:
    picture = _picture(people[ANNA][0])
    half = picture.resize((picture.width // 2, picture.height // 2), PillowImage.Resampling.BOX)
    ways = [encode(picture, "JPEG", quality=30), encode(half, "JPEG", quality=80)]
    refused = service.register("anna", [people[ANNA][0], *ways])
    service.assert_problem(refused, 422, "too_few_photos")
    reasons = [photo["reason"] for photo in refused.json()["photos"]]
    assert reasons == [None, "duplicate_photo", "duplicate_photo"]

    assert service.register("anna", people[ANNA][:4]).json()["user"]["photo_count"] == 4
    more = service.client.post("/v1/users/anna/photos", files={"photos": ways[0]})
    service.assert_problem(more, 422, "too_few_photos")
    assert [photo["reason"] for photo in more.json()["photos"]] == ["duplicate_photo"]


@pytest.mark.parametrize("cover", ["mask", "glasses"])
def test_face_is_refused_when_a_part_of_it_is_hidden(
    service: "Service", people: People, encode: Encode, cover: str
) -> None:
    bert = people[BERT]
    covered = [encode(_covered(service, bert[i], cover), "PNG") for i in (1, 3, 5)]
    answer = service.register("bert", [*covered, *bert[:5:2]])
    assert answer.status_code == 201, answer.text
    reasons = [photo["reason"] for photo in answer.json()["photos"]]
    assert reasons == ["face_covered"] * 3 + [None] * 3
    assert "Take off" in answer.json()["photos"][0]["detail"]


def _covered(service: "Service", photo: bytes, cover: str) -> Image:
    face = service.identify(photo, max_faces="1").json()["faces"][0]
    draw = {"mask": draw_mask, "glasses": draw_glasses}[cover]
    return draw(decode_image(photo), np.array(face["landmarks"]))
