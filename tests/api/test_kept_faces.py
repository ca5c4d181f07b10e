"""Faces of identifications are kept if a setting says so: for whom, for how long, and how."""

import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.db.repositories import kept_faces
from app.services import keeping
from app.services.keys import Scope
from app.services.soundness import drop_damaged_faces
from app.setting_groups import ReviewSettings
from app.settings import Settings
from app.storage_errors import CropKeyError, DatabaseBusyError
from tests.api.conftest import RunService, Service
from tests.api.reviewing import (
    ANNA,
    BERT,
    CARL,
    GIVE_UP_S,
    People,
    actions,
    assign,
    bound,
    dismiss,
    identify,
    kept,
    listed,
    with_review,
)
from tests.databases import execute
from tests.service_process import environment

pytestmark = pytest.mark.both


def test_no_face_is_kept_when_no_setting_says_so(service: Service, people: People) -> None:
    identify(service, people[ANNA][:2])
    assert service.client.get("/v1/kept-faces").json() == {
        "items": [],
        "next_cursor": None,
        "keep_hours": 0,
    }
    assert service.client.get("/v1/kept-faces/clusters").json()["items"] == []
    assert service.rows()["kept_faces"] == 0


def test_key_sees_and_changes_only_what_was_kept_for_its_groups(
    reviewing: Service, people: People
) -> None:
    service = reviewing
    north, both = bound(service, "north"), bound(service, "north", "south")
    service.register(ANNA, people[ANNA][:3], groups=["south"])
    identify(service, [people[CARL][0]])
    kept(service, 1)
    identify(service, [people[BERT][0], people[ANNA][4]], both)
    kept(service, 3)
    identify(service, [people[BERT][1]], north)
    kept(service, 4)

    def seen(headers: dict[str, str]) -> list[dict[str, Any]]:
        found = service.client.get("/v1/kept-faces", headers=headers)
        items: list[dict[str, Any]] = found.json()["items"]
        return items

    # Who is in the south alone is not named to the north, and their face is not shown.
    assert [face["user_id"] for face in seen(north)] == [None, None]
    assert [face["user_id"] for face in seen(both)] == [None, ANNA, None]
    own, shared = (face["face_id"] for face in seen(north))
    clusters = service.client.get("/v1/kept-faces/clusters", headers=north).json()
    assert [len(cluster["faces"]) for cluster in clusters["items"]] == [2]
    anna = next(of["face_id"] for of in seen(both) if of["user_id"] == ANNA)
    hidden = service.client.get(f"/v1/kept-faces/{anna}/crop", headers=north)
    service.assert_problem(hidden, 404, "kept_face_not_found")
    for refused in (
        dismiss(service, [shared], north),
        assign(service, [shared], north, user_id=BERT, new=True),
    ):
        service.assert_problem(refused, 403, "group_forbidden")
    service.assert_problem(assign(service, [own], north, user_id=ANNA), 404, "user_not_found")
    assert dismiss(service, [own, anna], north).json()["dismissed"] == 1
    assert len(listed(service)) == 3


def test_scope_is_needed_to_see_kept_faces(reviewing: Service, people: People) -> None:
    service = reviewing
    identify(service, [people[ANNA][0]])
    (face,) = kept(service, 1)
    door = service.key(Scope.IDENTIFY, Scope.ADMIN)
    for path in ("", "/clusters", f"/{face['face_id']}/crop"):
        refused = service.client.get(f"/v1/kept-faces{path}", headers=door)
        service.assert_problem(refused, 403, "missing_scope")
    ids = [face["face_id"]]
    service.assert_problem(assign(service, ids, door, user_id="x"), 403, "missing_scope")
    service.assert_problem(dismiss(service, ids, door), 403, "missing_scope")
    odd = assign(service, ids, user_id=ANNA, display_name="Anna")
    service.assert_problem(odd, 422, "invalid_request")
    service.assert_problem(assign(service, ids, user_id=ANNA), 404, "user_not_found")
    unknown = assign(service, [str(uuid4())], user_id=ANNA)
    service.assert_problem(unknown, 404, "kept_face_not_found")


def test_kept_faces_are_gone_when_they_are_dismissed_or_their_person_is_erased(
    reviewing: Service, people: People
) -> None:
    service = reviewing
    for user_id in (ANNA, BERT):
        service.register(user_id, people[user_id][:3])
    identify(service, [people[ANNA][4], people[BERT][4], people[CARL][0]])
    carl, *_ = kept(service, 3)
    assert carl["user_id"] is None
    assert dismiss(service, [carl["face_id"], str(uuid4())]).json() == {
        "dismissed": 1,
        "pending": False,
    }
    assert actions(service)[0] == ("faces.dismissed", "", {"faces": 1})
    assert service.client.delete(f"/v1/users/{ANNA}").status_code in {202, 204}
    assert [face["user_id"] for face in listed(service)] == [BERT]


def test_kept_faces_follow_when_users_are_merged(reviewing: Service, people: People) -> None:
    service = reviewing
    service.register(ANNA, people[ANNA][:3])
    service.register("ann", people[ANNA][3:6], allow_duplicate="true")
    identify(service, [people[ANNA][3]])
    (face,) = kept(service, 1)
    assert face["user_id"] == "ann"
    merged = service.client.post(f"/v1/users/{ANNA}/merge", json={"other_user_id": "ann"})
    assert merged.status_code == 200
    assert [face["user_id"] for face in listed(service)] == [ANNA]


def test_faces_are_deleted_when_their_time_is_over_or_there_are_too_many(
    settings: Settings, run_service: RunService, people: People
) -> None:
    settings = with_review(settings, keep_hours=2, max_faces=10)
    with run_service(settings) as service:
        for user_id in (ANNA, BERT):
            identify(service, people[user_id][:5])
        oldest = kept(service, 10)[-1]
        identify(service, [people[CARL][0]])
        deadline = time.monotonic() + GIVE_UP_S
        while oldest in (left := listed(service)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert len(left) == 9  # the oldest tenth goes at once
        late = datetime.now(UTC) - timedelta(hours=2, minutes=1)
        newest = left[0]["face_id"].replace("-", "")
        execute(
            settings.database,
            f"UPDATE kept_faces SET kept_at = '{late:%Y-%m-%d %H:%M:%S.%f}' "
            f"WHERE replace(CAST(face_id AS TEXT), '-', '') != '{newest}'",
        )
        assert service.client.portal is not None
        service.client.portal.call(service.graph.keeping.tidy)
        assert [face["face_id"] for face in listed(service)] == [left[0]["face_id"]]
    # A restart without the setting deletes the rest.
    with run_service(settings.model_copy(update={"review": ReviewSettings()})) as service:
        deadline = time.monotonic() + GIVE_UP_S
        while service.rows()["kept_faces"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_face_is_kept_once_when_a_camera_shows_it_again_and_again(
    reviewing: Service, people: People
) -> None:
    for _ in range(3):
        identify(reviewing, [people[ANNA][0]])
    identify(reviewing, [people[BERT][0]])
    kept(reviewing, 2)


def test_answer_comes_all_the_same_when_faces_cannot_be_kept(
    reviewing: Service,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def busy(*_: object) -> None:
        raise DatabaseBusyError("Busy.")

    with monkeypatch.context() as broken:
        broken.setattr(kept_faces, "add", busy)
        identify(reviewing, [people[ANNA][0]])
        deadline = time.monotonic() + GIVE_UP_S
        while "1 faces were not kept" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    identify(reviewing, [people[BERT][0]])
    kept(reviewing, 1)


def test_memory_is_bounded_when_more_faces_come_than_can_be_stored(
    reviewing: Service,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(keeping, "_MOST_WAITING", 2)
    identify(reviewing, [people[of][0] for of in (ANNA, BERT, CARL, "dora")])
    kept(reviewing, 2)
    deadline = time.monotonic() + GIVE_UP_S
    while "2 faces were not kept" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_storing_goes_on_when_something_unforeseen_has_happened(
    reviewing: Service,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(keeping, "encode_png", lambda _: 1 / 0)
        identify(reviewing, [people[ANNA][0]])
        deadline = time.monotonic() + GIVE_UP_S
        while "1 faces were not kept" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert "ZeroDivisionError" in caplog.text
    identify(reviewing, [people[BERT][0]])
    kept(reviewing, 1)


def test_kept_faces_are_encrypted_when_stored_crops_are(
    settings: Settings, run_service: RunService, people: People, tmp_path: Path
) -> None:
    def beginnings() -> list[bytes]:
        rows = execute(settings.database, "SELECT crop_png FROM kept_faces ORDER BY id")
        return [bytes(crop)[:1] for (crop,) in rows]

    keys = tmp_path / "keys"
    keys.write_text(f"{secrets.token_hex(32)}\n", encoding="ascii")
    settings = with_review(settings)
    with run_service(settings) as service:
        identify(service, [people[ANNA][0]])
        kept(service, 1)
    with run_service(settings.model_copy(update={"crop_key_file": keys})) as service:
        identify(service, [people[BERT][0]])
        second, first = kept(service, 2)
        assert beginnings() == [b"\x89", b"\x01"]
        variables = {**environment(settings), "FARSIGHT_CROP_KEY_FILE": str(keys)}
        done = CliRunner().invoke(cli, ["crops", "encrypt", "--json"], env=variables)
        assert json.loads(done.stdout) == {"encrypted": 1, "damaged": 0}, done.output
        assert beginnings() == [b"\x01", b"\x01"]
        for face in (first, second):
            crop = service.client.get(f"/v1/kept-faces/{face['face_id']}/crop")
            assert crop.content.startswith(b"\x89PNG")
    with pytest.raises(CropKeyError), run_service(settings):
        pass


def test_damaged_face_is_told_of_and_dropped_when_the_database_is_checked(
    reviewing: Service, people: People
) -> None:
    service = reviewing
    identify(service, [people[ANNA][0], people[BERT][0]])
    kept(service, 2)
    value = "X'00'" if service.settings.database.url.startswith("sqlite") else "'\\x00'"
    execute(
        service.settings.database,
        f"UPDATE kept_faces SET crop_png = {value} WHERE id = (SELECT min(id) FROM kept_faces)",
    )
    variables = environment(service.settings)
    found = CliRunner().invoke(cli, ["check", "--json"], env=variables)
    told = [each for each in json.loads(found.stdout)["left"] if each["part"] == "kept faces"]
    assert [each["repairable"] for each in told] == [True], found.output
    assert service.client.portal is not None
    service.client.portal.call(drop_damaged_faces, service.graph.sessions)
    assert len(listed(service)) == 1
