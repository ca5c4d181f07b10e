"""`gallery` from the shell, each command a process."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from app.__main__ import cli
from app.gallery.file import read_gallery, write_gallery
from app.gallery.portable import PortableGallery
from app.graph import open_graph
from app.pipeline import PipelineConfig, build_pipeline
from app.services.keys import COMMAND_LINE
from app.services.registration import NewUser
from app.services.reviewed_photo import Upload
from app.settings import Settings
from tests.program import run_app
from tests.rotated import store_of_two
from tests.service_process import environment

NAMES = ("carl", "anna")


@dataclass
class Shell:
    """Runs commands on a database of its own."""

    settings: Settings
    folder: Path

    def run(self, *arguments: str | Path, bundle: str | None = None) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        variables = environment(self.settings, COLUMNS="120")
        variables["FARSIGHT_BUNDLE"] = bundle or self.settings.bundle
        run = run_app("gallery", *arguments, environment=variables)
        return run.returncode, run.stdout, run.stderr

    def done(self, *arguments: str | Path, bundle: str | None = None) -> str:
        code, out, err = self.run(*arguments, bundle=bundle)
        assert code == 0, out + err
        return out

    def refused(self, *arguments: str | Path, bundle: str | None = None) -> str:
        """The sentence that says why."""
        code, out, err = self.run(*arguments, bundle=bundle)
        assert code == 1, out + err
        assert "Traceback" not in err
        return " ".join(err.split())


@pytest.fixture(scope="module")
def store(stock_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`stock`, and `turned`, which defines another space."""
    return store_of_two(tmp_path_factory.mktemp("store"), stock_bundle)


@pytest.fixture
def shell(make_settings: Callable[[Path], Settings], store: Path, tmp_path: Path) -> Shell:
    """On an empty database."""
    settings = make_settings(tmp_path).model_copy(update={"bundles": store})
    return Shell(settings, tmp_path)


@pytest.fixture(scope="module")
def enrolled(
    make_settings: Callable[[Path], Settings],
    store: Path,
    tmp_path_factory: pytest.TempPathFactory,
    people: dict[str, list[bytes]],
) -> Shell:
    """On a database with two people; tests must leave it as it was."""
    folder = tmp_path_factory.mktemp("enrolled")
    settings = make_settings(folder).model_copy(update={"bundles": store})

    async def enrol() -> None:
        async with open_graph(settings) as graph:
            for name in NAMES:
                prepared = await graph.registration.prepare(
                    graph.current.serving,
                    COMMAND_LINE,
                    NewUser(name, f"Zoë {name}", {"door": 3}, allow_duplicate=False),
                    [await Upload.take(None, photo) for photo in people[name][:4]],
                )
                await graph.registration.store(prepared)

    asyncio.run(enrol())
    return Shell(settings, folder)


@pytest.fixture(scope="module")
def exported(enrolled: Shell) -> Path:
    """Everybody, with crops."""
    path = enrolled.folder / "everybody.pt"
    enrolled.done("export", path, "--crops")
    return path


@pytest.fixture
def gallery(exported: Path) -> PortableGallery:
    return read_gallery(exported)


def test_everybody_is_listed_and_shown(enrolled: Shell, exported: Path) -> None:
    listed = json.loads(enrolled.done("list", "--json"))
    assert listed["bundle"] == "stock"
    assert [user["user_id"] for user in listed["users"]] == list(NAMES)
    assert listed["users"][0]["metadata"] == {"door": 3}
    assert json.loads(enrolled.done("list", "--gallery-path", exported, "--json")) == listed
    table = enrolled.done("list")
    assert "Zoë carl" in table
    assert f"2 users, space {listed['space']}" in table
    shown = json.loads(enrolled.done("show", NAMES[0], "--json"))
    assert len(shown["photos"]) == shown["user"]["photo_count"] >= 3
    assert all(0.3 < photo["similarity"] <= 1 for photo in shown["photos"])
    assert "Nobody is registered as 'nobody'" in enrolled.refused("show", "nobody")


def test_export_tells_what_it_wrote_and_keeps_crops_only_when_asked(
    enrolled: Shell, exported: Path, tmp_path: Path
) -> None:
    path = tmp_path / "slim"
    told = json.loads(enrolled.done("export", path, "--json"))
    assert told["users"] == 2
    assert told["bytes"] == path.stat().st_size < exported.stat().st_size / 5
    again = tmp_path / "again"
    enrolled.done("export", again, "--gallery-path", exported)
    assert again.read_bytes() == path.read_bytes()
    assert "cannot be written" in enrolled.refused("export", tmp_path / "no" / "folder")


def test_everybody_is_there_when_imported(
    enrolled: Shell, shell: Shell, exported: Path, tmp_path: Path
) -> None:
    told = json.loads(shell.done("import", exported, "--json"))
    assert told == {"added": 2, "replaced": 0, "skipped": 0, "reembedded": False}
    assert shell.done("list", "--json") == enrolled.done("list", "--json")
    assert "exist already" in shell.refused("import", exported)
    assert "2 skipped" in shell.done("import", exported, "--on-conflict", "skip")
    path = tmp_path / "round trip"
    shell.done("export", path, "--crops")
    assert json.loads(shell.done("diff", path, exported, "--json")) == {
        "only_first": [],
        "only_second": [],
        "changed": [],
    }


def test_other_space_is_refused_or_embedded_anew(
    enrolled: Shell, shell: Shell, exported: Path, tmp_path: Path
) -> None:
    slim = tmp_path / "slim"
    enrolled.done("export", slim, "--gallery-path", exported)
    assert "cannot be moved" in shell.refused("import", slim, bundle="turned")
    assert "embedded anew" in shell.done("import", exported, bundle="turned")
    moved = tmp_path / "moved"
    shell.done("export", moved, "--crops")
    assert "cannot be compared" in shell.refused("diff", moved, exported)
    # And back, into a file this time.
    target = tmp_path / "target"
    write_gallery(target, replace(read_gallery(exported), users=()))
    shell.done("import", moved, "--gallery-path", target)
    assert "The same people" in shell.done("diff", target, exported)


def test_bad_file_is_refused_and_nothing_changes(
    shell: Shell, exported: Path, tmp_path: Path
) -> None:
    shell.done("import", exported)
    before = shell.done("list", "--json")
    bad = tmp_path / "bad"
    content = bytearray(exported.read_bytes())
    bad.write_bytes(content[:-1])
    assert "cut off" in shell.refused("import", bad, "--on-conflict", "replace")
    content[-100] ^= 1
    bad.write_bytes(content)
    assert "was changed" in shell.refused("import", bad, "--on-conflict", "replace")
    assert "There is no file" in shell.refused("import", tmp_path / "nothing")
    assert shell.done("list", "--json") == before


def test_files_are_merged_and_told_apart(
    shell: Shell, gallery: PortableGallery, tmp_path: Path
) -> None:
    first, second, both = (tmp_path / name for name in ("first", "second", "both"))
    anna, bert = gallery.users
    write_gallery(first, replace(gallery, users=(anna,)))
    changed = replace(anna, template=bert.template)
    write_gallery(second, replace(gallery, users=(changed, bert)))
    code, out, _ = shell.run("diff", first, second)
    assert code == 1
    assert out.splitlines()[0] == f"+ {bert.user_id}: only in second"
    assert out.splitlines()[1].startswith(f"~ {anna.user_id}: the templates have similarity ")
    assert "exist already" in shell.refused("merge", first, second, both)
    assert not both.exists()
    told = json.loads(shell.done("merge", first, second, both, "--on-conflict", "skip", "--json"))
    assert told["users"] == 2
    merged = read_gallery(both)
    assert np.array_equal(merged.users[0].template, anna.template)


def test_gallery_of_old_becomes_a_gallery_file_when_its_space_is_told(
    shell: Shell, gallery: PortableGallery, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.pt", tmp_path / "new.pt"
    torch.save({user.user_id: torch.from_numpy(user.template) for user in gallery.users}, old)
    assert "name its space" in shell.refused("import", old, "--gallery-path", new)
    space = gallery.space_id
    shell.done("import", old, "--legacy-space", space, "--gallery-path", new)
    assert [user.user_id for user in read_gallery(new).users] == list(NAMES)
    assert "only a template" in shell.refused("import", old, "--legacy-space", space)
    pipeline = build_pipeline(
        PipelineConfig(
            bundle=shell.settings.bundles / "stock",
            detectors=shell.settings.detectors,
            gallery=new,
        )
    )
    assert pipeline.gallery.labels == list(NAMES)


def test_database_that_never_served_is_told_so(shell: Shell) -> None:
    assert "nobody is enrolled" in shell.refused("list")


def test_usage_is_wrong_when_an_argument_is_missing_or_unknown(shell: Shell) -> None:
    code, _, err = shell.run("import", "x", "--on-conflict", "maybe")
    assert code == 2
    assert "Usage" in err
    for arguments in (["show"], ["export"], ["import"], ["merge", "x", "y"], ["diff", "x"]):
        assert CliRunner().invoke(cli, ["gallery", *arguments]).exit_code == 2
