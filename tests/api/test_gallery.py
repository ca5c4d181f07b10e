"""Gallery files through HTTP: out of one service, into another."""

import io
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from app.db.repositories import transfers
from app.gallery.file import encode_gallery, parse_gallery
from app.gallery.portable import PortableGallery, PortableUser
from app.services.keys import Scope
from app.setting_groups import LimitSettings
from app.settings import Settings
from tests.api.conftest import running
from tests.databases import execute
from tests.rotated import store_of_two

if TYPE_CHECKING:
    from tests.api.conftest import RunService, Service

NAMES = ("carl", "anna", "dora")


@pytest.fixture(scope="module")
def store(stock_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`stock`, and `turned`, which defines another space."""
    return store_of_two(tmp_path_factory.mktemp("store"), stock_bundle)


@pytest.fixture(scope="module")
def settings_of(
    make_settings: Callable[[Path], Settings],
    store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Settings]:
    """For a service with an empty database and this bundle."""
    return lambda bundle: make_settings(tmp_path_factory.mktemp("service")).model_copy(
        update={"bundles": store, "bundle": bundle}
    )


@pytest.fixture(scope="module")
def source(
    settings_of: Callable[[str], Settings], people: dict[str, list[bytes]]
) -> Iterator["Service"]:
    """A service that knows three people."""
    with running(settings_of("stock")) as service:
        enrol(service, people)
        yield service


@pytest.fixture
def empty(settings_of: Callable[[str], Settings]) -> Iterator["Service"]:
    with running(settings_of("stock")) as service:
        yield service


@pytest.fixture
def elsewhere(settings_of: Callable[[str], Settings]) -> Iterator["Service"]:
    """Nobody is known, in another space."""
    with running(settings_of("turned")) as service:
        yield service


def enrol(service: "Service", people: dict[str, list[bytes]]) -> None:
    for name in NAMES:
        answer = service.register(
            name, people[name][:4], display_name=f"Zoë {name}", metadata='{"door": 3}'
        )
        assert answer.status_code == 201, answer.text


def count_photos(service: "Service", user_id: str) -> int:
    return len(service.client.get(f"/v1/users/{user_id}").json()["photos"])


def export(service: "Service", *, crops: bool = False) -> bytes:
    answer = service.client.get("/v1/gallery/export", params={"crops": crops})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    assert ".gallery" in answer.headers["content-disposition"]
    return answer.content


def send(service: "Service", content: bytes, **fields: str) -> httpx2.Response:
    return service.client.post(
        "/v1/gallery/import", files={"file": ("gallery", content)}, data=fields
    )


def answers(service: "Service", people: dict[str, list[bytes]]) -> list[tuple[str | None, float]]:
    """What a service says of a probe of everybody: two of each, known or not."""
    found = []
    for photos in people.values():
        for photo in photos[4:6]:
            faces = service.identify(photo).json()["faces"]
            found += [(face["user_id"], face["similarity"], face["margin"]) for face in faces]
    assert len(found) >= 24
    assert len({user_id for user_id, _, _ in found}) == 1 + len(NAMES)
    return [(user_id, value) for user_id, *values in found for value in values]


def assert_same(
    found: list[tuple[str | None, float]], expected: list[tuple[str | None, float]]
) -> None:
    assert [user_id for user_id, _ in found] == [user_id for user_id, _ in expected]
    assert max(abs(a - b) for (_, a), (_, b) in zip(found, expected, strict=True)) < 1e-6


@pytest.mark.parametrize("crops", [True, False])
def test_answers_are_the_same_when_imported_into_an_empty_service(
    source: "Service",
    empty: "Service",
    people: dict[str, list[bytes]],
    run_service: "RunService",
    crops: bool,
) -> None:
    answer = send(empty, export(source, crops=crops))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"added": 3, "replaced": 0, "skipped": 0, "reembedded": False}
    expected = answers(source, people)
    assert_same(answers(empty, people), expected)
    for name in NAMES:
        ours, theirs = (each.client.get(f"/v1/users/{name}").json() for each in (empty, source))
        for field in ("user_id", "display_name", "metadata", "photo_count"):
            assert ours["user"][field] == theirs["user"][field]
        assert ours["user"]["photo_count"] >= 3
        assert [(p["face_px"], p["quality"]) for p in ours["photos"]] == [
            (p["face_px"], p["quality"]) for p in theirs["photos"]
        ]
    # The user grows and is erased like any other.
    counts = {"photos": empty.rows()["photos"], "of user": count_photos(empty, NAMES[0])}
    more = empty.client.post(
        f"/v1/users/{NAMES[0]}/photos",
        files=[("photos", ("photo.jpg", people[NAMES[0]][index])) for index in (0, 6)],
    ).json()
    assert [photo["reason"] for photo in more["photos"]] == ["duplicate_photo", None]
    assert more["user"]["photo_count"] == counts["of user"] + 1
    assert empty.client.delete(f"/v1/users/{NAMES[0]}").status_code == 204
    assert empty.rows()["photos"] == counts["photos"] - counts["of user"]
    with run_service(empty.settings) as again:  # from rows alone
        assert len(again.graph.current.serving.gallery) == 2


def test_file_of_another_space_is_refused_when_it_has_no_crops(
    source: "Service", elsewhere: "Service"
) -> None:
    before = elsewhere.rows()
    elsewhere.assert_problem(send(elsewhere, export(source)), 409, "space_mismatch")
    assert elsewhere.rows() == before


def test_file_of_another_space_answers_as_fresh_enrolment_when_it_has_crops(
    source: "Service",
    elsewhere: "Service",
    settings_of: Callable[[str], Settings],
    people: dict[str, list[bytes]],
) -> None:
    answer = send(elsewhere, export(source, crops=True))
    assert answer.json() == {"added": 3, "replaced": 0, "skipped": 0, "reembedded": True}
    with running(settings_of("turned")) as fresh:
        enrol(fresh, people)
        assert_same(answers(elsewhere, people), answers(fresh, people))
    moved = parse_gallery(export(elsewhere, crops=True))
    assert moved.bundle == "turned"
    assert len(moved.users) == 3


def test_nothing_changes_when_the_file_is_damaged(source: "Service", empty: "Service") -> None:
    content = export(source, crops=True)
    edited = bytearray(content)
    edited[len(content) // 2] ^= 1
    before = empty.rows()
    for bad, reason in [
        (content[:-100], "cut off"),
        (content[: len(content) // 2], "cut off"),
        (bytes(edited), "was changed"),
        (pickle.dumps({"anna": [1.0]}), "pickle"),
        (b"", "not a gallery file"),
    ]:
        answer = send(empty, bad)
        empty.assert_problem(answer, 422, "gallery_file_invalid")
        assert reason in answer.json()["detail"]
    assert empty.rows() == before


def test_nothing_changes_when_the_file_is_larger_than_a_body_may_be(
    source: "Service", settings_of: Callable[[str], Settings]
) -> None:
    content = export(source, crops=True)
    limits = LimitSettings(max_body_bytes=len(content) // 2)
    with running(settings_of("stock").model_copy(update={"limits": limits})) as small:
        before = small.rows()
        small.assert_problem(send(small, content), 413, "body_too_large")
        assert small.rows() == before


def test_nobody_comes_in_when_the_last_step_fails(
    source: "Service", empty: "Service", monkeypatch: pytest.MonkeyPatch
) -> None:
    content = export(source)
    before = empty.rows()
    steps = 0
    add_all = transfers.add_all

    async def fail_in_the_end(*arguments: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 4:
            raise RuntimeError("no more")
        await add_all(*arguments)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(transfers, "add_all", fail_in_the_end)
    empty.assert_problem(send(empty, content), 500, "internal_error")
    assert steps == 4
    assert empty.rows() == before
    assert len(empty.graph.current.serving.gallery) == 0
    monkeypatch.undo()
    assert send(empty, content).status_code == 200


def test_users_who_are_there_are_refused_skipped_or_replaced(
    source: "Service", empty: "Service", people: dict[str, list[bytes]]
) -> None:
    content = export(source)
    # Under a name of the file, somebody else.
    assert empty.register(NAMES[2], people["hugo"][:4]).status_code == 201
    before = empty.rows()
    answer = send(empty, content)
    empty.assert_problem(answer, 409, "user_exists")
    assert "Nothing was changed" in answer.json()["detail"]
    assert empty.rows() == before

    answer = send(empty, content, on_conflict="skip")
    assert answer.json() == {"added": 2, "replaced": 0, "skipped": 1, "reembedded": False}
    assert empty.identify(people["hugo"][5]).json()["faces"][0]["user_id"] == NAMES[2]

    answer = send(empty, content, on_conflict="replace")
    assert answer.json() == {"added": 0, "replaced": 3, "skipped": 0, "reembedded": False}
    assert empty.identify(people["hugo"][5]).json()["faces"][0]["user_id"] is None
    assert_same(answers(empty, people), answers(source, people))
    assert empty.rows()["photos"] == source.rows()["photos"]
    empty.assert_problem(send(empty, content, on_conflict="merge"), 422, "invalid_request")


def test_crops_stay_outside_when_they_are_not_to_be_kept(
    source: "Service", settings_of: Callable[[str], Settings]
) -> None:
    settings = settings_of("stock").model_copy(update={"retain_crops": False})
    with running(settings) as forgetful:
        assert send(forgetful, export(source, crops=True)).status_code == 200
        again = parse_gallery(export(forgetful, crops=True))
    photos = [photo for user in again.users for photo in user.photos]
    assert len(photos) == source.rows()["photos"] >= 9
    assert {photo.crop_png for photo in photos} == {None}


def test_user_without_photos_is_refused_with_the_reason(
    source: "Service", empty: "Service"
) -> None:
    gallery = parse_gallery(export(source))
    anna = PortableUser("anna", gallery.users[0].template, 3)
    content = b"".join(encode_gallery(PortableGallery(gallery.space_id, "stock", (anna,))))
    answer = send(empty, content)
    empty.assert_problem(answer, 422, "gallery_file_invalid")
    assert "'anna'" in answer.json()["detail"]


def test_transfers_need_the_admin_scope_and_are_audited(
    source: "Service", empty: "Service"
) -> None:
    content = export(source)
    key = empty.key(Scope.ENROLL, Scope.IDENTIFY)
    refused = empty.client.get("/v1/gallery/export", headers=key)
    empty.assert_problem(refused, 403, "missing_scope")
    refused = empty.client.post(
        "/v1/gallery/import", headers=key, files={"file": ("gallery", io.BytesIO(content))}
    )
    empty.assert_problem(refused, 403, "missing_scope")
    assert send(empty, content).status_code == 200
    export(empty)
    noted = execute(
        empty.settings.database,
        "SELECT action, detail FROM audit_events WHERE subject = 'gallery' ORDER BY id",
    )
    assert [action for action, _ in noted] == ["gallery.imported", "gallery.exported"]
    assert '"added": 3' in noted[0][1]


def test_empty_gallery_goes_out_and_in(empty: "Service") -> None:
    content = export(empty, crops=True)
    assert parse_gallery(content).users == ()
    assert send(empty, content).json()["added"] == 0
