"""Keys, the audit log and jobs over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from app.services.keys import Scope

if TYPE_CHECKING:
    from tests.api.conftest import Service

People = dict[str, list[bytes]]
ANNA = "anna"


def test_key_works_until_it_is_revoked_when_it_was_made_over_http(service: "Service") -> None:
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = service.client.post(
        "/v1/admin/keys", json={"scopes": ["enroll"], "label": "door", "expires_at": ends}
    )
    assert made.status_code == 201
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    assert service.client.get("/v1/users", headers=headers).status_code == 200
    assert service.client.get("/v1/admin/keys", headers=headers).status_code == 403
    listed = service.client.get("/v1/admin/keys").json()["items"]
    (door,) = [key for key in listed if key["label"] == "door"]
    assert (door["scopes"], door["revoked_at"]) == (["enroll"], None)
    assert "secret" not in str(listed)
    assert made.json()["key"].rpartition("_")[2] not in str(listed)
    assert service.client.delete(f"/v1/admin/keys/{door['id']}").status_code == 204
    assert service.client.get("/v1/users", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"scopes": ["enroll"], "expires_at": "2027-01-01T00:00:00"}, "expires_at"),
        ({"scopes": ["enroll"], "expires_at": 0}, "expires_at must be text"),
        ({"scopes": ["enroll"], "lable": "x"}, "Did you mean 'label'?"),
    ],
)
def test_key_is_refused_when_it_is_asked_for_wrongly(
    service: "Service", wanted: dict[str, object], message: str
) -> None:
    answer = service.client.post("/v1/admin/keys", json=wanted)
    service.assert_problem(answer, 422, "invalid_request")
    assert message in answer.json()["detail"]


def test_last_admin_key_stays_unless_it_is_said_twice(service: "Service") -> None:
    (own,) = service.client.get("/v1/admin/keys").json()["items"]
    path = f"/v1/admin/keys/{own['id']}"
    service.assert_problem(service.client.delete(path), 409, "last_admin_key")
    assert service.client.delete(path, params={"even_last": "true"}).status_code == 204
    service.assert_problem(service.client.get("/v1/users"), 401, "unauthenticated")


def test_key_is_not_found_when_there_is_none(service: "Service") -> None:
    answer = service.client.delete("/v1/admin/keys/nobody")
    service.assert_problem(answer, 404, "key_not_found")


def test_audit_log_is_read_page_by_page_when_things_have_happened(
    service: "Service", people: People
) -> None:
    service.register("anna", people[ANNA][:3])
    service.client.patch("/v1/users/anna", json={"display_name": "Anna"})
    service.client.delete("/v1/users/anna")
    seen, cursor = [], None
    for _ in range(10):
        params = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        page = service.client.get("/v1/admin/events", params=params).json()
        seen += [event["action"] for event in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["user.erased", "user.changed", "photos.added", "key.created"]
    wrong = service.client.get("/v1/admin/events", params={"cursor": "?"})
    service.assert_problem(wrong, 422, "invalid_request")


def test_jobs_are_listed_when_there_are_none(service: "Service") -> None:
    assert service.client.get("/v1/admin/jobs").json() == {"items": [], "next_cursor": None}
    answer = service.client.get(f"/v1/admin/jobs/{uuid4()}")
    service.assert_problem(answer, 404, "job_not_found")


def test_only_admins_read_keys_and_the_audit_log(service: "Service") -> None:
    key = service.key(Scope.ENROLL, Scope.IDENTIFY, Scope.EMBED)
    for path in ("/v1/admin/keys", "/v1/admin/events", "/v1/admin/jobs"):
        answer = service.client.get(path, headers=key)
        service.assert_problem(answer, 403, "missing_scope")
