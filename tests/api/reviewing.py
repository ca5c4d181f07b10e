"""What a reviewer does, for tests of `/v1/kept-faces`."""

import time
from io import BytesIO
from typing import Any

import httpx2
from PIL import Image

from app.services.keys import Scope
from app.setting_groups import ReviewSettings
from app.settings import Settings
from tests.api.conftest import Service, as_files

ANNA, BERT, CARL = "anna", "bert", "carl"
People = dict[str, list[bytes]]
GIVE_UP_S = 60
LARGE_ENOUGH = "200"


def with_review(settings: Settings, **review: float) -> Settings:
    return settings.model_copy(update={"review": ReviewSettings(**{"keep_hours": 1, **review})})


def listed(service: Service, **query: str) -> list[dict[str, Any]]:
    answer = service.client.get("/v1/kept-faces", params={"limit": LARGE_ENOUGH, **query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def kept(service: Service, count: int) -> list[dict[str, Any]]:
    """Waits until so many faces are kept: that follows the answer."""
    deadline = time.monotonic() + GIVE_UP_S
    while len(found := listed(service)) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count}"
        time.sleep(0.02)
    assert len(found) == count
    return found


def identify(
    service: Service, photos: list[bytes], headers: dict[str, str] | None = None, **fields: str
) -> None:
    answer = service.client.post(
        "/v1/identify", data=fields, files=as_files("photos", photos), headers=headers
    )
    assert answer.status_code == 200, answer.text


def assign(
    service: Service, faces: list[str], headers: dict[str, str] | None = None, **fields: object
) -> httpx2.Response:
    body = {"faces": faces, **fields}
    return service.client.post("/v1/kept-faces/assign", json=body, headers=headers)


def dismiss(
    service: Service, faces: list[str], headers: dict[str, str] | None = None
) -> httpx2.Response:
    return service.client.post("/v1/kept-faces/dismiss", json={"faces": faces}, headers=headers)


def actions(service: Service) -> list[tuple[str, str, dict[str, Any]]]:
    events = service.client.get("/v1/admin/events").json()["items"]
    return [(of["action"], of["subject"], of["detail"]) for of in events]


def bound(service: Service, *groups: str) -> dict[str, str]:
    wanted = {"scopes": [Scope.ENROLL, Scope.IDENTIFY], "groups": list(groups)}
    made = service.client.post("/v1/admin/keys", json=wanted)
    return {"Authorization": f"Bearer {made.json()['key']}"}


def shrunk(photo: bytes, times: float) -> bytes:
    file = BytesIO()
    with Image.open(BytesIO(photo)) as picture:
        size = (round(picture.width / times), round(picture.height / times))
        picture.resize(size, Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()
