"""Bodies of `/v1/kept-faces`."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas import (
    Answer,
    CandidateSchema,
    DisplayName,
    PageParams,
    QualitySchema,
    UserId,
    UserSchema,
)
from app.vision.embedder import Route

MOST_AT_ONCE = 200

_FaceIds = Annotated[
    list[UUID],
    Field(min_length=1, max_length=MOST_AT_ONCE, description="`face_id` of kept faces"),
]
_KeepHours = Annotated[
    float,
    Field(description="For so long faces are kept (FARSIGHT_REVIEW__KEEP_HOURS); 0: none is"),
]


class Answered(StrEnum):
    """Which kept faces."""

    NAMED = "named"
    UNKNOWN = "unknown"


class KeptFacePageParams(PageParams):
    """Which page of which kept faces."""

    answer: Answered | None = Field(
        None, description="Only those that are somebody's, or only those of strangers"
    )


class ClusterParams(BaseModel):
    """How much of the clusters."""

    limit: int = Field(20, ge=1, le=100, description="Maximum number of clusters")
    max_faces: int = Field(
        MOST_AT_ONCE, ge=1, le=MOST_AT_ONCE, description="Maximum number of faces of each"
    )


class KeptFaceSchema(Answer):
    """A face of an identification, kept for review."""

    face_id: UUID
    kept_at: datetime
    key_id: str = Field(description="Whose request it was: a key's id")
    user_id: str | None = Field(description="null for a stranger")
    assigned: bool = Field(description="true: a person has said whose it is")
    similarity: float | None = Field(
        description="To the most similar user at that time; null if nobody was registered"
    )
    threshold: float = Field(description="Minimum similarity for a name at that time")
    face_px: float
    route: Route
    quality: QualitySchema
    space: str = Field(validation_alias="space_id")


class KeptFacePageSchema(Answer):
    """One page of kept faces, newest first."""

    items: list[KeptFaceSchema]
    next_cursor: str | None = Field(description="For the next page; null on the last one")
    keep_hours: _KeepHours


class ClusterSchema(Answer):
    """Faces that are probably one stranger's, largest first."""

    faces: list[KeptFaceSchema]


class ClusterListSchema(Answer):
    """Strangers, those with most faces first."""

    items: list[ClusterSchema]
    next_cursor: str | None = Field(description="Always null: assign or dismiss what is shown")
    total: int = Field(description="Clusters of the newest 2,000 faces, also those not shown")
    keep_hours: _KeepHours


class AssignmentRequestSchema(BaseModel):
    """Whose faces they are."""

    model_config = ConfigDict(extra="forbid")

    faces: _FaceIds
    user_id: UserId
    new: Annotated[bool, Field(strict=True)] = Field(
        False, description="true: register a new user; false: they are a registered user's"
    )
    display_name: DisplayName | None = Field(None, description="Of a new user")
    allow_duplicate: Annotated[bool, Field(strict=True)] = Field(
        False, description="Register even if the face belongs to somebody else"
    )


class AssignedFaceSchema(Answer):
    """What became of a face whose name was said."""

    face_id: UUID
    photo_id: UUID | None = Field(description="Of the photo that it is now; null: it is not used")
    reason: str | None = Field(
        description="Why not: as for photos, or `not_needed` beyond the limit of photos a request"
    )
    detail: str | None
    similarity_before: float | None = Field(
        description="To the user's template before; null for a new user"
    )
    similarity_after: float | None = Field(description="To the template that it is now a part of")


class AssignmentSchema(Answer):
    """What was learned. Faces that are not used keep the name until their time is over."""

    user: UserSchema
    faces: list[AssignedFaceSchema] = Field(description="In the request's order")
    template_similarity: float | None = Field(
        description="Of the former template to the new one; null for a new user"
    )
    near_users: list[CandidateSchema] = Field(
        description="Up to five others who may be mistaken for this user"
    )
    alike: list[UUID] = Field(
        description="Kept faces of strangers that would get this name now: `face_id`, newest first"
    )


class DismissalRequestSchema(BaseModel):
    """Faces that nobody wants to name."""

    model_config = ConfigDict(extra="forbid")

    faces: _FaceIds


class DismissalSchema(Answer):
    """Faces that were deleted."""

    dismissed: int
    pending: bool = Field(
        description="true: they may still be on the disk, because somebody reads an older state"
    )
