"""Faces without names: found, or turned into vectors for those who search elsewhere."""

from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from app.services.keys import Scope
from app.settings import Settings
from tests.conftest import TRAINED

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

ANNA, BERT = "anna", "bert"
People = dict[str, list[bytes]]


@pytest.fixture
def service(unchanged_service: "Service") -> "Service":
    return unchanged_service


@pytest.fixture
def restoring(settings: Settings, run_service: "RunService") -> Iterator["Service"]:
    """A service whose bundle has DSR."""
    with run_service(settings.model_copy(update={"bundle": TRAINED.name})) as service:
        yield service


# Any: JSON.
def _ask(service: "Service", path: str, *photos: bytes, **fields: str) -> dict[str, Any]:
    files = [("photos", ("photo.jpg", photo)) for photo in photos]
    answer = service.client.post(path, data=fields, files=files)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_faces_are_told_without_a_name_when_only_they_are_asked_for(
    service: "Service", people: People
) -> None:
    photo = people[ANNA][0]
    found = _ask(service, "/v1/faces", photo, people[BERT][0])
    identified = service.identify(photo).json()
    for face in found["faces"]:
        assert not {"user_id", "similarity", "candidates", "embedding"} & set(face)
    first = found["faces"][0]
    assert first == {name: identified["faces"][0][name] for name in first}
    assert [photo["faces_found"] for photo in found["photos"]] == [1, 1]


def test_vectors_of_one_person_are_alike_when_embeddings_are_asked_for(
    service: "Service", people: People
) -> None:
    found = _ask(service, "/v1/embeddings", *people[ANNA][:2], people[BERT][0])
    vectors = np.array([face["embedding"] for face in found["faces"]])
    assert vectors.shape == (3, 512)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    similarities = vectors @ vectors.T
    assert similarities[0, 1] > 0.5 > similarities[0, 2]
    verified = service.client.post(
        "/v1/verify", files={"photo": people[ANNA][0], "other_photo": people[ANNA][1]}
    ).json()
    assert verified["similarity"] == pytest.approx(float(similarities[0, 1]), abs=1e-5)
    assert found["space"] == service.client.get("/version").json()["space"]


def test_vectors_are_refused_when_the_key_lacks_their_scope(
    module_service: "Service", people: People
) -> None:
    service = module_service
    key = service.key(Scope.IDENTIFY, Scope.ENROLL)
    files = {"photos": people[ANNA][0]}
    assert service.client.post("/v1/faces", files=files, headers=key).status_code == 200
    answer = service.client.post("/v1/embeddings", files=files, headers=key)
    service.assert_problem(answer, 403, "missing_scope")


def test_crop_and_restored_face_are_shown_when_pictures_are_asked_for(
    restoring: "Service", people: People
) -> None:
    answer = restoring.client.post(
        "/v1/faces/pictures", files={"photo": people[ANNA][0]}, data={"max_faces": "3"}
    )
    (face,) = answer.json()["faces"]
    pictures = [np.array(Image.open(BytesIO(b64decode(face[of])))) for of in ("crop", "restored")]
    assert [picture.shape for picture in pictures] == [(112, 112, 3)] * 2
    assert (pictures[0] != pictures[1]).any()
    assert {"decode", "detect", "align", "restore"} <= set(answer.json()["timings_ms"])
    many = restoring.client.post(
        "/v1/faces/pictures", files={"photo": people[ANNA][0]}, data={"max_faces": "11"}
    )
    restoring.assert_problem(many, 422, "invalid_request")


def test_no_face_is_restored_when_the_bundle_has_no_dsr(service: "Service", people: People) -> None:
    answer = service.client.post("/v1/faces/pictures", files={"photo": people[ANNA][0]})
    assert [face["restored"] for face in answer.json()["faces"]] == [None]
