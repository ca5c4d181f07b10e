"""The shell does what the API does, on the local database and with --url by the same code."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from PIL import Image as PillowImage
from typer.testing import CliRunner

from app.__main__ import cli
from app.services.keys import Scope
from app.settings import Settings
from tests.answering import Asked, Reply, answering, problem
from tests.api.conftest import create_key
from tests.clients.test_operations import OPERATIONS, operation_of
from tests.service_process import serving

if TYPE_CHECKING:
    from tests.commands.conftest import RunApp

ANNA, BERT = "anna", "bert"
# What is asked of a service and has no meaning without one; a stream that commands poll instead;
# what is only to be looked at, on the console's screens.
NOT_IN_THE_SHELL = {
    "POST /v1/faces/pictures",
    "POST /v1/photos/review",
    "GET /v1/thumbnails",
    "GET /v1/kept-faces",
    "GET /v1/kept-faces/clusters",
    "GET /v1/kept-faces/{face_id}/crop",
    "POST /v1/kept-faces/assign",
    "POST /v1/kept-faces/dismiss",
    "POST /v1/users/{user_id}/photos/{photo_id}/move",
    "GET /health",
    "GET /livez",
    "GET /readyz",
    "GET /version",
    "GET /v1/admin/jobs/{job_id}/events",
    "POST /v1/clips",  # `farsight watch FILE --url` sends the frames of a file of any length
}
# They answer with a file, or with nothing that ends.
NO_JSON = {"serve", "openapi", "watch", "users thumbnail", "photos crop"}
# What works on files or on the process's own database, whichever service there may be.
HERE_ALONE = {
    *("serve", "openapi", "evaluate", "calibrate", "check", "crops encrypt"),
    *("db upgrade", "db check", "db copy", "db backup", "db restore"),
    *("bundles import", "bundles measure", "bundles verify", "bundles prune", "bundles pull"),
    *("gallery list", "gallery show", "gallery merge", "gallery diff", "gallery recall"),
}
Do = Callable[..., Any]


@pytest.fixture(params=["here", "there"])
def do(
    request: pytest.FixtureRequest, run_app: "RunApp", settings: Settings, tmp_path: Path
) -> Iterator[Do]:
    """Runs a command with --json in one of the two places; what it printed."""

    def run(
        *arguments: str | Path, code: int = 0, place: tuple[str, ...] = (), key: str = ""
    ) -> Any:
        done = run_app(*arguments, *place, "--json", FARSIGHT_API_KEY=key)
        assert done.returncode == code, done.stdout + done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[0] if len(lines) == 1 else lines

    if request.param == "here":
        yield run
        return
    key = create_key(settings, *Scope)
    with serving(settings, tmp_path) as service:
        place = ("--url", service.url)
        yield lambda *arguments, code=0: run(*arguments, code=code, place=place, key=key)


def test_people_and_photos_are_managed_from_the_shell(
    do: Do, photo_files: dict[str, list[Path]], tmp_path: Path
) -> None:
    anna, bert = photo_files[ANNA], photo_files[BERT]
    do("register", "--user-id", "anna", "--name", "Anna", *anna[:3])
    do("register", "--user-id", "bert", bert[0].parent)  # a folder
    assert [user["user_id"] for user in do("users", "list")] == ["anna", "bert"]
    assert [user["user_id"] for user in do("users", "list", "--search", "Ann")] == ["anna"]
    assert do("users", "rename", "anna", "Anna B.")["user"]["display_name"] == "Anna B."
    assert do("users", "metadata", "anna", '{"door": 3}')["user"]["metadata"] == {"door": 3}

    added = do("photos", "add", "anna", f"{anna[3].parent}/[3-4].jpg", bert[0])
    assert [photo["reason"] for photo in added["photos"]] == [None, None, "outlier"]
    shown = do("users", "show", "anna")
    assert shown["user"]["photo_count"] == len(shown["photos"]) == 5
    photo_id = shown["photos"][0]["photo_id"]
    assert do("photos", "remove", "anna", photo_id, "--yes")["pending"] is False
    left = [photo["photo_id"] for photo in do("users", "show", "anna")["photos"]]
    assert len(left) == 4
    assert photo_id not in left

    assert do("users", "groups", "anna", "staff", "night")["user"]["groups"] == ["night", "staff"]
    assert [user["user_id"] for user in do("users", "list", "--group", "staff")] == ["anna"]
    for group, user_id in (("staff", "anna"), ("guests", None)):
        found = do("identify", anna[6], "--group", group)
        assert found["faces"][0]["user_id"] == user_id
    do("register", "--user-id", "anna", *anna[:4], "--replace", "--group", "staff")
    anew = do("users", "show", "anna")["user"]
    assert (anew["photo_count"], anew["groups"], anew["display_name"]) == (4, ["staff"], None)
    left = [photo["photo_id"] for photo in do("users", "show", "anna")["photos"]]

    assert do("verify", anna[6], "--user-id", "anna")["match"] is True
    assert do("verify", anna[6], "--photo-id", left[0])["match"] is True
    assert do("verify", anna[6], bert[1], code=1)["match"] is False
    low = do("verify", anna[6], bert[1], "--threshold", "0.001", code=0)
    assert low["threshold"] == 0.001
    assert len(do("faces", anna[6])["faces"]) == 1
    assert len(do("faces", anna[6], "--embeddings")["faces"][0]["embedding"]) == 512

    assert do("users", "erase", "anna", "--yes")["pending"] is False
    assert do("users", "erasure", "anna")["pending"] is False
    assert [user["user_id"] for user in do("users", "list")] == ["bert"]
    actions = [event["action"] for event in do("audit", "--limit", "3")]
    assert "user.erased" in actions


def test_identification_is_asked_for_more_and_less(
    do: Do, photo_files: dict[str, list[Path]], tmp_path: Path
) -> None:
    for name in (ANNA, BERT):
        do("register", "--user-id", name, *photo_files[name][:3])
    page = PillowImage.new("RGB", (800, 500))
    for place, name in enumerate((ANNA, BERT)):
        picture = PillowImage.open(photo_files[name][5]).resize((400, 500))
        page.paste(picture, (400 * place, 0))
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    page.save(tmp_path / "photos" / "deep" / "page.png")
    found = do("identify", tmp_path / "photos", "--recursive", "--top-k", "2")
    assert {face["user_id"] for face in found["faces"]} == {"anna", "bert"}
    assert [len(face["candidates"]) for face in found["faces"]] == [2, 2]
    one = do("identify", tmp_path / "photos" / "*" / "page.png", "--max-faces", "1")
    assert (len(one["faces"]), one["faces_found"]) == (1, 2)
    strict = do("identify", tmp_path / "photos" / "deep", "--threshold", "1")
    assert {face["user_id"] for face in strict["faces"]} == {None}


def test_service_is_operated_from_the_shell(
    do: Do, photo_files: dict[str, list[Path]], tmp_path: Path, settings: Settings
) -> None:
    made = do("keys", "create", "--scope", "identify", "--label", "door")
    key_id = made["key"].split("_")[1]
    assert do("keys", "revoke", key_id) == {"id": key_id, "revoked": True}
    (key,) = [key for key in do("keys", "list") if key["id"] == key_id]
    assert (key["scopes"], key["label"]) == (["identify"], "door")
    assert key["revoked_at"] is not None
    states = {of["name"]: of["state"] for of in do("bundles", "list")}
    assert states["farsight-xs"] == "available"

    do("register", "--user-id", "anna", *photo_files[ANNA][:3])
    file = tmp_path / "everybody.gallery"
    assert do("gallery", "export", file, "--crops")["users"] == 1
    assert do("gallery", "import", file, "--on-conflict", "skip")["skipped"] == 1

    job = do("bundles", "reload", "farsight-xs", "--force")
    assert (job["state"], job["done"]) == ("succeeded", 3)
    assert [of["id"] for of in do("jobs", "list")] == [job["id"]]
    assert do("jobs", "show", job["id"])["state"] == "succeeded"
    assert do("jobs", "watch", job["id"])["bundle"] == "farsight-xs"
    assert do("bundles", "rollback")["bundle"] == settings.bundle


def test_users_are_listed_and_erased_when_no_networks_can_be_loaded(
    run_app: "RunApp", photo_files: dict[str, list[Path]]
) -> None:
    run_app("register", "--user-id", "anna", *photo_files[ANNA][:3])
    broken = {"FARSIGHT_BUNDLES": "/nowhere", "FARSIGHT_DETECTORS": "/nowhere"}
    assert run_app("identify", photo_files[ANNA][4], **broken).returncode == 1
    assert "anna" in run_app("users", "list", **broken).stdout
    erased = run_app("users", "erase", "anna", "--yes", **broken)
    assert "nothing is left" in erased.stdout, erased.stderr
    assert "0 users" in run_app("users", "list", **broken).stdout


def test_nobody_is_erased_when_it_is_not_confirmed(
    run_app: "RunApp", photo_files: dict[str, list[Path]]
) -> None:
    run_app("register", "--user-id", "anna", *photo_files[ANNA][:3])
    assert run_app("users", "erase", "anna").returncode == 1
    assert "1 users" in run_app("users", "list").stdout
    some = run_app("users", "erase", "nobody", "anna", "--yes")
    assert some.returncode == 1
    assert "Nobody is registered as 'nobody'" in some.stderr
    assert "anna: nothing is left" in some.stdout


@dataclass
class Recorder:
    """Refuses everything and remembers which operations were asked for."""

    asked: set[str] = field(default_factory=set)

    def answer(self, asked: Asked) -> Reply:
        self.asked.add(operation_of(asked.method, asked.path.partition("?")[0]))
        return problem(418, "teapot", "It is refused.")


def test_every_operation_of_the_api_has_a_command(
    photo_files: dict[str, list[Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    photo, file = str(photo_files[ANNA][0]), str(tmp_path / "file")
    gallery = tmp_path / "gallery"
    gallery.write_bytes(b"")
    monkeypatch.setenv("FARSIGHT_API_KEY", "key")
    monkeypatch.setenv("FARSIGHT_DATABASE__URL", settings.database.url)
    lines = [
        ["register", "--user-id", "a", photo],
        ["register", "--user-id", "a", photo, "--replace"],
        ["identify", photo],
        ["verify", photo, "--user-id", "a"],
        ["faces", photo],
        ["faces", photo, "--embeddings"],
        ["users", "list"],
        ["users", "show", "a"],
        ["users", "rename", "a", "b"],
        ["users", "merge", "a", "b", "--yes"],
        ["users", "likeness", "a"],
        ["users", "erase", "a", "--yes"],
        ["users", "erasure", "a"],
        ["users", "thumbnail", "a", file],
        ["photos", "add", "a", photo],
        ["photos", "remove", "a", "5", "--yes"],
        ["photos", "crop", "a", "5", file],
        ["keys", "create", "--scope", "admin"],
        ["keys", "list"],
        ["keys", "revoke", "a"],
        ["audit"],
        ["bundles", "list"],
        ["bundles", "reload", "a"],
        ["bundles", "rollback"],
        ["bundles", "thresholds"],
        ["jobs", "list"],
        ["jobs", "show", "5"],
        ["gallery", "export", file],
    ]
    recorder = Recorder()
    with answering(recorder.answer) as url:
        for line in lines:
            ended = CliRunner().invoke(cli, [*line, "--url", url])
            assert ended.exit_code == 1, line
    # A file is read before it is sent; test_service_is_operated_from_the_shell imports one.
    assert set(OPERATIONS) - recorder.asked - NOT_IN_THE_SHELL == {"POST /v1/gallery/import"}


def _commands(group: Any, above: str = "") -> Iterator[tuple[str, set[str]]]:
    """Names and options of all commands; typer has a click of its own, without types."""
    for name, command in group.commands.items():
        path = f"{above} {name}".strip()
        if hasattr(command, "commands"):
            yield from _commands(command, path)
        else:
            yield path, {option for of in command.params for option in of.opts}


def test_every_command_prints_json_and_works_elsewhere_unless_it_cannot() -> None:
    found = dict(_commands(typer.main.get_command(cli)))
    assert len(found) > 30
    assert {path for path, options in found.items() if "--json" not in options} == NO_JSON
    assert {path for path, options in found.items() if "--url" not in options} == HERE_ALONE


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["identify", "{empty}"], 1, "has no photos right in it."),
        (["identify", "{above}"], 1, "--recursive looks there too"),
        (["identify", "{above}/*.jpg"], 2, "does not exist"),
        (["faces", "missing.jpg"], 2, "does not exist"),
        (["faces", "{photo}", "--aligned"], 2, "--embeddings"),
        (["verify", "{photo}"], 2, "Give another photo"),
        (["users", "metadata", "anna", "[]"], 2, "not a JSON object"),
        (["users", "show", "nobody"], 1, "Nobody is registered as 'nobody'"),
        (["users", "list", "--url", "http://127.0.0.1:9"], 1, "did not answer"),
        (["jobs", "show", "00000000-0000-0000-0000-000000000000"], 1, "No job has the id"),
    ],
)
def test_command_ends_with_a_sentence_when_it_cannot_be_done(
    run_app: "RunApp",
    photo_files: dict[str, list[Path]],
    tmp_path: Path,
    arguments: list[str],
    code: int,
    sentence: str,
) -> None:
    empty, photo = tmp_path / "empty", photo_files[ANNA][0]
    empty.mkdir()
    (empty / "notes.txt").write_text("no photo")
    names = {"empty": empty, "above": photo.parent.parent, "photo": photo}
    done = run_app(*[part.format(**names) for part in arguments], FARSIGHT_API_KEY="fs_no_key")
    assert done.returncode == code
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
