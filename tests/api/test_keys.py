"""Keys in use: how they end, what is noted of them, what is told without one (issue 14)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.db.repositories import keys as key_rows
from app.db.session import ReadSession
from app.db.tables import ApiKey, utc_now
from app.main import create_app
from app.services.job_diary import Jobs, JobView
from app.services.keys import Scope
from app.settings import Settings
from tests.databases import execute, writing

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

pytestmark = pytest.mark.both

PATIENCE_S = 60


def _call(service: "Service", work: Any, *arguments: Any, **options: Any) -> Any:
    assert service.client.portal is not None
    return service.client.portal.call(lambda: work(*arguments, **options))


def _rows(service: "Service", statement: str) -> list[tuple[Any, ...]]:
    return execute(service.settings.database, statement)


def _id(headers: dict[str, str]) -> str:
    return headers["Authorization"].split("_")[1]


def test_key_ends_when_it_expires(
    module_service: "Service", monkeypatch: pytest.MonkeyPatch
) -> None:
    service = module_service
    now = utc_now()
    key = _call(
        service, service.graph.keys.create, [Scope.ENROLL], "", expires_at=now + timedelta(days=1)
    )
    headers = {"Authorization": f"Bearer {key}"}
    assert service.client.get("/v1/users", headers=headers).status_code == 200
    monkeypatch.setattr("app.db.tables.utc_now", lambda: now + timedelta(days=1))
    answer = service.client.get("/v1/users", headers=headers)
    service.assert_problem(answer, 401, "unauthenticated")
    assert "expired" in answer.json()["detail"]


def test_last_use_is_written_once_however_many_requests_come(module_service: "Service") -> None:
    service = module_service
    headers = service.key(Scope.ENROLL)
    last_use = f"SELECT last_used_at FROM api_keys WHERE id = '{_id(headers)}'"
    assert _rows(service, last_use) == [(None,)]
    service.client.get("/v1/users", headers=headers)
    _call(service, service.graph.key_diary.write)
    ((first,),) = _rows(service, last_use)
    assert first is not None
    for _ in range(3):
        service.client.get("/v1/users", headers=headers)
    _call(service, service.graph.key_diary.write)
    assert _rows(service, last_use) == [(first,)]


def test_every_refused_admin_call_is_noted_also_when_the_database_was_busy(
    settings: Settings, run_service: "RunService"
) -> None:
    database = settings.database.model_copy(update={"timeout_s": 0.2})
    with run_service(settings.model_copy(update={"database": database})) as service:
        headers = service.key(Scope.ENROLL, Scope.IDENTIFY)
        with writing(service.settings.database):
            for method, path in [
                ("GET", "/v1/gallery/export"),
                ("POST", "/v1/admin/rollback"),
                ("POST", "/v1/admin/rollback"),
                ("GET", f"/v1/admin/jobs/{UUID(int=0)}"),
            ]:
                answer = service.client.request(method, path, headers=headers)
                service.assert_problem(answer, 403, "missing_scope")
    noted = _rows(
        service,
        "SELECT subject, detail FROM audit_events "
        f"WHERE action = 'admin.refused' AND actor = '{_id(headers)}' ORDER BY subject",
    )
    assert noted == [
        ("GET /v1/admin/jobs/{job_id}", '{"times": 1}'),
        ("GET /v1/gallery/export", '{"times": 1}'),
        ("POST /v1/admin/rollback", '{"times": 2}'),
    ]


def test_open_event_stream_ends_when_its_key_is_revoked(
    settings: Settings, store: Path, run_service: "RunService", monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"bundles": store, "bundle": "farsight-xxs"})
    gate, looked = threading.Event(), threading.Semaphore(0)
    get = Jobs.get

    def hold(*_arguments: object) -> None:
        assert gate.wait(timeout=PATIENCE_S)
        raise RuntimeError("enough")

    async def look(jobs: Jobs, job_id: UUID) -> JobView:
        looked.release()
        return await get(jobs, job_id)

    monkeypatch.setattr("app.services.reload.verify_bundle", hold)
    with run_service(settings) as service, ThreadPoolExecutor(1) as pool:
        headers = service.key(Scope.ADMIN)
        monkeypatch.setattr(Jobs, "get", look)
        started = service.client.post("/v1/admin/reload", json={"bundle": "turned"})
        path = f"/v1/admin/jobs/{started.json()['id']}/events"
        stream = pool.submit(service.client.get, path, headers=headers)
        assert all(looked.acquire(timeout=PATIENCE_S) for _ in range(4))
        assert not stream.done()
        _call(service, service.graph.keys.revoke, _id(headers))
        assert '"state":"running"' in stream.result(timeout=PATIENCE_S).text
        assert service.client.get(path, headers=headers).status_code == 401
        gate.set()


def test_nothing_is_told_about_the_gallery_when_there_is_no_key(
    module_service: "Service", settings: Settings, run_service: "RunService"
) -> None:
    keyless = {"Authorization": ""}
    told = module_service.client.get("/version", headers=keyless).json()
    assert [name for name, value in told.items() if value is not None] == ["version"]
    described = module_service.client.get("/openapi.json", headers=keyless).json()
    assert described == create_app(Settings()).openapi()
    wrong = module_service.client.get("/version", headers={"Authorization": "Bearer fs_1_2"})
    module_service.assert_problem(wrong, 401, "unauthenticated")
    with run_service(settings.model_copy(update={"public_version": True})) as service:
        assert service.client.get("/version", headers=keyless).json()["bundle"] == "stock"


def test_every_answer_has_safe_headers(module_service: "Service") -> None:
    for path in ("/livez", "/v1/users", "/nothing", "/docs", "/openapi.json"):
        headers = module_service.client.get(path).headers
        assert headers["cache-control"] == "no-store"
        source = "'self'" if path == "/docs" else "'none'"
        assert headers["content-security-policy"].startswith(f"default-src {source};")
        assert headers["content-security-policy"].endswith("frame-ancestors 'none'")
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


def test_key_ends_at_once_when_another_process_ends_it(module_service: "Service") -> None:
    headers = module_service.key(Scope.IDENTIFY)
    for expected in (422, 401):
        assert module_service.client.post("/v1/identify", headers=headers).status_code == expected
        execute(
            module_service.settings.database,
            f"UPDATE api_keys SET revoked_at = created_at WHERE id = '{_id(headers)}'",
        )


@pytest.mark.file
def test_key_is_read_once_when_nothing_is_written(
    service: "Service", monkeypatch: pytest.MonkeyPatch
) -> None:
    find, reads = key_rows.find, []

    async def count_and_find(session: ReadSession, key_id: str) -> ApiKey | None:
        reads.append(key_id)
        return await find(session, key_id)

    headers = service.key(Scope.IDENTIFY)
    monkeypatch.setattr(key_rows, "find", count_and_find)
    for _ in range(5):
        assert service.client.post("/v1/identify", headers=headers).status_code == 422
    # The key's first use is written down meanwhile, perhaps.
    assert 1 <= reads.count(_id(headers)) <= 2
