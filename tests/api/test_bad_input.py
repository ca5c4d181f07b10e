"""Bad photos get a clear problem document and change nothing (issue 2, "Bad input")."""

import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.settings import Settings
from app.vision.image import decode_image
from benchmarks.fuzz_files import encoded, run_length_bmp
from tests.vision.icc import display_p3

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

ANNA, BERT = "anna", "bert"
People = dict[str, list[bytes]]
Encode = Callable[..., bytes]


@pytest.fixture
def service(unchanged_service: "Service") -> "Service":
    return unchanged_service


def _png_header(width: int, height: int) -> bytes:
    """A PNG that announces its size and has no pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def _six_faces(people: People) -> PillowImage.Image:
    page = PillowImage.new("RGB", (6 * 300, 400))
    alone = ("carl", "anna", "emil", "bert", "fred", "gina")
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
    service.assert_problem(service.identify(photo), 422, "unreadable_image")
    verified = service.client.post(
        "/v1/verify", files={"photo": photo, "other_photo": people[ANNA][0]}
    )
    service.assert_problem(verified, 422, "unreadable_image")
    registered = service.register("anna", [photo, *people[ANNA][:2]])
    service.assert_problem(registered, 422, "too_few_photos")
    assert registered.json()["photos"][0]["reason"] == "unreadable_image"


def test_photo_is_refused_when_its_header_announces_too_many_pixels(
    service: "Service", people: People
) -> None:
    photo = _png_header(30_000, 30_000)
    service.assert_problem(service.identify(photo), 413, "image_too_large")
    registered = service.register("anna", [photo, *people[ANNA][:2]])
    service.assert_problem(registered, 422, "too_few_photos")
    assert registered.json()["photos"][0]["reason"] == "image_too_large"


def test_photo_is_refused_when_it_has_too_many_bytes(service: "Service") -> None:
    service.assert_problem(service.identify(bytes(20_000_001)), 413, "image_too_large")


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
    service.assert_problem(answer, 413, "body_too_large")


def test_nobody_is_found_when_the_image_is_one_pixel(
    service: "Service", people: People, encode: Encode
) -> None:
    photo = encode(np.zeros((1, 1, 3), np.uint8), "PNG")
    answer = service.identify(photo)
    assert answer.status_code == 200
    assert answer.json()["faces"] == []
    registered = service.register("anna", [photo, *people[ANNA][:2]])
    service.assert_problem(registered, 422, "too_few_photos")
    assert registered.json()["photos"][0]["reason"] == "no_face"


def test_nobody_is_registered_or_verified_when_there_is_no_face(
    service: "Service", people: People, encode: Encode
) -> None:
    photo = encode(np.full((300, 300, 3), 200, np.uint8), "JPEG")
    assert service.identify(photo).json()["faces"] == []
    pooled = service.identify(photo, same_person="true").json()
    assert (pooled["faces"], pooled["pooled"]) == ([], None)
    registered = service.register("anna", [photo, *people[ANNA][:2]])
    service.assert_problem(registered, 422, "too_few_photos")
    assert registered.json()["photos"][0]["reason"] == "no_face"
    files = {"photo": people[ANNA][0], "other_photo": photo}
    verified = service.client.post("/v1/verify", files=files)
    service.assert_problem(verified, 422, "no_face")
    assert verified.json()["photo"] == 1


def test_photo_is_refused_when_it_shows_six_faces_at_registration(
    service: "Service", people: People, encode: Encode
) -> None:
    photo = encode(_six_faces(people), "JPEG", quality=95)
    found = service.identify(photo).json()
    assert found["faces_found"] == len(found["faces"]) == 6
    nobody_of_them = people["dora"][:2]
    registered = service.register("anna", [photo, *nobody_of_them])
    service.assert_problem(registered, 422, "too_few_photos")
    assert registered.json()["photos"][0]["reason"] == "multiple_faces"
    assert len(registered.json()["photos"][0]["boxes"]) == 6


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
    "HEIC": lambda picture, encode: encode(picture, "HEIF", quality=90),
    "AVIF": lambda picture, encode: encode(picture, "AVIF", quality=90),
    "TIFF": lambda picture, encode: encode(picture, "TIFF", compression="tiff_lzw"),
    "JPEG 2000": lambda picture, encode: encode(picture, "JPEG2000"),
    "12 of 16 bits": lambda picture, encode: encode(
        PillowImage.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 16), "PNG"
    ),
    "Display P3": lambda picture, encode: encode(
        picture, "JPEG", quality=95, icc_profile=display_p3()
    ),
    "JPEG without end": lambda picture, encode: encode(picture, "JPEG", quality=95)[:-2],
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


def _broken_off(photo: bytes, share: float) -> bytes:
    return photo[: round(len(photo) * share)]


def test_photo_comes_with_a_warning_when_its_last_rows_are_missing(
    service: "Service", people: People
) -> None:
    photos = {"photo": people[ANNA][5], "other_photo": _broken_off(people[ANNA][5], 0.95)}
    verified = service.client.post("/v1/verify", files=photos).json()
    whole, cut = verified["photos"]
    assert verified["match"]
    assert (whole["warnings"], cut["warnings"][0]["code"]) == ([], "broken_off")
    found = service.identify(photos["other_photo"]).json()
    assert found["photos"][0]["warnings"] == cut["warnings"]
    registered = service.register("anna", [people[ANNA][0], photos["other_photo"], b"no photo"])
    service.assert_problem(registered, 422, "too_few_photos")
    codes = [
        [warning["code"] for warning in report["warnings"]]
        for report in registered.json()["photos"]
    ]
    assert codes == [[], ["broken_off"], []]


def test_bombs_are_refused_while_others_are_answered(
    settings: Settings, people: People, run_service: "RunService"
) -> None:
    scans = encoded(PillowImage.new("RGB", (2000, 2000)), "JPEG", progressive=True)
    scan = scans[scans.rindex(b"\xff\xda") : -2]
    bombs = {
        "scans": scans[:-2] + 300 * scan + scans[-2:],
        "sides": _png_header(1, 39_999_999),
        "seconds": run_length_bmp(3_000),
    }
    limits = settings.limits.model_copy(update={"max_decoding_s": 0.5})
    threads = settings.threads.model_copy(update={"readers": 2})
    changed = settings.model_copy(update={"limits": limits, "threads": threads})
    with run_service(changed) as service, ThreadPoolExecutor(1) as pool:
        for bomb in bombs.values():
            refused = pool.submit(service.identify, bomb)
            answered = 0
            while not refused.done() or not answered:
                assert service.identify(people[ANNA][5]).status_code == 200
                answered += 1
            service.assert_problem(refused.result(), 413, "image_too_large")
