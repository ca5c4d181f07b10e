"""Operations on people and their photos, each a function that makes its call.

Each is a method of both clients, which takes the same arguments and returns the answer.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from farsight_client.answers import (
    Box,
    Erasure,
    JsonObject,
    Likeness,
    Metadata,
    PhotoMove,
    Registration,
    Review,
    ThumbnailList,
    UserDetail,
    UserPage,
)
from farsight_client.call import Call
from farsight_client.uploads import Photo, as_files

_PNG = "image/png"
_NO_BOXES: Mapping[int, Box] = {}
_PAGE = 200


def register(
    user_id: str,
    photos: Photo | Sequence[Photo],
    *,
    display_name: str | None = None,
    metadata: Metadata | None = None,
    allow_duplicate: bool = False,
    detect: bool = True,
    face: str | None = None,
    boxes: Mapping[int, Box] = _NO_BOXES,
    groups: Sequence[str] = (),
) -> Call[Registration]:
    """Registers a person from photos.

    It carries its own Idempotency-Key, so it is sent again if the service is busy.

    Args:
        user_id: Chosen by you: 1 to 64 letters, digits, `.`, `_`, `@`, `-`.
        photos: Three or more, unless the service's setting differs.
        display_name: For people to read.
        metadata: Your own notes, one level deep.
        allow_duplicate: Register even if the face belongs to somebody else.
        detect: False if the photos are already aligned face crops.
        face: Which one counts if a photo shows several: the `largest`, or none (`only`); by
            default the person in the other photos.
        boxes: By the photo's place, from 0: faces outside the box do not count.
        groups: Groups of the user; by default all that the key is bound to.
    """
    return Call(
        "POST",
        "/v1/users",
        Registration,
        repeatable=True,
        data={
            "user_id": user_id,
            **_who(display_name, metadata, groups, allow_duplicate=allow_duplicate),
            **_which_face(face, boxes, detect=detect),
        },
        files=as_files(photos),
        headers={"Idempotency-Key": uuid.uuid4().hex},
    )


def put_user(
    user_id: str,
    photos: Photo | Sequence[Photo],
    *,
    display_name: str | None = None,
    metadata: Metadata | None = None,
    allow_duplicate: bool = False,
    detect: bool = True,
    face: str | None = None,
    boxes: Mapping[int, Box] = _NO_BOXES,
    groups: Sequence[str] = (),
) -> Call[Registration]:
    """Registers a person; an existing user with this id is replaced and erased.

    Arguments as in `register`.
    """
    return Call(
        "PUT",
        _user(user_id),
        Registration,
        repeatable=True,
        data={
            **_who(display_name, metadata, groups, allow_duplicate=allow_duplicate),
            **_which_face(face, boxes, detect=detect),
        },
        files=as_files(photos),
    )


def add_photos(
    user_id: str,
    photos: Photo | Sequence[Photo],
    *,
    detect: bool = True,
    face: str | None = None,
    boxes: Mapping[int, Box] = _NO_BOXES,
) -> Call[Registration]:
    """Adds photos to a user; arguments as in `register`.

    It is sent only once: repeated, the same photos would be duplicates.
    """
    return Call(
        "POST",
        f"{_user(user_id)}/photos",
        Registration,
        data=_which_face(face, boxes, detect=detect),
        files=as_files(photos),
    )


def review_photos(
    photos: Photo | Sequence[Photo],
    *,
    detect: bool = True,
    face: str | None = None,
    boxes: Mapping[int, Box] = _NO_BOXES,
) -> Call[Review]:
    """Judges photos of one person as `register` would, and stores nothing.

    Arguments as in `register`.
    """
    return Call(
        "POST",
        "/v1/photos/review",
        Review,
        repeatable=True,
        data=_which_face(face, boxes, detect=detect),
        files=as_files(photos),
    )


def delete_photo(user_id: str, photo_id: str) -> Call[Erasure]:
    """Erases a photo of a user, who keeps the minimum of photos.

    It is sent only once: repeated, there is no such photo.

    Returns:
        `pending`: somebody reads the database; the service tries again until it is done.
    """
    path = f"{_user(user_id)}/photos/{quote(photo_id, safe='')}"
    return Call("DELETE", path, Erasure, empty=_erased(user_id))


def move_photo(user_id: str, photo_id: str, to_user_id: str) -> Call[PhotoMove]:
    """Makes a stored photo another user's.

    It is sent only once: repeated, the user has no such photo.
    """
    path = f"{_user(user_id)}/photos/{quote(photo_id, safe='')}/move"
    body: JsonObject = {"to_user_id": to_user_id}
    return Call("POST", path, PhotoMove, body=body)


def crop(user_id: str, photo_id: str) -> Call[bytes]:
    """The aligned face of a stored photo, PNG; the audit log records who asked."""
    path = f"{_user(user_id)}/photos/{quote(photo_id, safe='')}/crop"
    return Call("GET", path, bytes, repeatable=True, media_type=_PNG)


def thumbnail(user_id: str) -> Call[bytes]:
    """A user's largest stored face, PNG; the audit log records who asked."""
    path = f"{_user(user_id)}/thumbnail"
    return Call("GET", path, bytes, repeatable=True, media_type=_PNG)


def thumbnails(user_ids: Sequence[str]) -> Call[ThumbnailList]:
    """The largest stored faces of up to 60 users at once; one event of the audit log records them.

    Args:
        user_ids: Whose.
    """
    params: dict[str, str | list[str]] = {"user_id": list(user_ids)}
    return Call("GET", "/v1/thumbnails", ThumbnailList, repeatable=True, params=params)


def user_page(
    *,
    cursor: str | None = None,
    limit: int = _PAGE,
    search: str | None = None,
    order: str = "oldest",
    groups: Sequence[str] = (),
) -> Call[UserPage]:
    """One page of users; `users` goes through all pages.

    Args:
        cursor: `next_cursor` of the previous page.
        limit: Maximum number of users, up to 200.
        search: Text to find in `user_id`, display name or metadata.
        order: `oldest` or `newest` first, or by `user_id`; the same on all pages.
        groups: Only users who are in one of these.
    """
    params: dict[str, str | list[str]] = {
        "limit": str(limit),
        "order": order,
        "groups": list(groups),
    }
    if cursor is not None:
        params["cursor"] = cursor
    if search is not None:
        params["search"] = search
    return Call("GET", "/v1/users", UserPage, repeatable=True, params=params)


def get_user(user_id: str) -> Call[UserDetail]:
    """A user and their photos."""
    return Call("GET", _user(user_id), UserDetail, repeatable=True)


def change_user(
    user_id: str,
    *,
    display_name: str | msgspec.UnsetType | None = msgspec.UNSET,
    metadata: Metadata | msgspec.UnsetType = msgspec.UNSET,
    groups: Sequence[str] | msgspec.UnsetType = msgspec.UNSET,
) -> Call[UserDetail]:
    """Changes the given fields.

    Args:
        user_id: Whose.
        display_name: None removes it.
        metadata: Replaces all notes.
        groups: Replaces the user's groups.
    """
    given = {"display_name": display_name, "metadata": metadata, "groups": groups}
    body: JsonObject = {name: value for name, value in given.items() if value is not msgspec.UNSET}
    return Call("PATCH", _user(user_id), UserDetail, repeatable=True, body=body)


def likeness(user_id: str, *, other: str | None = None) -> Call[Likeness]:
    """How alike a user's photos are to each other, and the user to others.

    Args:
        user_id: Whose.
        other: Compare with this user alone; by default with the five most similar.
    """
    params = {} if other is None else {"other": other}
    return Call("GET", f"{_user(user_id)}/likeness", Likeness, repeatable=True, params=params)


def merge_users(user_id: str, other_user_id: str) -> Call[UserDetail]:
    """Moves all photos of another user to this one, and erases the other.

    It is sent only once: repeated, there is no other user.
    """
    body: JsonObject = {"other_user_id": other_user_id}
    return Call("POST", f"{_user(user_id)}/merge", UserDetail, body=body)


def erase_user(user_id: str) -> Call[Erasure]:
    """Erases rows, crops, embeddings and templates of a user.

    It is sent only once: repeated, there is no such user.

    Returns:
        `pending`: somebody reads the database; the service tries again until it is done.
    """
    return Call("DELETE", _user(user_id), Erasure, empty=_erased(user_id))


def erasure(user_id: str) -> Call[Erasure]:
    """Whether erased data of a user may still be on the disk."""
    return Call("GET", f"{_user(user_id)}/erasure", Erasure, repeatable=True)


def _who(
    display_name: str | None,
    metadata: Metadata | None,
    groups: Sequence[str],
    *,
    allow_duplicate: bool,
) -> dict[str, str | list[str]]:
    """The fields about the person."""
    data: dict[str, str | list[str]] = {
        "allow_duplicate": json.dumps(allow_duplicate),
        "groups": list(groups),
    }
    if display_name is not None:
        data["display_name"] = display_name
    if metadata is not None:
        data["metadata"] = json.dumps(metadata)
    return data


def _which_face(
    face: str | None, boxes: Mapping[int, Box], *, detect: bool
) -> dict[str, str | list[str]]:
    """The fields that say which face is meant."""
    data: dict[str, str | list[str]] = {"detect": json.dumps(detect)}
    if face is not None:
        data["face"] = face
    if boxes:
        data["box"] = [
            json.dumps({"photo": photo, **msgspec.structs.asdict(box)})
            for photo, box in boxes.items()
        ]
    return data


def _user(user_id: str) -> str:
    return f"/v1/users/{quote(user_id, safe='')}"


def _erased(user_id: str) -> Erasure:
    """The value of a 204 answer."""
    return Erasure(user_id, pending=False, erased_at=None)
