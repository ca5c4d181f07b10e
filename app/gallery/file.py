"""Gallery files: everybody in one space in one file, for backups, moves and notebooks.

A gallery file is safetensors, so nothing in it can run and other tools can open it:

- metadata `farsight_gallery`: JSON with the format's version, the space, the bundle, and who the
  rows of the tensors belong to;
- `templates` (users, 512) and `embeddings` (photos, 512), float32;
- `crops`, uint8: the PNG files of the photos' crops, one after the other;
- `sha256`, uint8 (32,): the digest of all bytes before it. It ends the file.

Input is not trusted: every error is a `GalleryFileError` with its reason.
"""

import hashlib
import math
import os
import tempfile
from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from app.errors import GalleryFileError
from app.gallery.portable import (
    PortableGallery,
    PortablePhoto,
    PortableUser,
    check_gallery,
)
from app.gallery.user_fields import (
    DISPLAY_NAME_PATTERN,
    GROUP_PATTERN,
    LARGEST_METADATA_NUMBER,
    MAX_DISPLAY_NAME_CHARS,
    MAX_GROUPS,
    MAX_METADATA_ENTRIES,
    MAX_METADATA_KEY_CHARS,
    MAX_METADATA_TEXT_CHARS,
    METADATA_KEY_PATTERN,
    METADATA_TEXT_PATTERN,
    USER_ID_PATTERN,
)
from app.vision.bundle import sync_folder
from app.vision.dimensions import EMBEDDING_SIZE
from app.vision.manifest import Name, Sha256
from app.vision.quality import Quality

MAX_BYTES = 1_000_000_000
"""Of a file, unless the caller sets another limit: half a million users, or 8,000 with crops."""

_FORMAT_VERSION = 1
_DIGEST_BYTES = hashlib.sha256().digest_size
_LENGTH_BYTES = 8
_PIECE_BYTES = 1 << 18
_ITEM_BYTES = {"F32": 4, "U8": 1}

# Patterns end in \Z: Python's $ would let a line break pass.
_SpaceId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
_UserId = Annotated[str, msgspec.Meta(pattern=rf"^{USER_ID_PATTERN}\Z")]
_Group = Annotated[str, msgspec.Meta(pattern=rf"^{GROUP_PATTERN}\Z")]
_DisplayName = Annotated[
    str,
    msgspec.Meta(max_length=MAX_DISPLAY_NAME_CHARS, pattern=rf"^{DISPLAY_NAME_PATTERN}\Z"),
]
_MetadataNumber = msgspec.Meta(ge=-LARGEST_METADATA_NUMBER, le=LARGEST_METADATA_NUMBER)
_Metadata = Annotated[
    dict[
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=MAX_METADATA_KEY_CHARS,
                pattern=rf"^{METADATA_KEY_PATTERN}\Z",
            ),
        ],
        bool
        | Annotated[int, _MetadataNumber]
        | Annotated[float, _MetadataNumber]
        | Annotated[
            str,
            msgspec.Meta(
                max_length=MAX_METADATA_TEXT_CHARS, pattern=rf"^{METADATA_TEXT_PATTERN}\Z"
            ),
        ]
        | None,
    ],
    msgspec.Meta(max_length=MAX_METADATA_ENTRIES),
]


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A misspelt field is an error, not a default."""


class _PhotoRecord(_Record, frozen=True, kw_only=True):
    crop_bytes: Annotated[int, msgspec.Meta(ge=0)]
    face_px: Annotated[float, msgspec.Meta(gt=0)]
    quality: Quality
    sha256: Sha256


class _UserRecord(_Record, frozen=True, kw_only=True, omit_defaults=True):
    """Groups are left out where there are none: older versions read such files."""

    user_id: _UserId
    display_name: _DisplayName | None
    metadata: _Metadata
    groups: Annotated[tuple[_Group, ...], msgspec.Meta(max_length=MAX_GROUPS)] = ()
    photo_count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    photos: Annotated[tuple[_PhotoRecord, ...], msgspec.Meta(max_length=10_000)]


class _Description(_Record, frozen=True, kw_only=True):
    format_version: Literal[1] = 1
    space_id: _SpaceId
    bundle: Name
    users: Annotated[tuple[_UserRecord, ...], msgspec.Meta(max_length=1_000_000)]


class _Version(msgspec.Struct):
    format_version: int


class _FileMetadata(_Record, frozen=True, kw_only=True):
    farsight_gallery: str


class _Tensor(_Record, frozen=True, kw_only=True):
    dtype: Literal["F32", "U8"]
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class _Header(_Record, frozen=True, kw_only=True):
    """The header of the safetensors file."""

    metadata: _FileMetadata = msgspec.field(name="__metadata__")
    templates: _Tensor
    embeddings: _Tensor
    crops: _Tensor
    sha256: _Tensor


def read_gallery(path: Path, max_bytes: int = MAX_BYTES) -> PortableGallery:
    """Reads a gallery file, whatever its suffix.

    Raises:
        GalleryFileError: See parse_gallery; or there is no such file.
    """
    return parse_gallery(read_bounded(path, max_bytes), max_bytes)


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """The bytes of a plain file within the size limit.

    Raises:
        GalleryFileError: There is none, or it is larger.
    """
    if not path.is_file():
        raise GalleryFileError(f"There is no file {path.name!r}.")
    _refuse_size(path.stat().st_size, max_bytes)
    return path.read_bytes()


def parse_gallery(content: bytes, max_bytes: int = MAX_BYTES) -> PortableGallery:
    """The gallery in the bytes of a gallery file, every value checked.

    Raises:
        GalleryFileError: Too large, cut off, edited, of another version or of another kind; a
            user twice; a vector that is not finite or not of unit length; a crop that is not one.
    """
    _refuse_size(len(content), max_bytes)
    description = _read_description(content)
    end = len(content) - _DIGEST_BYTES
    if hashlib.sha256(memoryview(content)[:end]).digest() != content[end:]:
        raise GalleryFileError(
            "The gallery file is cut off or was changed: its SHA-256 does not match."
        )
    photos = [photo for user in description.users for photo in user.photos]
    tensors = _read_tensors(
        content,
        {
            "templates": (len(description.users), EMBEDDING_SIZE),
            "embeddings": (len(photos), EMBEDDING_SIZE),
            "crops": (sum(photo.crop_bytes for photo in photos),),
            "sha256": (_DIGEST_BYTES,),
        },
    )
    gallery = _assemble(description, tensors)
    check_gallery(gallery)
    return gallery


def encode_gallery(gallery: PortableGallery) -> Iterator[bytes]:
    """The bytes of a gallery file, piece by piece; no second copy of the whole is made.

    Raises:
        GalleryFileError: The gallery could not be read again; nothing was encoded.
    """
    check_gallery(gallery)
    description = _describe(gallery)
    try:
        msgspec.json.decode(description, type=_Description)
    except msgspec.ValidationError as error:
        raise GalleryFileError(f"The gallery cannot be written: {error}.") from error
    return _joined(_pieces(gallery, description))


def write_gallery(path: Path, gallery: PortableGallery) -> None:
    """Writes a gallery file atomically: readers see the former file or the new one.

    Only the file's owner may read it.

    Raises:
        GalleryFileError: The folder cannot be written to, or see encode_gallery.
    """
    pieces = encode_gallery(gallery)
    try:
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=path.parent) as incoming:
            part = Path(incoming) / path.name
            part.touch(mode=0o600)
            with part.open("wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise GalleryFileError(f"{path.name!r} cannot be written: {error.strerror}.") from error


def _refuse_size(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise GalleryFileError(
            f"The gallery file has more than the {max_bytes:,} bytes that are accepted.",
            max_bytes=max_bytes,
        )


def is_torch_file(content: bytes) -> bool:
    """Whether bytes begin as torch.save writes them: a ZIP archive, or the older pickle."""
    return content.startswith((b"PK\x03\x04", b"\x80"))


def _read_description(content: bytes) -> _Description:
    if is_torch_file(content):
        raise GalleryFileError(
            "This is a torch.save file or a pickle, not a gallery file. An old "
            "gallery, {label: tensor}, can be imported if you name its space."
        )
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    document = content[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if not document.startswith(b"{"):
        raise GalleryFileError("This is not a gallery file.")
    if len(document) < length:
        raise GalleryFileError("The gallery file is cut off.")
    try:
        about = msgspec.json.decode(document, type=_Header).metadata.farsight_gallery
        version = msgspec.json.decode(about, type=_Version).format_version
        if version != _FORMAT_VERSION:
            raise GalleryFileError(
                f"The gallery file has format version {version}; this Farsight reads "
                f"{_FORMAT_VERSION}."
            )
        return msgspec.json.decode(about, type=_Description)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise GalleryFileError(f"The gallery file is invalid: {error}.") from error


def _read_tensors(
    content: bytes, shapes: dict[str, tuple[int, ...]]
) -> dict[str, NDArray[np.float32 | np.uint8]]:
    try:
        tensors = safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise GalleryFileError(f"The gallery file is invalid: {error}.") from error
    if {name: tensor.shape for name, tensor in tensors.items()} != shapes:
        raise GalleryFileError("The gallery file is invalid: its tensors do not fit its users.")
    return tensors


def _assemble(
    description: _Description, tensors: dict[str, NDArray[np.float32 | np.uint8]]
) -> PortableGallery:
    embeddings = iter(tensors["embeddings"])
    crops = BytesIO(tensors["crops"].tobytes())
    users = tuple(
        PortableUser(
            user_id=user.user_id,
            template=template,
            photo_count=user.photo_count,
            display_name=user.display_name,
            metadata=user.metadata,
            groups=user.groups,
            photos=tuple(
                PortablePhoto(
                    embedding=next(embeddings),
                    crop_png=crops.read(photo.crop_bytes) or None,
                    face_px=photo.face_px,
                    quality=photo.quality,
                    sha256=photo.sha256,
                )
                for photo in user.photos
            ),
        )
        for user, template in zip(description.users, tensors["templates"], strict=True)
    )
    return PortableGallery(description.space_id, description.bundle, users)


def _describe(gallery: PortableGallery) -> bytes:
    return msgspec.json.encode(
        _Description(
            space_id=gallery.space_id,
            bundle=gallery.bundle,
            users=tuple(
                _UserRecord(
                    user_id=user.user_id,
                    display_name=user.display_name,
                    metadata=user.metadata,
                    groups=user.groups,
                    photo_count=user.photo_count,
                    photos=tuple(
                        _PhotoRecord(
                            crop_bytes=len(photo.crop_png or b""),
                            face_px=photo.face_px,
                            quality=photo.quality,
                            sha256=photo.sha256,
                        )
                        for photo in user.photos
                    ),
                )
                for user in gallery.users
            ),
        )
    )


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces large enough to be worth a system call each."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= _PIECE_BYTES:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


def _pieces(gallery: PortableGallery, description: bytes) -> Iterator[bytes]:
    """Header, tensors and digest, laid out as safetensors wants them."""
    photos = [photo for user in gallery.users for photo in user.photos]
    sizes = {
        "templates": ("F32", [len(gallery.users), EMBEDDING_SIZE]),
        "embeddings": ("F32", [len(photos), EMBEDDING_SIZE]),
        "crops": ("U8", [sum(len(photo.crop_png or b"") for photo in photos)]),
        "sha256": ("U8", [_DIGEST_BYTES]),
    }
    header: dict[str, object] = {"__metadata__": {"farsight_gallery": description.decode()}}
    offset = 0
    for name, (dtype, shape) in sizes.items():
        end = offset + math.prod(shape) * _ITEM_BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    document = msgspec.json.encode(header)
    document += b" " * (-len(document) % _LENGTH_BYTES)  # so that tensors begin aligned
    digest = hashlib.sha256()
    for piece in chain(
        (len(document).to_bytes(_LENGTH_BYTES, "little"), document),
        (user.template.astype("<f4").tobytes() for user in gallery.users),
        (photo.embedding.astype("<f4").tobytes() for photo in photos),
        (photo.crop_png or b"" for photo in photos),
    ):
        digest.update(piece)
        yield piece
    yield digest.digest()
