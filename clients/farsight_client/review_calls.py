"""Operations on faces that are kept for review; see farsight_client.calls."""

from collections.abc import Sequence
from urllib.parse import quote

from farsight_client.answers import JsonObject
from farsight_client.call import Call
from farsight_client.review_answers import Assignment, ClusterList, Dismissal, KeptFacePage

_PNG = "image/png"


def kept_face_page(
    *, cursor: str | None = None, limit: int = 200, answer: str | None = None
) -> Call[KeptFacePage]:
    """Faces of recent identifications, newest first, if a setting of the service keeps them.

    Args:
        cursor: `next_cursor` of the previous page.
        limit: Maximum number, up to 200.
        answer: Only those that are somebody's (`named`), or strangers' (`unknown`).
    """
    params: dict[str, str | list[str]] = {"limit": str(limit)}
    if cursor is not None:
        params["cursor"] = cursor
    if answer is not None:
        params["answer"] = answer
    return Call("GET", "/v1/kept-faces", KeptFacePage, repeatable=True, params=params)


def clusters(*, limit: int = 20, max_faces: int = 200) -> Call[ClusterList]:
    """Strangers among the kept faces, each with the faces that are probably theirs.

    Args:
        limit: Maximum number of clusters, up to 100.
        max_faces: Maximum number of faces of each, up to 200.
    """
    params = {"limit": str(limit), "max_faces": str(max_faces)}
    return Call("GET", "/v1/kept-faces/clusters", ClusterList, repeatable=True, params=params)


def kept_crop(face_id: str) -> Call[bytes]:
    """The face that was kept, PNG; the audit log records who asked."""
    path = f"/v1/kept-faces/{quote(face_id, safe='')}/crop"
    return Call("GET", path, bytes, repeatable=True, media_type=_PNG)


def assign_faces(
    faces: Sequence[str],
    user_id: str,
    *,
    new: bool = False,
    display_name: str | None = None,
    allow_duplicate: bool = False,
) -> Call[Assignment]:
    """Says whose kept faces are; those that are good enough become photos.

    It is sent only once: repeated, the faces are no longer kept.

    Args:
        faces: `face_id` of each, up to 200.
        user_id: Whose they are.
        new: Register a new user.
        display_name: Of a new user.
        allow_duplicate: Register even if the face belongs to somebody else.
    """
    body: JsonObject = {"faces": list(faces), "user_id": user_id}
    if new:
        body |= {"new": True, "allow_duplicate": allow_duplicate}
        if display_name is not None:
            body["display_name"] = display_name
    return Call("POST", "/v1/kept-faces/assign", Assignment, body=body)


def dismiss_faces(faces: Sequence[str]) -> Call[Dismissal]:
    """Deletes kept faces, up to 200; those that are gone already do not count."""
    body: JsonObject = {"faces": list(faces)}
    return Call("POST", "/v1/kept-faces/dismiss", Dismissal, repeatable=True, body=body)
