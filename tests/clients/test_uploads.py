"""Photos and gallery files may be paths, bytes or file objects."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import pytest

from farsight_client import ApiError, AsyncClient, Client, Photo
from tests.answering import Asked, Part, Reply, answering, problem

T = TypeVar("T")

GALLERY = "application/octet-stream"


@dataclass
class Files:
    """Keeps what was uploaded; answers `reply`."""

    url: str = ""
    reply: Reply = field(default_factory=lambda: problem(418, "teapot", "It is refused."))
    seen: list[Part] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        self.seen += [part for part in asked.form() if part.filename is not None]
        return self.reply


@pytest.fixture
def files() -> Iterator[Files]:
    state = Files()
    with answering(state.answer) as state.url:
        yield state


def _given(given: T) -> AbstractContextManager[T]:
    """Closes what can be closed."""
    return closing(given) if hasattr(given, "close") else nullcontext(given)


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "door.jpg"
    path.write_bytes(b"photo")
    return path


@pytest.mark.parametrize(
    ("photo_of", "name"),
    [
        (lambda path: path, "door.jpg"),
        (str, "door.jpg"),
        (lambda path: path.read_bytes(), "photo"),
        (lambda path: ("1.jpg", path.read_bytes()), "1.jpg"),
        (lambda path: path.open("rb"), "door.jpg"),
        (lambda path: BytesIO(path.read_bytes()), "photo"),
    ],
)
async def test_photo_arrives_whatever_it_is_given_as(
    photo_of: Callable[[Path], Photo], name: str, files: Files, path: Path
) -> None:
    calls: list[Callable[[Client | AsyncClient, Photo], object]] = [
        lambda client, photo: client.identify(photo),
        lambda client, photo: client.register("ada", [photo]),
        lambda client, photo: client.add_photos("ada", (photo,)),
        lambda client, photo: client.verify_user(photo, "ada"),
    ]
    with Client(files.url, "key") as client:
        for call in calls:
            with _given(photo_of(path)) as photo, pytest.raises(ApiError):
                call(client, photo)
    async with AsyncClient(files.url, "key") as awaits:
        with _given(photo_of(path)) as photo, pytest.raises(ApiError):
            await awaits.identify(photo)
    places = ["photos"] * 3 + ["photo", "photos"]
    assert files.seen == [(place, name, b"photo") for place in places]


def test_photos_arrive_in_order_when_they_are_of_several_kinds(files: Files, path: Path) -> None:
    with Client(files.url, "key") as client, pytest.raises(ApiError):
        client.register("ada", [str(path), b"2", ("3.jpg", b"3"), BytesIO(b"4")])
    with Client(files.url, "key") as client, pytest.raises(ApiError):
        client.verify_photos(path, b"2")
    assert [content for _, _, content in files.seen] == [b"photo", b"2", b"3", b"4", b"photo", b"2"]
    assert [place for place, _, _ in files.seen[4:]] == ["photo", "other_photo"]


def test_nothing_is_sent_when_a_photo_cannot_be_read(files: Files, tmp_path: Path) -> None:
    with Client(files.url, "key") as client, pytest.raises(FileNotFoundError, match="missing"):
        client.identify(tmp_path / "missing.jpg")
    assert files.seen == []


async def test_gallery_is_written_to_a_path_for_its_owner_alone(
    files: Files, tmp_path: Path
) -> None:
    files.reply = Reply(200, b"gallery" * 100_000, GALLERY)
    target = tmp_path / "everybody.gallery"
    target.write_bytes(b"the old one")
    with Client(files.url, "key") as client:
        client.export_gallery(target)
    assert target.read_bytes() == files.reply.body
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    target.unlink()
    async with AsyncClient(files.url, "key") as awaits:
        await awaits.export_gallery(os.fspath(target))
    assert target.read_bytes() == files.reply.body
    assert _inside(tmp_path) == [target]


async def test_gallery_is_written_to_an_open_file(files: Files) -> None:
    files.reply = Reply(200, b"gallery", GALLERY)
    target = BytesIO()
    with Client(files.url, "key") as client:
        client.export_gallery(target)
    async with AsyncClient(files.url, "key") as awaits:
        await awaits.export_gallery(target)
    assert target.getvalue() == b"gallerygallery"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(200, b"gall", GALLERY, breaks_off=True), "unreachable"),
        (Reply(200, b"<html>", "text/html"), "not_farsight"),
        (problem(403, "missing_scope", "The key lacks admin."), "missing_scope"),
    ],
)
async def test_older_gallery_stays_when_the_new_one_does_not_come(
    reply: Reply, code: str, files: Files, tmp_path: Path
) -> None:
    files.reply = reply
    target = tmp_path / "everybody.gallery"
    target.write_bytes(b"the old one")
    with Client(files.url, "key") as client, pytest.raises(ApiError) as error:
        client.export_gallery(target)
    assert error.value.code == code
    async with AsyncClient(files.url, "key") as awaits:
        with pytest.raises(ApiError) as error:
            await awaits.export_gallery(target)
    assert error.value.code == code
    assert target.read_bytes() == b"the old one"
    assert _inside(tmp_path) == [target]


@pytest.mark.parametrize("given", [lambda path: path, lambda path: path.open("rb")])
def test_gallery_file_arrives_whatever_it_is_given_as(
    given: Callable[[Path], Path], files: Files, path: Path
) -> None:
    files.reply = Reply(200, {"added": 1, "replaced": 2, "skipped": 3, "reembedded": False})
    with Client(files.url, "key") as client, _given(given(path)) as file:
        assert client.import_gallery(file, on_conflict="skip").skipped == 3
    assert files.seen == [("file", "gallery", b"photo")]
