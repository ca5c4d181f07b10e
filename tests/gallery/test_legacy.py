"""Galleries that torch.save wrote: tensors come in, code does not."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from app.errors import GalleryFileError
from app.gallery.file import read_gallery, write_gallery
from app.gallery.legacy import read_legacy_gallery
from app.gallery.portable import PortableGallery

SPACE = "0123456789abcdef"


@pytest.mark.parametrize("zipped", [True, False])
def test_labels_become_users_when_torch_saved_them(
    tmp_path: Path, embedding_of: Callable[[int], np.ndarray], zipped: bool
) -> None:
    path = tmp_path / "old.pt"
    stored = {
        "anna": torch.from_numpy(embedding_of(1)) * 7,  # not of unit length
        "Zoë van Dyk": torch.from_numpy(embedding_of(2))[None].double(),
    }
    torch.save(stored, path, _use_new_zipfile_serialization=zipped)
    gallery = read_legacy_gallery(path, SPACE)
    anna, zoe = gallery.users
    assert gallery.space_id == SPACE
    assert (anna.user_id, anna.display_name) == ("anna", None)
    assert (zoe.user_id, zoe.display_name) == ("Zo_van_Dyk", "Zoë van Dyk")
    assert np.abs(anna.template - embedding_of(1)).max() < 1e-6
    assert np.abs(zoe.template - embedding_of(2)).max() < 1e-6
    write_gallery(path, gallery)  # and now it is a gallery file of the same name
    assert len(read_gallery(path).users) == 2


def test_code_is_refused_and_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "old.pt"
    torch.save({"anna": Bomb()}, path)
    with pytest.raises(GalleryFileError, match="never run"):
        read_legacy_gallery(path, SPACE)
    path.write_bytes(pickle.dumps({"anna": Bomb()}))
    with pytest.raises(GalleryFileError, match="never run"):
        read_legacy_gallery(path, SPACE)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ([torch.ones(512)], "not hold a {label: tensor}"),
        ({"anna": 1.0}, "something other"),
        ({1: torch.ones(512)}, "something other"),
        ({"anna": torch.ones(128)}, "does not have 512 numbers"),
        ({"anna": torch.ones(512, dtype=torch.int64)}, "does not have 512 numbers"),
        ({"anna": torch.full((512,), torch.nan)}, "unit length"),
        ({"anna": torch.zeros(512)}, "unit length"),
        ({"anna": torch.ones(512).to_sparse()}, "does not have 512 numbers"),
        ({"...": torch.ones(512)}, "no letter or digit"),
        ({"a b": torch.ones(512), "a/b": torch.ones(512)}, "'a_b' twice"),
    ],
)
def test_file_is_refused_with_the_reason_when_it_is_no_gallery(
    tmp_path: Path, stored: object, reason: str
) -> None:
    path = tmp_path / "old.pt"
    torch.save(stored, path)
    with pytest.raises(GalleryFileError, match=reason):
        read_legacy_gallery(path, SPACE)


def test_file_is_refused_when_damaged_or_too_large_also_unpacked(
    tmp_path: Path, gallery: PortableGallery
) -> None:
    path = tmp_path / "old.pt"
    torch.save({"anna": torch.ones(512)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GalleryFileError, match="damaged"):
        read_legacy_gallery(path, SPACE)
    path.write_bytes(whole)
    with pytest.raises(GalleryFileError, match="accepted"):
        read_legacy_gallery(path, SPACE, max_bytes=len(whole) - 1)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1_000_000))
    path.write_bytes(packed.getvalue())
    with pytest.raises(GalleryFileError, match="Unpacked"):
        read_legacy_gallery(path, SPACE, max_bytes=100_000)
    write_gallery(path, gallery)
    with pytest.raises(GalleryFileError, match="not an old gallery"):
        read_legacy_gallery(path, SPACE)
