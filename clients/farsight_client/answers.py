"""What the service answers about people, field by field as docs/openapi.json describes it.

Fields that a newer service adds are ignored. Values that a newer one may add to are `str`.
"""

from datetime import datetime

import msgspec

JsonObject = dict[str, object]
Metadata = dict[str, bool | int | float | str | None]


class Answer(msgspec.Struct, frozen=True):
    """Part of an answer of the service; immutable."""


class User(Answer, frozen=True):
    """A user without photos."""

    user_id: str
    display_name: str | None
    metadata: Metadata
    photo_count: int
    groups: list[str]
    created_at: datetime
    updated_at: datetime


class Erasure(Answer, frozen=True):
    """Whether erased data of a user may still be on the disk.

    Attributes:
        user_id: Whose.
        pending: True: somebody reads an older state; the service tries again until it is gone.
        erased_at: When it was erased; None once nothing is left.
    """

    user_id: str
    pending: bool
    erased_at: datetime | None


class UserPage(Answer, frozen=True):
    """One page of users; `next_cursor` is None on the last one."""

    items: list[User]
    next_cursor: str | None
    total: int


class Quality(Answer, frozen=True):
    """What can be said of a face without recognising it.

    Attributes:
        sharpness: 0..1, share of the face's pixels that carry detail.
        brightness: 0..1, mean luma.
        yaw_deg: Turned to the image's left (negative) or right.
        pitch_deg: Looking up (positive) or down.
        roll_deg: Tilted, clockwise.
        detection_score: 0..1, the detector's own.
    """

    sharpness: float
    brightness: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    detection_score: float


class StoredPhoto(Answer, frozen=True):
    """A photo of a user; the service keeps no more of it than this and the crop."""

    photo_id: str
    face_px: float
    quality: Quality
    created_at: datetime


class Thumbnail(Answer, frozen=True):
    """The largest stored face of a user: PNG in base64, 112 x 112 px, aligned.

    Attributes:
        user_id: Whose.
        crop: None if none is kept, or the key does not know such a user.
    """

    user_id: str
    crop: str | None


class ThumbnailList(Answer, frozen=True):
    """The largest stored faces of some users, in the request's order."""

    items: list[Thumbnail]


class UserDetail(Answer, frozen=True):
    """A user and their photos, oldest first."""

    user: User
    photos: list[StoredPhoto]


class PhotoWarning(Answer, frozen=True):
    """A fault of a photo that is used all the same.

    Attributes:
        code: For programs: `broken_off`, a JPEG whose last rows are missing.
        detail: The same in a sentence.
    """

    code: str
    detail: str


class Box(Answer, frozen=True):
    """In px of the upright photo."""

    x: float
    y: float
    width: float
    height: float


class PhotoReport(Answer, frozen=True):
    """What happened to one uploaded photo.

    Attributes:
        index: Its place in the request, from 0.
        filename: As uploaded.
        accepted: Whether it counts.
        reason: Why not, such as `no_face`; None when accepted.
        detail: The same in a sentence.
        face_px: None if it is not known which face is meant.
        quality: Likewise.
        photo_id: Names the stored photo; None if it is not stored.
        warnings: Accepted photos can have some too.
        boxes: Of the intended face, or of all that could be it; largest first.
    """

    index: int
    filename: str | None
    accepted: bool
    reason: str | None
    detail: str | None
    face_px: float | None
    quality: Quality | None
    photo_id: str | None
    warnings: list[PhotoWarning]
    boxes: list[Box]


class Candidate(Answer, frozen=True):
    """A user and how similar they are; not an identification."""

    user_id: str
    similarity: float


class PhotoMove(Answer, frozen=True):
    """Both users after a photo moved from one to the other.

    Attributes:
        user: Whose it was.
        to_user: Whose it is.
        similarity_before: Of the photo to the template of `to_user`, before it was theirs.
        similarity_after: The same, now that it is a part of it.
    """

    user: User
    to_user: User
    similarity_before: float
    similarity_after: float


class Registration(Answer, frozen=True):
    """A user after photos were added, and a report per photo.

    Attributes:
        user: As they are now.
        photos: In the request's order.
        near_users: Others so similar that they may be mistaken for this user.
    """

    user: User
    photos: list[PhotoReport]
    near_users: list[Candidate]


class Review(Answer, frozen=True):
    """What a registration would say of photos; nothing was stored.

    Attributes:
        photos: In the request's order.
        min_photos: Usable photos that a new user needs.
        duplicate_of: Whose face it is already: a registration would be refused.
        near_users: Users who may be mistaken for this person.
    """

    photos: list[PhotoReport]
    min_photos: int
    duplicate_of: Candidate | None
    near_users: list[Candidate]


class PhotoLikeness(Answer, frozen=True):
    """Similarities of a stored photo: to the user's template, and to every photo in the answer."""

    photo_id: str
    template: float
    photos: list[float]


class Likeness(Answer, frozen=True):
    """How alike a user's photos are to each other, and the user to others.

    Attributes:
        user_id: Whose.
        space: In which space.
        photos: The 50 newest, oldest first.
        near_users: Others, most similar first.
    """

    user_id: str
    space: str
    photos: list[PhotoLikeness]
    near_users: list[Candidate]
