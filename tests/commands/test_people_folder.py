"""`register --from-dir`: which folders become which users, with which photos, and what is told."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image as PillowImage

from app.commands.people_plan import user_of
from app.gallery.user_fields import user_id_trouble
from app.services.keys import Scope
from app.settings import Settings
from app.vision.scaling import Pixels
from tests.api.conftest import create_key
from tests.conftest import MakeCrops
from tests.sample_people import write_people
from tests.service_process import serving

if TYPE_CHECKING:
    from tests.commands.conftest import RunApp

ANNA, BERT = "anna", "bert"
Lay = Callable[[str, str, int], list[Path]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "people"
    root.mkdir()
    return root


@pytest.fixture
def lay(root: Path, photo_files: dict[str, list[Path]]) -> Lay:
    """Copies so many photos of a person into a folder below the root."""

    def copy(folder: str, name: str, count: int) -> list[Path]:
        (root / folder).mkdir(parents=True, exist_ok=True)
        return [
            Path(shutil.copy(path, root / folder / path.name)) for path in photo_files[name][:count]
        ]

    return copy


def _json(run_app: "RunApp", *arguments: str | Path, code: int = 0, **changes: str) -> Any:
    done = run_app(*arguments, "--json", **changes)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_any_folder_name_becomes_a_user(run_app: "RunApp", root: Path, lay: Lay) -> None:
    lay("Ada Lovelace", ANNA, 3)
    lay("Jürgen", BERT, 3)
    report = _json(run_app, "register", "--from-dir", root)
    assert report["registered"] == ["Ada-Lovelace", "Jurgen"]
    users = {user["user_id"]: user["display_name"] for user in _json(run_app, "users", "list")}
    assert users == {"Ada-Lovelace": "Ada Lovelace", "Jurgen": "Jürgen"}
    again = _json(run_app, "register", "--from-dir", root)
    assert again["already_registered"] == report["registered"]


@pytest.mark.parametrize(
    ("name", "user_id", "display_name"),
    [
        ("ada", "ada", None),
        ("a.b@c-d", "a.b@c-d", None),
        ("Ada  Lovelace ", "Ada-Lovelace", "Ada  Lovelace"),
        ("Jürgen", "Jurgen", "Jürgen"),
        ("_x", "x", "_x"),
    ],
)
def test_id_is_derived_from_a_name(name: str, user_id: str, display_name: str | None) -> None:
    person = user_of(name)
    assert (person.user_id, person.display_name) == (user_id, display_name)


def test_ids_differ_when_letters_are_lost_in_them() -> None:
    names = ["李雷", "韩梅梅", "Søren", "Sören Ø", "Мария", "x" * 65, "x" * 66, "(", ")"]
    found = [user_of(name).user_id for name in names]
    assert len(set(found)) == len(names)
    assert found == [user_of(name).user_id for name in names]
    assert [user_id_trouble(user_id) for user_id in found] == [None] * len(names)


def test_list_beside_the_folders_tells_ids_names_and_metadata(
    run_app: "RunApp", root: Path, lay: Lay
) -> None:
    lay("team/one", ANNA, 3)
    lay("bert", BERT, 3)
    (root / "people.csv").write_text(
        "\ufefffolder;user_id;display_name;door\nteam/one;e-17;Ada Lovelace;3\nbert;;Bert;\n"
    )
    assert _json(run_app, "register", "--from-dir", root)["registered"] == ["bert", "e-17"]
    shown = _json(run_app, "users", "show", "e-17")["user"]
    assert (shown["display_name"], shown["metadata"]) == ("Ada Lovelace", {"door": "3"})
    shown = _json(run_app, "users", "show", "bert")["user"]
    assert (shown["display_name"], shown["metadata"]) == ("Bert", {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name\nx\n", "needs a head line"),
        ("folder,user_id\nmissing,x\n", "line 2: there is no folder 'missing'"),
        ("folder\n../people\n", "there is no folder '../people'"),
        ("folder,user_id\nanna,x,y\n", "more fields than columns"),
        ("folder,user_id\nanna,x\nanna,y\n", "two lines with the folder"),
        ("folder,user_id\nanna,x\nbert,x\n", "two lines with the user_id x"),
    ],
)
def test_nothing_is_sent_when_the_list_cannot_be_used(
    run_app: "RunApp", root: Path, lay: Lay, text: str, sentence: str
) -> None:
    lay("anna", ANNA, 3)
    lay("bert", BERT, 3)
    (root / "people.csv").write_text(text)
    refused = run_app("register", "--from-dir", root)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "0 users" in run_app("users", "list").stdout


def test_photos_are_known_by_content_and_what_is_skipped_is_named(
    run_app: "RunApp", root: Path, lay: Lay
) -> None:
    first, second, third = lay("anna", ANNA, 3)
    first.rename(first.with_suffix(".jfif"))
    second.rename(second.with_suffix(""))
    PillowImage.open(third).save(third.with_suffix(".HEIC"), format="HEIF")
    third.unlink()
    (root / "anna" / "notes.txt").write_text("no photo")
    for hidden in (".thumbs", "@eaDir"):
        lay(f"anna/{hidden}", BERT, 2)
        lay(hidden, BERT, 3)
    lay("anna/2023", ANNA, 5)
    (root / "readme").write_text("about these photos")
    report = _json(run_app, "register", "--from-dir", root)
    assert report["registered"] == ["anna"]
    assert _json(run_app, "users", "show", "anna")["user"]["photo_count"] == 3
    assert {of["path"]: of["why"].partition(":")[0] for of in report["skipped"]} == {
        "anna/notes.txt": "no photo",
        "anna/.thumbs": "hidden, or a system's own",
        "anna/@eaDir": "hidden, or a system's own",
        ".thumbs": "hidden, or a system's own",
        "@eaDir": "hidden, or a system's own",
        "anna/2023": "a folder in a person's folder",
        "readme": "not in the folder of a person",
    }


def test_photos_in_deeper_folders_are_the_persons_when_asked_for(
    run_app: "RunApp", root: Path, lay: Lay
) -> None:
    lay("anna/2023/may", ANNA, 3)
    lay("anna/2024", ANNA, 4)
    report = _json(run_app, "register", "--from-dir", root, "--recursive")
    assert report["registered"] == ["anna"]
    assert {photo["reason"] for photo in report["rejected_photos"]} == {"duplicate_photo"}
    assert _json(run_app, "users", "show", "anna")["user"]["photo_count"] == 4


@pytest.fixture
def many(make_crops: MakeCrops, tmp_path: Path) -> Path:
    """Two people with 24 pictures each, cut out of four crops; of one the first are unusable."""
    crops: dict[str, list[Pixels]] = make_crops(2, 4)
    folder = write_people(tmp_path / "many", crops)
    for number, person in enumerate(sorted(crops)):
        pictures = sorted((folder / person).glob("*.png"))
        for shift in range(1, 6):
            for picture in pictures:
                image = PillowImage.open(picture)
                size = image.width - shift
                shifted = image.crop((shift, shift, size, size)).resize((112, 112))
                shifted.save(picture.with_name(f"{picture.stem}-{shift}.png"))
        for index in range(21 * number):
            (folder / person / f"-{index:02}.png").write_bytes(b"no photo %d" % index)
    return folder


def test_person_is_registered_when_the_photos_are_more_than_a_request_holds(
    run_app: "RunApp", many: Path, settings: Settings, tmp_path: Path
) -> None:
    report = tmp_path / "report.csv"
    key = create_key(settings, Scope.ENROLL, Scope.IDENTIFY)
    with serving(settings, tmp_path, FARSIGHT_LIMITS__MAX_PHOTOS="15") as service:
        told = _json(
            run_app,
            *("register", "--from-dir", many, "--aligned", "--allow-duplicate"),
            *("--report", report, "--url", service.url),
            FARSIGHT_API_KEY=key,
        )
    assert len(told["registered"]) == 2
    with report.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 24 + 24 + 21
    counts = {user["user_id"]: user["photo_count"] for user in _json(run_app, "users", "list")}
    for user_id in told["registered"]:
        used = [line for line in lines if (line["user_id"], line["outcome"]) == (user_id, "used")]
        assert len(used) == counts[user_id] >= 3
        assert all(line["photo_id"] for line in used)
    unreadable = [line for line in lines if line["reason"] == "unreadable_image"]
    assert {line["outcome"] for line in unreadable} == {"not used"}
    assert len(unreadable) == 21
    assert {line["outcome"] for line in lines} == {"used", "not used"}


def test_rest_of_a_person_is_sent_when_a_run_ended_after_the_first_request(
    run_app: "RunApp", many: Path
) -> None:
    person = sorted(path for path in many.iterdir() if path.is_dir())[0]
    first = sorted(person.glob("*.png"))[:20]
    done = run_app("register", "--user-id", person.name, "--aligned", *first)
    assert done.returncode == 0, done.stdout
    before = _json(run_app, "users", "show", person.name)["user"]["photo_count"]
    others = [path for path in many.iterdir() if path != person]
    for path in others:
        shutil.rmtree(path)
    report = _json(run_app, "register", "--from-dir", many, "--aligned")
    assert report["already_registered"] == [person.name]
    after = _json(run_app, "users", "show", person.name)["user"]["photo_count"]
    rejected = len(report["rejected_photos"])
    assert after + rejected == before + 4


def test_dry_run_tells_everything_and_sends_nothing(
    run_app: "RunApp", root: Path, lay: Lay, tmp_path: Path
) -> None:
    lay("Ada Lovelace", ANNA, 3)
    lay("bert", BERT, 3)
    lay("Bert?", BERT, 1)
    (root / "empty").mkdir()
    run_app("register", "--user-id", "bert", root / "bert")
    report = tmp_path / "report.csv"
    told = _json(run_app, "register", "--from-dir", root, "--dry-run", "--report", report, code=1)
    assert told["would_register"] == [
        {
            "user_id": "Ada-Lovelace",
            "display_name": "Ada Lovelace",
            "metadata": {},
            "folder": "Ada Lovelace",
            "photos": 3,
        },
        {
            "user_id": "Bert",
            "display_name": "Bert?",
            "metadata": {},
            "folder": "Bert?",
            "photos": 1,
        },
    ]
    assert told["already_registered"] == ["bert"]
    assert [(of["user_id"], of["code"]) for of in told["refused"]] == [("empty", "no_photos")]
    assert report.read_text().count("would be sent") == 4
    assert report.read_text().count("not sent") == 3
    shown = run_app("register", "--from-dir", root, "--dry-run")
    assert "2 people with 4 photos would be sent, 1 are registered already" in shown.stdout
    assert "1 users" in run_app("users", "list").stdout


def test_second_folder_of_one_id_is_refused(run_app: "RunApp", root: Path, lay: Lay) -> None:
    lay("Ada Lovelace", ANNA, 3)
    lay("Ada_Lovelace", BERT, 3)
    lay("Ada-Lovelace", BERT, 3)
    report = _json(run_app, "register", "--from-dir", root, "--dry-run", code=1)
    assert [of["user_id"] for of in report["would_register"]] == ["Ada-Lovelace", "Ada_Lovelace"]
    assert "tell them in people.csv" in report["refused"][0]["detail"]


@pytest.mark.parametrize(
    ("folders", "named", "sentence"),
    [
        ((), ".", "has no photos"),
        (("people/anna", "people/bert"), ".", "Did you mean --from-dir {root}/people?"),
        (("anna",), "anna", "--user-id NAME --photos {root}/anna"),
    ],
)
def test_next_step_is_told_when_the_folder_has_another_shape(
    run_app: "RunApp",
    root: Path,
    lay: Lay,
    folders: tuple[str, ...],
    named: str,
    sentence: str,
) -> None:
    for folder in folders:
        lay(folder, ANNA, 1)
    refused = run_app("register", "--from-dir", root / named)
    assert refused.returncode == 1
    assert sentence.format(root=root) in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from-dir", "{root}", "--name", "x"],
        ["--user-id", "x", "{photo}", "--dry-run"],
        ["--user-id", "x", "{photo}", "--report", "x.csv"],
    ],
)
def test_usage_is_wrong_when_options_do_not_go_together(
    run_app: "RunApp", root: Path, lay: Lay, arguments: list[str]
) -> None:
    (photo,) = lay("anna", ANNA, 1)
    given = [part.format(root=root, photo=photo) for part in arguments]
    assert run_app("register", *given).returncode == 2
