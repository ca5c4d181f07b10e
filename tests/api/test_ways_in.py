"""Photos in a form, as JSON with base64, or alone: the same answers, limits and sentences."""

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from app.setting_groups import LimitSettings
from app.settings import Settings

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

ANNA = "anna"
People = dict[str, list[bytes]]


@pytest.fixture
def service(unchanged_service: "Service") -> "Service":
    return unchanged_service


def base64(photo: bytes) -> str:
    return b64encode(photo).decode()


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "timings_ms"}


def test_answer_is_the_same_when_a_photo_comes_in_any_of_the_ways(
    service: "Service", people: People
) -> None:
    photo = people[ANNA][0]
    in_form = service.identify(photo, top_k="2")
    assert in_form.status_code == 200
    assert in_form.json()["faces"]
    data_url = f"data:image/jpeg;base64,{base64(photo)}"
    for answer in (
        service.client.post("/v1/identify", json={"photos": [base64(photo)], "top_k": 2}),
        service.client.post("/v1/identify", json={"photos": data_url, "top_k": 2}),
        service.client.post(
            "/v1/identify",
            params={"top_k": "2"},
            content=photo,
            headers={"Content-Type": "image/jpeg"},
        ),
    ):
        assert answer.status_code == 200, answer.text
        assert without_times(answer.json()) == without_times(in_form.json())


def test_two_photos_are_compared_when_they_come_as_json(service: "Service", people: People) -> None:
    one, other = people[ANNA][:2]
    answer = service.client.post(
        "/v1/verify", json={"photo": base64(one), "other_photo": base64(other), "user_id": None}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["match"]


def test_person_is_registered_when_everything_comes_as_json(
    settings: Settings, run_service: "RunService", people: People
) -> None:
    with run_service(settings) as service:
        answer = service.client.post(
            "/v1/users",
            json={
                "user_id": "anna",
                "photos": [base64(photo) for photo in people[ANNA][:3]],
                "metadata": {"door": 3, "guest": False},
                "allow_duplicate": True,
                "box": [],
            },
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["user"]["metadata"] == {"door": 3, "guest": False}
        fourth = service.client.post(
            "/v1/users/anna/photos",
            content=people[ANNA][3],
            headers={"Content-Type": "image/jpeg"},
        )
        assert fourth.status_code == 201, fourth.text
        assert fourth.json()["user"]["photo_count"] == 4


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"photos": ["!!"]}, "photos must be base64 text."),
        ({"photos": [7]}, "photos must be base64 text."),
        ({"photos": "eA==", "treshold": 0.5}, "Did you mean 'threshold'?"),
        ({"photos": "eA==", "threshold": 2}, "threshold must be at most 1."),
        ({"photos": "eA==", "detect": "perhaps"}, "detect must be true or false."),
        ({"photos": "eA==", "x" * 2: {"deep": [1]}}, "There is no field 'xx'."),
        ({"photos": ["eA=="] * 1001}, "At most 1000 values are accepted."),
        ({"top_k": 1}, "photos is missing."),
        (["eA=="], "The body is not a JSON object."),
    ],
)
def test_sentence_tells_what_is_wrong_when_json_with_photos_is(
    service: "Service", sent: object, message: str
) -> None:
    answer = service.client.post("/v1/identify", json=sent)
    service.assert_problem(answer, 422, "invalid_request")
    assert message in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"treshold": "0.5"}, "Did you mean 'threshold'?"),
        ({"threshold": "2"}, "threshold must be at most 1."),
        ({"photos": "x"}, "There is no field 'photos'."),
        ({"top_k": ["1", "2"]}, "top_k is given more than once."),
    ],
)
def test_sentence_tells_what_is_wrong_when_the_query_beside_a_photo_is(
    service: "Service", query: dict[str, str], message: str
) -> None:
    headers = {"Content-Type": "image/png"}
    answer = service.client.post("/v1/identify", params=query, content=b"x", headers=headers)
    service.assert_problem(answer, 422, "invalid_request")
    assert message in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "media_type", "right"),
    [
        (
            "POST",
            "/v1/identify",
            "text/plain",
            "multipart/form-data or image/* or application/json",
        ),
        ("POST", "/v1/identify", "", "multipart/form-data or image/* or application/json"),
        ("POST", "/v1/identify", "application/x-www-form-urlencoded", "multipart/form-data or"),
        ("POST", "/v1/gallery/import", "application/json", "multipart/form-data"),
        ("POST", "/v1/admin/reload", "image/jpeg", "application/json"),
        ("PATCH", "/v1/users/anna", "text/json", "application/json"),
    ],
)
def test_answer_is_415_when_a_body_is_of_another_kind(
    service: "Service", method: str, path: str, media_type: str, right: str
) -> None:
    headers = {"Content-Type": media_type}
    answer = service.client.request(method, path, content=b"x", headers=headers)
    service.assert_problem(answer, 415, "unsupported_media_type")
    assert right in answer.json()["detail"]


def test_limits_are_those_of_forms_when_photos_come_otherwise(
    settings: Settings, run_service: "RunService"
) -> None:
    limits = LimitSettings(max_body_bytes=300_000, max_photo_bytes=200_000)
    with run_service(settings.model_copy(update={"limits": limits})) as service:
        for size, status, code in (
            (250_000, 413, "image_too_large"),
            (400_000, 413, "body_too_large"),
        ):
            headers = {"Content-Type": "image/jpeg"}
            answer = service.client.post("/v1/identify", content=bytes(size), headers=headers)
            service.assert_problem(answer, status, code)
        answer = service.client.post("/v1/identify", json={"photos": base64(bytes(210_000))})
        service.assert_problem(answer, 413, "image_too_large")


def test_every_photo_is_answered_when_several_come(service: "Service", people: People) -> None:
    first, second = people[ANNA][0], people["bert"][0]
    answer = service.identify(first, b"no photo", second).json()
    assert [photo["faces_found"] for photo in answer["photos"]] == [1, None, 1]
    assert answer["photos"][1]["error"]["code"] == "unreadable_image"
    assert [face["photo"] for face in answer["faces"]] == [0, 2]
    assert answer["pooled"] is None
