"""A client of CompreFace's, as compreface-sdk 0.6 writes its requests."""

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

if TYPE_CHECKING:
    from tests.api.conftest import Service

NOBODY = UUID(int=0)
"""No photo has this id."""


@dataclass
class CompreFace:
    """What a client of CompreFace's knows: where the service is, and a key."""

    service: "Service"
    key: str

    def send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"Authorization": "", "x-api-key": self.key, **options.pop("headers", {})}
        return self.service.client.request(
            method, f"/api/v1/recognition{path}", headers=headers, **options
        )

    def send_photo(self, path: str, photo: bytes) -> httpx2.Response:
        """As requests_toolbelt writes a form: its part has no type of its own."""
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="image.jpg"'
        return self.send(
            "POST",
            path,
            content=head + b"\r\n\r\n" + photo + b"\r\n--b--\r\n",
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )

    def add(self, subject: str, photo: bytes, options: str = "") -> httpx2.Response:
        return self.send_photo(f"/faces?subject={subject}{options}", photo)

    def added(self, subject: str, *photos: bytes) -> list[str]:
        """The ids of photos that were added."""
        answers = [self.add(subject, photo) for photo in photos]
        assert [answer.status_code for answer in answers] == [201] * len(photos), answers[-1].text
        return [answer.json()["image_id"] for answer in answers]

    def recognize(self, photo: bytes, options: str = "") -> httpx2.Response:
        return self.send_photo(f"/recognize?{options}", photo)

    def recognized(self, photo: bytes) -> dict[str, Any]:
        """The one face of a photo."""
        answer = self.recognize(photo)
        assert answer.status_code == 200, answer.text
        (face,) = answer.json()["result"]
        assert isinstance(face, dict)
        return face

    def subjects(self) -> list[str]:
        names = self.send("GET", "/subjects").json()["subjects"]
        assert isinstance(names, list)
        return names

    def examples(self) -> list[dict[str, str]]:
        faces = self.send("GET", "/faces").json()["faces"]
        assert isinstance(faces, list)
        return faces


def assert_refused(answer: httpx2.Response, status: int, code: int, message: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert message in body["message"], answer.text
    assert set(body) == {"message", "code"}


def picture(*photos: bytes) -> bytes:
    """Several photos side by side."""
    sides = [np.asarray(PillowImage.open(BytesIO(photo)).convert("RGB")) for photo in photos]
    return _encoded(np.hstack(sides))


def nobody() -> bytes:
    """A photo without a face."""
    return _encoded(np.full((200, 200, 3), 127, np.uint8))


def _encoded(pixels: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    PillowImage.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
