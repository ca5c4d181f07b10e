"""Old galleries: `{label: tensor}` as torch.save writes it, without code."""

import io
import pickle
import re
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from app.errors import GalleryFileError
from app.gallery.file import MAX_BYTES, is_torch_file, read_bounded
from app.gallery.portable import PortableGallery, PortableUser, check_gallery
from app.gallery.user_fields import MAX_USER_ID_CHARS, USER_ID_PATTERN
from app.vision.dimensions import EMBEDDING_SIZE

_BUNDLE = "legacy"
_NOT_IN_USER_IDS = re.compile(r"[^A-Za-z0-9._@-]+")
# What torch.load raises on other files, damaged ones, or those with more than tensors.
_LOAD_ERRORS = (
    RuntimeError,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


def read_legacy_gallery(path: Path, space_id: str, max_bytes: int = MAX_BYTES) -> PortableGallery:
    """Reads a gallery that torch.save wrote.

    Such a file does not say which weights made its vectors; the importer must know. A label
    becomes the `user_id`; one with other characters (spaces, umlauts) becomes the display name,
    and underscores stand for these characters in the `user_id`.

    Args:
        path: The file.
        space_id: The space that its vectors are in.
        max_bytes: Largest size, also unpacked.

    Raises:
        GalleryFileError: Too large; not such a file; more in it than tensors, which are then not
            loaded; a vector that is not an embedding; two labels that become one `user_id`.
    """
    content = read_bounded(path, max_bytes)
    if not is_torch_file(content):
        raise GalleryFileError("This is not an old gallery: torch.save did not write it.")
    users = tuple(_user(label, value) for label, value in _load(content, max_bytes).items())
    gallery = PortableGallery(space_id, _BUNDLE, users)
    check_gallery(gallery)
    return gallery


def _load(content: bytes, max_bytes: int) -> dict[object, object]:
    try:
        if zipfile.is_zipfile(io.BytesIO(content)):
            _refuse_bomb(content, max_bytes)
        with warnings.catch_warnings():
            # torch warns that it may not read newer pickles; if it cannot, it fails.
            warnings.simplefilter("ignore", UserWarning)
            stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except _LOAD_ERRORS as error:
        raise GalleryFileError(
            "The old gallery cannot be read: it is damaged or holds more than tensors, such "
            "as code, which is never run."
        ) from error
    if not isinstance(stored, dict):
        raise GalleryFileError("The torch.save file does not hold a {label: tensor} dictionary.")
    return stored


def _refuse_bomb(content: bytes, max_bytes: int) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > max_bytes:
            raise GalleryFileError(f"Unpacked, the file has more than {max_bytes:,} bytes.")


def _user(label: object, value: object) -> PortableUser:
    if not isinstance(label, str) or not isinstance(value, Tensor):
        raise GalleryFileError("The torch.save file holds something other than {label: tensor}.")
    user_id = _NOT_IN_USER_IDS.sub("_", label).lstrip("._@-")[:MAX_USER_ID_CHARS]
    if not re.fullmatch(USER_ID_PATTERN, user_id):
        raise GalleryFileError("A label of the gallery has no letter or digit.")
    plain = value.layout == torch.strided and value.is_cpu and value.is_floating_point()
    if not plain or value.numel() != EMBEDDING_SIZE:
        raise GalleryFileError(f"The tensor of {user_id!r} does not have {EMBEDDING_SIZE} numbers.")
    vector = value.detach().double().reshape(-1).numpy()
    norm = float(np.linalg.norm(vector))
    # A zero vector or one with NaN stays as it is, and the check refuses it.
    template = np.asarray(vector / norm if norm > 0 else vector, dtype=np.float32)
    return PortableUser(user_id, template, 1, display_name=None if label == user_id else label)
