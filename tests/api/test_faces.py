"""Faces without names: found, or turned into vectors for those who search elsewhere."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from app.services.keys import Scope

if TYPE_CHECKING:
    from tests.api.conftest import Service

ANNA, BERT = "anna", "bert"
People = dict[str, list[bytes]]


@pytest.fixture
def service(unchanged_service: "Service") -> "Service":
    return unchanged_service


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
