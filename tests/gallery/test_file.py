"""Gallery files: what is written is read again, and everything else is refused with a reason."""

import hashlib
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.errors import GalleryFileError
from app.gallery.file import (
    encode_gallery,
    parse_gallery,
    read_gallery,
    write_gallery,
)
from app.gallery.portable import PortableGallery, PortableUser

Change = Callable[[dict[str, object]], None]


def _as_values(gallery: PortableGallery) -> object:
    """Comparable: arrays as bytes."""
    return [
        (
            gallery.space_id,
            gallery.bundle,
            user.user_id,
            user.display_name,
            user.metadata,
            user.photo_count,
            user.template.tobytes(),
            [
                (p.embedding.tobytes(), p.crop_png, p.face_px, p.quality, p.sha256)
                for p in user.photos
            ],
        )
        for user in gallery.users
    ]


def _content(gallery: PortableGallery) -> bytes:
    return b"".join(encode_gallery(gallery))


def _header(content: bytes) -> dict[str, dict[str, object]]:
    length = int.from_bytes(content[:8], "little")
    header: dict[str, dict[str, object]] = msgspec.json.decode(content[8 : 8 + length])
    return header


def _forged(content: bytes, change: Change) -> bytes:
    """The file with another description and a digest that fits: what an attacker would make."""
    header = _header(content)
    metadata = header["__metadata__"]
    about = msgspec.json.decode(str(metadata["farsight_gallery"]))
    change(about)
    metadata["farsight_gallery"] = msgspec.json.encode(about).decode()
    return _sealed(header, content)


def _sealed(header: object, content: bytes) -> bytes:
    document = msgspec.json.encode(header)
    tensors = content[8 + int.from_bytes(content[:8], "little") : -32]
    forged = len(document).to_bytes(8, "little") + document + tensors
    return forged + hashlib.sha256(forged).digest()


def test_gallery_is_the_same_when_read_again(gallery: PortableGallery, tmp_path: Path) -> None:
    path = tmp_path / "gallery.pt"
    write_gallery(path, gallery)
    again = read_gallery(path)
    assert _as_values(again) == _as_values(gallery)
    assert len(again.users) == 3
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_gallery_is_the_same_when_it_is_empty() -> None:
    empty = PortableGallery("0" * 16, "stock", ())
    again = parse_gallery(_content(empty))
    assert (again.space_id, again.users) == ("0" * 16, ())


def test_file_is_safetensors_when_another_tool_opens_it(
    gallery: PortableGallery, tmp_path: Path
) -> None:
    path = tmp_path / "gallery.safetensors"
    write_gallery(path, gallery)
    tensors = safetensors.numpy.load_file(path)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    assert shapes.pop("crops")[0] > 60_000
    assert shapes == {"templates": (3, 512), "embeddings": (4, 512), "sha256": (32,)}


@hypothesis_settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_file_is_refused_when_any_bit_has_changed(
    gallery: PortableGallery, place: float, bit: int
) -> None:
    content = bytearray(_content(gallery))
    # Half of the places are in the header, where a change has most to offer.
    end = 3000 if bit % 2 else len(content)
    content[int(place * end)] ^= 1 << bit
    with pytest.raises(GalleryFileError):
        parse_gallery(bytes(content))


@hypothesis_settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True))
def test_file_is_refused_when_cut_off_anywhere(gallery: PortableGallery, place: float) -> None:
    content = _content(gallery)
    with pytest.raises(GalleryFileError):
        parse_gallery(content[: int(place * len(content))])


@hypothesis_settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200))
def test_bytes_are_refused_when_they_are_anything(content: bytes) -> None:
    with pytest.raises(GalleryFileError):
        parse_gallery(content)


def test_file_is_refused_when_longer_than_written(gallery: PortableGallery) -> None:
    with pytest.raises(GalleryFileError, match="SHA-256"):
        parse_gallery(_content(gallery) + b"\0")


def test_file_is_refused_when_larger_than_allowed(gallery: PortableGallery, tmp_path: Path) -> None:
    path = tmp_path / "gallery"
    write_gallery(path, gallery)
    size = path.stat().st_size
    assert len(read_gallery(path, max_bytes=size).users) == 3
    with pytest.raises(GalleryFileError, match="accepted"):
        read_gallery(path, max_bytes=size - 1)
    with pytest.raises(GalleryFileError, match="accepted"):
        parse_gallery(path.read_bytes(), max_bytes=size - 1)


def test_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "gallery.pt"
    path.write_bytes(pickle.dumps({"anna": Bomb()}))
    with pytest.raises(GalleryFileError, match="pickle"):
        read_gallery(path)
    assert not (tmp_path / "ran").exists()


def _set(**values: object) -> Change:
    return lambda about: about.update(values)


def _set_user(index: int, **values: object) -> Change:
    def change(about: dict[str, object]) -> None:
        users = about["users"]
        assert isinstance(users, list)
        users[index].update(values)

    return change


def _set_photo(**values: object) -> Change:
    def change(about: dict[str, object]) -> None:
        users = about["users"]
        assert isinstance(users, list)
        users[0]["photos"][0].update(values)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_set(format_version=2), "format version 2"),
        (_set(format_version="1"), "invalid"),
        (_set(space_id="0123"), "space_id"),
        (_set(bundle="../stock"), "bundle"),
        (_set(owner="me"), "unknown field"),
        (_set(users=[]), "do not fit"),
        (_set_user(1, user_id="anna"), "'anna' twice"),
        (_set_user(1, user_id="bert\n"), "user_id"),
        (_set_user(1, user_id="../bert"), "user_id"),
        (_set_user(1, display_name="be\u0007rt"), "display_name"),
        (_set_user(1, display_name=""), "display_name"),
        (_set_user(1, metadata={"a": {"deep": 1}}), "metadata"),
        (_set_user(1, metadata={str(i): i for i in range(33)}), "metadata"),
        (_set_user(1, photo_count=3), "lacks photos of user 'bert'"),
        (_set_user(1, photo_count=0), "photo_count"),
        (_set_photo(face_px=0), "face_px"),
        (_set_photo(quality={"sharpness": 1}), "quality"),
        (_set_photo(sha256="12"), "sha256"),
        (_set_photo(sha256=f"{11:064x}"), "photo of user 'anna' twice"),
        (_set_photo(crop_bytes=-1), "crop_bytes"),
        (_set_photo(crop_bytes=10), "do not fit"),
    ],
)
def test_file_is_refused_with_the_reason_when_it_says_what_can_not_be(
    gallery: PortableGallery, change: Change, reason: str
) -> None:
    content = _content(gallery)
    assert len(parse_gallery(_forged(content, lambda about: None)).users) == 3
    with pytest.raises(GalleryFileError, match=reason):
        parse_gallery(_forged(content, change))


def test_file_is_refused_when_a_tensor_has_another_shape_or_type(gallery: PortableGallery) -> None:
    content = _content(gallery)
    for name, shape, dtype in [
        ("templates", [512, 3], "F32"),
        ("templates", [3, 1024], "F16"),
        ("sha256", [4, 8], "U8"),
    ]:
        header = _header(content)
        header[name] |= {"shape": shape, "dtype": dtype}
        with pytest.raises(GalleryFileError):
            parse_gallery(_sealed(header, content))


def test_file_is_refused_when_its_header_is_nested_without_end(gallery: PortableGallery) -> None:
    deep = b'{"a":' + b"[" * 100_000
    with pytest.raises(GalleryFileError):
        parse_gallery(len(deep).to_bytes(8, "little") + deep)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5])
def test_vector_is_refused_when_not_finite_or_not_of_unit_length(
    embedding_of: Callable[[int], np.ndarray], value: float
) -> None:
    template = embedding_of(1)
    user = PortableUser("anna", template, 1)
    content = _content(PortableGallery("0" * 16, "stock", (user,)))
    bad = template.copy()
    bad[7] = value
    assert content.count(template.tobytes()) == 1
    forged = content[:-32].replace(template.tobytes(), bad.tobytes())
    with pytest.raises(GalleryFileError, match="unit length"):
        parse_gallery(forged + hashlib.sha256(forged).digest())
    with pytest.raises(GalleryFileError, match="unit length"):
        encode_gallery(PortableGallery("0" * 16, "stock", (replace(user, template=bad),)))


@pytest.mark.parametrize("crop", [b"GIF89a", b"\x89PNG\r\n\x1a\n and no more"])
def test_crop_is_refused_when_it_is_no_png(gallery: PortableGallery, crop: bytes) -> None:
    anna = gallery.users[0]
    photo = replace(anna.photos[0], crop_png=crop)
    bad = replace(anna, photos=(photo, anna.photos[1]))
    with pytest.raises(GalleryFileError, match="crop"):
        encode_gallery(replace(gallery, users=(bad,)))


def test_nothing_is_written_when_it_could_not_be_read_again(
    gallery: PortableGallery, tmp_path: Path
) -> None:
    path = tmp_path / "gallery"
    write_gallery(path, gallery)
    before = path.read_bytes()
    named = replace(gallery.users[2], user_id="no/such name")
    with pytest.raises(GalleryFileError, match="user_id"):
        write_gallery(path, replace(gallery, users=(named,)))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_former_file_stays_when_the_disk_is_full(
    gallery: PortableGallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gallery"
    write_gallery(path, replace(gallery, users=()))
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(GalleryFileError, match="No space left"):
        write_gallery(path, gallery)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_file_is_refused_when_there_is_none_or_it_is_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(GalleryFileError, match="There is no file"):
            read_gallery(path)
