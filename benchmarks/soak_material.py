"""What callers send during a soak: see benchmarks.soak."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image as PillowImage

from app.vision.image import decode_image
from benchmarks.fuzz_files import encoded
from benchmarks.health import large_photo
from benchmarks.load import request_bytes
from benchmarks.material import SHARED
from benchmarks.requests import make_photos
from benchmarks.scenes import as_jpeg
from benchmarks.service import BenchmarkError, Service
from benchmarks.subjects import Subject

REGISTERED = 4
"""Photos of everybody who is enrolled."""

_CROPS = 12
_OTHER_FORMATS = ("WEBP", "TIFF", "HEIF", "AVIF")


@dataclass(frozen=True, slots=True)
class Material:
    """Photos and requests.

    Attributes:
        small: Photos of 640x480 with one small face.
        large: Likewise, with one large face.
        other_formats: The same as files that a decoder process reads.
        huge: A photo of forty megapixels.
        crops: Aligned already.
        residents: Photos of those who stay, by name.
        guests: Photos of the others that registration accepts, more than REGISTERED of each.
        request: A whole request, as it goes over the wire.
    """

    small: Sequence[bytes]
    large: Sequence[bytes]
    other_formats: Sequence[bytes]
    huge: Sequence[bytes]
    crops: Sequence[bytes]
    residents: Mapping[str, list[bytes]]
    guests: Mapping[str, list[bytes]]
    request: bytes


def prepare(service: Service, subjects: Sequence[Subject], guests: int) -> Material:
    """Makes everything, and registers those who stay.

    Args:
        service: A fresh one.
        subjects: Who is in the photos.
        guests: How many are guests.

    Raises:
        BenchmarkError: Too few people have enough photos.
    """
    people: dict[str, list[bytes]] = {}
    for subject in subjects:
        people.setdefault(subject.person, []).append(as_jpeg(subject.photo))
    coming: dict[str, list[bytes]] = {}
    for person, photos in people.items():
        accepted = _accepted(service, person, photos) if len(coming) < guests else []
        if len(accepted) > REGISTERED:
            coming[person] = accepted
    if len(coming) < guests:
        raise BenchmarkError(f"Of {guests} guests only {len(coming)} have enough photos.")
    residents = {person: photos for person, photos in people.items() if person not in coming}
    for person, photos in residents.items():
        service.register(person, photos[:REGISTERED])
    made = make_photos(subjects)
    small = made["one 24-px face"]
    pictures = [PillowImage.fromarray(decode_image(photo)) for photo in small]
    crops = sorted((SHARED / "faces" / "val").glob("*/*.jpg"))[:_CROPS]
    return Material(
        small=small,
        large=made["one large face"],
        other_formats=[
            encoded(picture, kind)
            for picture, kind in zip(pictures, itertools.cycle(_OTHER_FORMATS), strict=False)
        ],
        huge=[large_photo(subjects)],
        crops=[path.read_bytes() for path in crops],
        residents=residents,
        guests=coming,
        request=request_bytes(service.url, service.key, "/v1/identify", small[0]),
    )


def _accepted(service: Service, person: str, photos: Sequence[bytes]) -> list[bytes]:
    """Those of a person's photos that registration accepts; the person does not stay."""
    files = [("photos", photo) for photo in photos]
    answer = service.http.post("/v1/users", data={"user_id": person}, files=files)
    reports = answer.raise_for_status().json()["photos"]
    service.http.delete(f"/v1/users/{person}").raise_for_status()
    return [photo for photo, report in zip(photos, reports, strict=True) if report["accepted"]]
