"""Answers about faces that are kept for review; see farsight_client.answers."""

from datetime import datetime

from farsight_client.answers import Answer, Candidate, Quality, User


class KeptFace(Answer, frozen=True):
    """A face of an identification, kept for review.

    Attributes:
        face_id: Names it.
        kept_at: When it was identified.
        key_id: Whose request it was.
        user_id: Whose face it is; None for a stranger.
        assigned: Whether a person has said whose it is.
        similarity: To the most similar user then; None if nobody was registered.
        threshold: Minimum similarity for a name then.
        face_px: Source pixels under the side of the aligned crop.
        route: `direct` or `dsr`.
        quality: The crop's quality.
        space: Of its embedding.
    """

    face_id: str
    kept_at: datetime
    key_id: str
    user_id: str | None
    assigned: bool
    similarity: float | None
    threshold: float
    face_px: float
    route: str
    quality: Quality
    space: str


class KeptFacePage(Answer, frozen=True):
    """One page of kept faces; `next_cursor` is None on the last one.

    `keep_hours` is 0 where the service keeps none.
    """

    items: list[KeptFace]
    next_cursor: str | None
    keep_hours: float


class Cluster(Answer, frozen=True):
    """Faces that are probably one stranger's, largest first."""

    faces: list[KeptFace]


class ClusterList(Answer, frozen=True):
    """Strangers, those with most faces first; `total` counts those not listed, too."""

    items: list[Cluster]
    next_cursor: str | None
    total: int
    keep_hours: float


class AssignedFace(Answer, frozen=True):
    """What became of a face whose name was said.

    Attributes:
        face_id: Which.
        photo_id: Of the photo that it is now; None: it is not used.
        reason: Why not, for programs.
        detail: The same in a sentence.
        similarity_before: To the user's template before; None for a new user.
        similarity_after: To the template that it is now a part of.
    """

    face_id: str
    photo_id: str | None
    reason: str | None
    detail: str | None
    similarity_before: float | None
    similarity_after: float | None


class Assignment(Answer, frozen=True):
    """What was learned.

    Attributes:
        user: As they are now.
        faces: In the request's order.
        template_similarity: Of the former template to the new one; None for a new user.
        near_users: Others so similar that they may be mistaken for this user.
        alike: `face_id` of strangers' kept faces that would get this name now.
    """

    user: User
    faces: list[AssignedFace]
    template_similarity: float | None
    near_users: list[Candidate]
    alike: list[str]


class Dismissal(Answer, frozen=True):
    """How many faces were deleted, and whether they may still be on the disk."""

    dismissed: int
    pending: bool
