"""Operations that ask what and who is in photos, each a function that makes its call.

Each is a method of both clients, as those in `calls`.
"""

import json
from collections.abc import Mapping, Sequence

from farsight_client.answers import Embeddings, Faces, Identification, Pictures, Verification
from farsight_client.call import Call
from farsight_client.uploads import Photo, as_files, named_photos


def identify(
    photos: Photo | Sequence[Photo],
    *,
    threshold: float | None = None,
    top_k: int = 0,
    max_faces: int = 10,
    skip_faces: int = 0,
    detect: bool = True,
    same_person: bool = False,
    min_face_px: float | None = None,
    groups: Sequence[str] = (),
) -> Call[Identification]:
    """Identifies the people in photos.

    Args:
        photos: One or several; each is answered by itself.
        threshold: Minimum similarity for a name; by default the bundle's for the face's size.
        top_k: Candidates to list, whatever their similarity.
        max_faces: At most this many, largest first; up to 100.
        skip_faces: Skip this many larger ones, such as those of earlier pages; up to `faces_found`.
        detect: False if the photo is already an aligned face crop.
        same_person: The photos are frames of one person, answered together in `pooled` in `pooled`.
        min_face_px: Smallest face to look for: 16 by default, more in large photos.
        groups: Look only for users who are in one of these.
    """
    data: dict[str, str | list[str]] = {
        "groups": list(groups),
        "top_k": str(top_k),
        "detect": json.dumps(detect),
        "same_person": json.dumps(same_person),
        **_faces_wanted(max_faces, skip_faces, min_face_px),
        **_if_given(threshold=threshold),
    }
    files = as_files(photos)
    return Call("POST", "/v1/identify", Identification, repeatable=True, data=data, files=files)


def find_faces(
    photos: Photo | Sequence[Photo],
    *,
    max_faces: int = 10,
    skip_faces: int = 0,
    min_face_px: float | None = None,
) -> Call[Faces]:
    """The faces of photos, without asking whose they are; arguments as in `identify`."""
    data = _faces_wanted(max_faces, skip_faces, min_face_px)
    files = as_files(photos)
    return Call("POST", "/v1/faces", Faces, repeatable=True, data=data, files=files)


def show_faces(
    photo: Photo,
    *,
    max_faces: int = 1,
    skip_faces: int = 0,
    detect: bool = True,
    min_face_px: float | None = None,
) -> Call[Pictures]:
    """The faces of a photo as the networks see them: aligned, and restored by DSR.

    Arguments as in `identify`; at most ten faces.
    """
    data = {
        "detect": json.dumps(detect),
        **_faces_wanted(max_faces, skip_faces, min_face_px),
    }
    files = [("photo", named) for named in named_photos(photo)]
    return Call("POST", "/v1/faces/pictures", Pictures, repeatable=True, data=data, files=files)


def embed_faces(
    photos: Photo | Sequence[Photo],
    *,
    max_faces: int = 10,
    skip_faces: int = 0,
    detect: bool = True,
    min_face_px: float | None = None,
) -> Call[Embeddings]:
    """The faces of photos as vectors, for searching elsewhere; needs the scope `embed`.

    Arguments as in `identify`.
    """
    data = {
        "detect": json.dumps(detect),
        **_faces_wanted(max_faces, skip_faces, min_face_px),
    }
    files = as_files(photos)
    return Call("POST", "/v1/embeddings", Embeddings, repeatable=True, data=data, files=files)


def verify_user(
    photo: Photo, user_id: str, *, threshold: float | None = None
) -> Call[Verification]:
    """Whether the largest face of a photo is a user's."""
    data = {"user_id": user_id, **_if_given(threshold=threshold)}
    return _verify(data, photo=photo)


def verify_stored_photo(
    photo: Photo, photo_id: str, *, threshold: float | None = None
) -> Call[Verification]:
    """Whether the largest face of a photo is that of a stored one."""
    return _verify({"photo_id": photo_id, **_if_given(threshold=threshold)}, photo=photo)


def verify_photos(
    photo: Photo, other_photo: Photo, *, threshold: float | None = None
) -> Call[Verification]:
    """Whether the largest faces of two photos are one person's."""
    return _verify(_if_given(threshold=threshold), photo=photo, other_photo=other_photo)


def _verify(data: Mapping[str, str], **photos: Photo) -> Call[Verification]:
    files = [(field, named) for field, photo in photos.items() for named in named_photos(photo)]
    return Call("POST", "/v1/verify", Verification, repeatable=True, data=data, files=files)


def _faces_wanted(max_faces: int, skip_faces: int, min_face_px: float | None) -> dict[str, str]:
    return {
        "max_faces": str(max_faces),
        "skip_faces": str(skip_faces),
        **_if_given(min_face_px=min_face_px),
    }


def _if_given(**fields: float | None) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if value is not None}
