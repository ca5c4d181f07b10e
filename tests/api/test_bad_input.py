"""Bad input gets a clear problem document and changes nothing (issue 2, "Bad input")."""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.services.keys import Scope
from app.vision.image import decode_image

if TYPE_CHECKING:
    import httpx2

    from tests.api.conftest import Service

ANNA, BERT = "07263", "07359"
People = dict[str, list[bytes]]
Encode = Callable[..., bytes]


@pytest.fixture
def service(module_service: "Service") -> Iterator["Service"]:
    """The file's service, which must have the same rows after the test as before."""
    before = module_service.rows()
    yield module_service
    assert module_service.rows() == before


def _assert_problem(answer: "httpx2.Response", status: int, code: str) -> None:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:farsight:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]


def _png_header(width: int, height: int) -> bytes:
    """A PNG that announces its size and has no pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def _six_faces(people: People) -> PillowImage.Image:
    page = PillowImage.new("RGB", (6 * 300, 400))
    alone = ("07252", "07263", "07317", "07359", "07369", "07408")
    for index, person in enumerate(alone):
        picture = PillowImage.fromarray(decode_image(people[person][2])).resize((300, 400))
        page.paste(picture, (300 * index, 0))
    return page


UNREADABLE: dict[str, Callable[[People], bytes]] = {
    "empty file": lambda people: b"",
    "text renamed .jpg": lambda people: b"Dear photo, I am a text.",
    "truncated JPEG": lambda people: people[ANNA][0][: len(people[ANNA][0]) // 2],
    "garbage behind a JPEG's first bytes": lambda people: people[ANNA][0][:4] + bytes(1000),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_photo_is_refused_when_it_cannot_be_read(
    service: "Service", people: People, what: str
) -> None:
    photo = UNREADABLE[what](people)
    _assert_problem(service.identify(photo), 422, "unreadable_image")
    verified = service.client.post(
        "/v1/verify", files={"photo": photo, "other_photo": people[ANNA][0]}
    )
    _assert_problem(verified, 422, "unreadable_image")
    registered = service.register("anna", [photo, *people[ANNA][:2]])
    _assert_problem(registered, 422, "too_few_photos")
    assert registered.json()["photos"][0]["reason"] == "unreadable_image"


def test_photo_is_refused_when_its_header_announces_too_many_pixels(
    service: "Service", people: People
) -> None:
    photo = _png_header(30_000, 30_000)
    _assert_problem(service.identify(photo), 413, "image_too_large")
    registered = service.register("anna", [photo, *people[ANNA][:2]])
    _assert_problem(registered, 422, "too_few_photos")
    assert registered.json()["photos"][0]["reason"] == "image_too_large"


def test_photo_is_refused_when_it_has_too_many_bytes(service: "Service") -> None:
    _assert_problem(service.identify(bytes(20_000_001)), 413, "image_too_large")


@pytest.mark.parametrize("announced", [True, False])
def test_upload_of_200_mb_is_refused_before_it_is_read_whole(
    service: "Service", announced: bool
) -> None:
    boundary = "b"
    sent_bytes = 0

    def body() -> Iterator[bytes]:
        nonlocal sent_bytes
        yield (
            b'--b\r\nContent-Disposition: form-data; name="photos"; filename="a"\r\n'
            b"Content-Type: image/jpeg\r\n\r\n"
        )
        for _ in range(200):
            sent_bytes += 1_000_000
            yield bytes(1_000_000)
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    if announced:
        headers["Content-Length"] = "200000200"
    answer = service.client.post("/v1/identify", content=body(), headers=headers)
    _assert_problem(answer, 413, "body_too_large")


def test_nobody_is_found_when_the_image_is_one_pixel(
    service: "Service", people: People, encode: Encode
) -> None:
    photo = encode(np.zeros((1, 1, 3), np.uint8), "PNG")
    answer = service.identify(photo)
    assert answer.status_code == 200
    assert answer.json()["faces"] == []
    registered = service.register("anna", [photo, *people[ANNA][:2]])
    _assert_problem(registered, 422, "too_few_photos")
    assert registered.json()["photos"][0]["reason"] == "no_face"


def test_nobody_is_registered_or_verified_when_there_is_no_face(
    service: "Service", people: People, encode: Encode
) -> None:
    photo = encode(np.full((300, 300, 3), 200, np.uint8), "JPEG")
    assert service.identify(photo).json()["faces"] == []
    pooled = service.identify(photo, same_person="true").json()
    assert (pooled["faces"], pooled["pooled"]) == ([], None)
    registered = service.register("anna", [photo, *people[ANNA][:2]])
    _assert_problem(registered, 422, "too_few_photos")
    assert registered.json()["photos"][0]["reason"] == "no_face"
    files = {"photo": people[ANNA][0], "other_photo": photo}
    verified = service.client.post("/v1/verify", files=files)
    _assert_problem(verified, 422, "no_face")
    assert verified.json()["photo"] == 1


def test_photo_is_refused_when_it_shows_six_faces_at_registration(
    service: "Service", people: People, encode: Encode
) -> None:
    photo = encode(_six_faces(people), "JPEG", quality=95)
    found = service.identify(photo).json()
    assert found["faces_found"] == len(found["faces"]) == 6
    registered = service.register("anna", [photo, *people[ANNA][:2]])
    _assert_problem(registered, 422, "too_few_photos")
    assert registered.json()["photos"][0]["reason"] == "multiple_faces"


def _rotated_by_exif(picture: PillowImage.Image, encode: Encode) -> bytes:
    exif = PillowImage.Exif()
    exif[274] = 6  # stored lying on its side: turn it right to look at it
    lying = picture.transpose(PillowImage.Transpose.ROTATE_90)
    return encode(lying, "JPEG", quality=95, exif=exif)


UNUSUAL: dict[str, Callable[[PillowImage.Image, Encode], bytes]] = {
    "CMYK": lambda picture, encode: encode(picture.convert("CMYK"), "JPEG", quality=95),
    "grey": lambda picture, encode: encode(picture.convert("L"), "JPEG", quality=95),
    "16-bit PNG": lambda picture, encode: encode(
        PillowImage.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257), "PNG"
    ),
    "alpha": lambda picture, encode: encode(picture.convert("RGBA"), "PNG"),
    "animated GIF": lambda picture, encode: encode(
        picture, "GIF", save_all=True, append_images=[PillowImage.new("RGB", picture.size)]
    ),
    "WebP": lambda picture, encode: encode(picture, "WEBP", quality=95),
    "BMP": lambda picture, encode: encode(picture, "BMP"),
    "EXIF-rotated": _rotated_by_exif,
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_face_is_the_same_when_the_photo_is_of_an_unusual_kind(
    service: "Service", people: People, encode: Encode, what: str
) -> None:
    plain = people[ANNA][0]
    unusual = UNUSUAL[what](PillowImage.fromarray(decode_image(plain)), encode)
    verified = service.client.post("/v1/verify", files={"photo": plain, "other_photo": unusual})
    assert verified.status_code == 200
    assert verified.json()["similarity"] > 0.85
    first, second = (face["box"] for face in verified.json()["faces"])
    assert all(abs(first[side] - second[side]) < 10 for side in first)


def test_user_is_not_found_when_unknown(service: "Service", people: People) -> None:
    path = "/v1/users/nobody"
    for answer in (
        service.client.get(path),
        service.client.patch(path, json={"display_name": "x"}),
        service.client.delete(path),
        service.client.post(f"{path}/photos", files={"photos": people[ANNA][0]}),
        service.client.delete(f"{path}/photos/00000000-0000-0000-0000-000000000000"),
        service.client.post(
            "/v1/verify", data={"user_id": "nobody"}, files={"photo": people[ANNA][0]}
        ),
    ):
        _assert_problem(answer, 404, "user_not_found")


@pytest.mark.parametrize(
    "user_id", ["", "-", ".hidden", "a b", "a/b", "ä", "a" * 65, "a\n", "a\x00", "../../etc/passwd"]
)
def test_registration_is_refused_when_the_user_id_is_bad(
    service: "Service", people: People, user_id: str
) -> None:
    answer = service.register(user_id, people[ANNA][:3])
    _assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == "body.user_id"
    assert len(user_id) < 3 or user_id not in answer.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", "a" * 201),
        ("display_name", "line\nbreak"),
        ("metadata", "not json"),
        ("metadata", "[1]"),
        ("metadata", '{"a": {"b": 1}}'),
        ("metadata", '{"a": NaN}'),
        ("metadata", f'{{"a": {10**30}}}'),
        ("metadata", '{"a": "' + "x" * 501 + '"}'),
        ("metadata", "{" + ",".join(f'"{index}": 1' for index in range(33)) + "}"),
        ("allow_duplicate", "perhaps"),
    ],
)
def test_registration_is_refused_when_a_field_is_bad(
    service: "Service", people: People, field: str, value: str
) -> None:
    answer = service.register("anna", people[ANNA][:3], **{field: value})
    _assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == f"body.{field}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", "7"),
        ("threshold", "-0.1"),
        ("threshold", "nan"),
        ("top_k", "-1"),
        ("top_k", "1000000"),
        ("max_faces", "0"),
        ("detect", "maybe"),
    ],
)
def test_identification_is_refused_when_an_option_is_bad(
    service: "Service", people: People, field: str, value: str
) -> None:
    answer = service.identify(people[ANNA][0], **{field: value})
    _assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == f"body.{field}"


def test_twenty_one_photos_are_refused_before_one_is_read(
    service: "Service", people: People
) -> None:
    photos = [people[ANNA][0]] * 21
    for answer in (
        service.register("anna", photos),
        service.identify(*photos, same_person="true"),
    ):
        _assert_problem(answer, 422, "too_many_photos")
        assert answer.json()["max_photos"] == 20


def test_several_photos_are_refused_when_they_are_not_said_to_show_one_person(
    service: "Service", people: People
) -> None:
    _assert_problem(service.identify(*people[ANNA][:2]), 422, "invalid_request")


@pytest.mark.parametrize("fields", [[], ["user_id", "other_photo"]])
def test_verification_is_refused_when_it_is_not_told_with_what(
    service: "Service", people: People, fields: list[str]
) -> None:
    files = {"photo": people[ANNA][0]} | dict.fromkeys(fields[1:], people[ANNA][1])
    data = dict.fromkeys(fields[:1], "anna")
    answer = service.client.post("/v1/verify", data=data, files=files)
    _assert_problem(answer, 422, "invalid_request")


def test_request_is_refused_when_its_body_is_no_form(service: "Service") -> None:
    for content_type, content in (
        ("multipart/form-data; boundary=x", b"no such boundary"),
        ("multipart/form-data", b"no boundary at all"),
    ):
        headers = {"Content-Type": content_type}
        answer = service.client.post("/v1/users", content=content, headers=headers)
        _assert_problem(answer, 400, "bad_request")
    as_json = service.client.post("/v1/users", json={"user_id": "anna"})
    _assert_problem(as_json, 422, "invalid_request")
    for content in (b'{"metadata": ', b'{"metadata": {"a": ' + b"9" * 5000 + b"}}"):
        headers = {"Content-Type": "application/json"}
        answer = service.client.patch("/v1/users/anna", content=content, headers=headers)
        assert answer.status_code in {400, 422}
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer fs_000000000000_" + "0" * 64},
        {"Authorization": "Bearer fs__"},
    ],
)
def test_caller_is_refused_when_the_key_is_wrong(
    service: "Service", people: People, headers: dict[str, str]
) -> None:
    answer = service.client.get("/v1/users", headers=headers)
    _assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_body_is_not_read_when_the_key_is_wrong(service: "Service") -> None:
    def body() -> Iterator[bytes]:
        yield b"--b\r\n"
        raise AssertionError("the body was read on")

    answer = service.client.post(
        "/v1/identify",
        content=body(),
        headers={"Authorization": "Bearer x", "Content-Type": "multipart/form-data; boundary=b"},
    )
    _assert_problem(answer, 401, "unauthenticated")


def test_nothing_is_at_unknown_addresses_and_methods(service: "Service") -> None:
    _assert_problem(service.client.get("/v1/nothing"), 404, "not_found")
    for path, allowed in (
        ("/v1/users", "GET, POST"),
        ("/v1/users/anna", "DELETE, GET, PATCH"),
        ("/v1/identify", "POST"),
        ("/livez", "GET"),
    ):
        answer = service.client.put(path)
        _assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


def test_list_is_refused_when_the_cursor_is_not_one_of_ours(service: "Service") -> None:
    for cursor in ("abc", "-", "ä", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"):
        answer = service.client.get("/v1/users", params={"cursor": cursor})
        _assert_problem(answer, 422, "invalid_request")


SCOPES = {
    Scope.ENROLL: [
        ("POST", "/v1/users"),
        ("GET", "/v1/users"),
        ("GET", "/v1/users/anna"),
        ("PATCH", "/v1/users/anna"),
        ("DELETE", "/v1/users/anna"),
        ("POST", "/v1/users/anna/photos"),
        ("DELETE", "/v1/users/anna/photos/00000000-0000-0000-0000-000000000000"),
    ],
    Scope.IDENTIFY: [("POST", "/v1/identify"), ("POST", "/v1/verify")],
}
_VALID: dict[str, dict[str, Any]] = {
    "POST": {"data": {"user_id": "anna"}, "files": {"photos": b"x", "photo": b"x"}},
    "PATCH": {"json": {}},
}


@pytest.fixture(scope="module")
def narrow_keys(module_service: "Service") -> dict[Scope, dict[str, str]]:
    """For every scope, a key that has all the others."""
    return {
        missing: module_service.key(*(scope for scope in Scope if scope != missing))
        for missing in Scope
    }


@pytest.mark.parametrize("scope", SCOPES)
def test_caller_is_refused_when_the_scope_is_missing(
    narrow_keys: dict[Scope, dict[str, str]], service: "Service", scope: Scope
) -> None:
    for method, path in SCOPES[scope]:
        answer = service.client.request(
            method, path, headers=narrow_keys[scope], **_VALID.get(method, {})
        )
        _assert_problem(answer, 403, "missing_scope")
        assert answer.json()["scope"] == scope


def test_every_operation_of_v1_is_in_the_list_of_scopes(service: "Service") -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    operations = [
        (method.upper(), path)
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/v1/")
    ]
    listed = [
        (
            method,
            path.replace("00000000-0000-0000-0000-000000000000", "{photo_id}").replace(
                "/anna", "/{user_id}"
            ),
        )
        for of_scope in SCOPES.values()
        for method, path in of_scope
    ]
    assert sorted(operations) == sorted(listed)
    assert len(operations) == 9
