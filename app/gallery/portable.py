"""Everybody of one space as a value: what gallery files hold and what moves between galleries."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.errors import (
    GalleryFileError,
    ImageTooLargeError,
    SpaceMismatchError,
    UnreadableImageError,
)
from app.gallery.user_fields import Metadata
from app.vision.alignment import Crop
from app.vision.dimensions import CROP_SIZE_PX, EMBEDDING_SIZE
from app.vision.embedder import mean_embedding
from app.vision.image import decode_image
from app.vision.photo_file import ImageLimits
from app.vision.quality import Quality
from app.vision.self_test import are_embeddings

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CROP_LIMITS = ImageLimits(max_bytes=200_000, max_pixels=CROP_SIZE_PX**2)


@dataclass(frozen=True, slots=True, eq=False)
class PortablePhoto:
    """What is known of an enrolled photo.

    Attributes:
        embedding: (512,) float32 of unit length, in the gallery's space.
        crop_png: The crop, 112x112 RGB, as a PNG file; None if crops are not kept or not included.
        face_px: Source px under the crop's side.
        quality: The crop's quality.
        sha256: Of the uploaded photo, lower-case hex; each once per user.
    """

    embedding: NDArray[np.float32]
    crop_png: bytes | None
    face_px: float
    quality: Quality
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class PortableUser:
    """A user, as far as recognition needs to know them.

    Attributes:
        user_id: The client's name for the user.
        template: (512,) float32 of unit length, in the gallery's space.
        photo_count: How many photos the template was made of; at least 1.
        display_name: For people to read.
        metadata: The client's own notes.
        photos: Oldest first: all `photo_count`, or none where only the template is known.
        groups: Names of the groups that they are in, sorted.
    """

    user_id: str
    template: NDArray[np.float32]
    photo_count: int
    display_name: str | None = None
    metadata: Metadata = field(default_factory=dict)
    photos: tuple[PortablePhoto, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PortableGallery:
    """Everybody of one space.

    Attributes:
        space_id: Of every template and embedding.
        bundle: Name of the bundle that made them.
        users: Each `user_id` once.
    """

    space_id: str
    bundle: str
    users: tuple[PortableUser, ...]


def crops_of(gallery: PortableGallery) -> list[Crop]:
    """The crops of all photos, user by user, for embedding them in another space.

    Raises:
        SpaceMismatchError: Somebody has a photo without a crop, or no photos.
    """
    crops = []
    for user in gallery.users:
        pngs = [photo.crop_png for photo in user.photos if photo.crop_png is not None]
        if len(pngs) < user.photo_count:
            raise SpaceMismatchError(
                f"The gallery is of space {gallery.space_id} (bundle {gallery.bundle!r}), and "
                f"without the crops of user {user.user_id!r} it cannot be moved to another. "
                "Export it with crops, or serve that bundle."
            )
        crops += [
            decode_crop(png, photo.face_px) for png, photo in zip(pngs, user.photos, strict=True)
        ]
    return crops


def move_gallery(
    gallery: PortableGallery, space_id: str, bundle: str, embeddings: NDArray[np.float32]
) -> PortableGallery:
    """The same people in another space.

    Args:
        gallery: Everybody with photos.
        space_id: The other space.
        bundle: Whose networks define it.
        embeddings: (photos, 512) float32, of `crops_of(gallery)`.
    """
    vectors = iter(embeddings)
    users = []
    for user in gallery.users:
        photos = tuple(replace(photo, embedding=next(vectors)) for photo in user.photos)
        template = mean_embedding([photo.embedding for photo in photos])
        users.append(replace(user, template=template, photos=photos))
    return PortableGallery(space_id, bundle, tuple(users))


def check_gallery(gallery: PortableGallery) -> None:
    """Checks what types cannot say.

    Raises:
        GalleryFileError: The first user or photo that a valid gallery cannot have.
    """
    seen: set[str] = set()
    for user in gallery.users:
        if user.user_id in seen:
            raise GalleryFileError(f"The gallery has user {user.user_id!r} twice.")
        seen.add(user.user_id)
        if user.photos and len(user.photos) != user.photo_count:
            raise GalleryFileError(f"The gallery lacks photos of user {user.user_id!r}.")
        if len({photo.sha256 for photo in user.photos}) < len(user.photos):
            raise GalleryFileError(f"The gallery has a photo of user {user.user_id!r} twice.")
        for vector in (user.template, *(photo.embedding for photo in user.photos)):
            if not is_embedding(vector):
                raise GalleryFileError(
                    f"The gallery has a vector for user {user.user_id!r} that is not an embedding: "
                    f"{EMBEDDING_SIZE} finite float32 of unit length are needed."
                )
        for photo in user.photos:
            if photo.crop_png is not None:
                decode_crop(photo.crop_png, photo.face_px)


def is_embedding(vector: NDArray[np.float32]) -> bool:
    """Whether a vector is (512,) float32, finite and of unit length."""
    right_kind = vector.shape == (EMBEDDING_SIZE,) and vector.dtype == np.float32
    return right_kind and bool(are_embeddings(vector[None])[0])


def decode_crop(content: bytes, face_px: float) -> Crop:
    """The crop in a PNG file.

    Raises:
        GalleryFileError: It is not a PNG file, or not 112x112.
    """
    if content.startswith(_PNG_SIGNATURE):
        try:
            pixels = decode_image(content, _CROP_LIMITS)
        except (UnreadableImageError, ImageTooLargeError) as error:
            raise GalleryFileError(f"A crop in the gallery is damaged. {error.detail}") from error
        if pixels.shape[:2] == (CROP_SIZE_PX, CROP_SIZE_PX):
            return Crop(pixels, face_px)
    raise GalleryFileError(
        f"A crop in the gallery is not a PNG of {CROP_SIZE_PX}x{CROP_SIZE_PX} px."
    )
