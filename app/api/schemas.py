"""Bodies of requests and answers; field names are the same everywhere."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    StringConstraints,
    Tag,
)

from app.gallery import user_fields
from app.services.keys import Scope
from app.services.users import Order
from app.vision.quality import Rejection

UserId = Annotated[
    str,
    Field(
        pattern=f"^{user_fields.USER_ID_PATTERN}$",
        description=f"Chosen by the client: {user_fields.USER_ID_DESCRIPTION}",
    ),
]
DisplayName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=user_fields.MAX_DISPLAY_NAME_CHARS,
        pattern=f"^{user_fields.DISPLAY_NAME_PATTERN}$",
    ),
]
GroupName = Annotated[
    str,
    StringConstraints(pattern=f"^{user_fields.GROUP_PATTERN}$"),
]
GroupNames = Annotated[
    list[GroupName],
    Field(
        max_length=user_fields.MAX_GROUPS,
        description=f"Names of groups: {user_fields.USER_ID_DESCRIPTION} each",
    ),
]
Threshold = Annotated[
    float,
    Field(ge=0, le=1, description="Similarity to use instead of the bundle's threshold"),
]

_Text = Annotated[
    str,
    StringConstraints(
        max_length=user_fields.MAX_METADATA_TEXT_CHARS,
        pattern=f"^{user_fields.METADATA_TEXT_PATTERN}$",
    ),
]
_LARGEST = user_fields.LARGEST_METADATA_NUMBER
_Number = (
    Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
    | Annotated[FiniteFloat, Field(ge=-_LARGEST, le=_LARGEST)]
)


def _kind(value: object) -> str:
    return "float" if type(value) is int else type(value).__name__


# The value's type decides. Tried in turn, a text that is too long would become a number.
_Entry = Annotated[
    Annotated[bool, Tag("bool")]
    | Annotated[_Number, Tag("float")]
    | Annotated[_Text, Tag("str")]
    | Annotated[None, Tag("NoneType")],
    Discriminator(_kind),
]
Metadata = Annotated[
    dict[
        Annotated[
            str,
            StringConstraints(
                min_length=1,
                max_length=user_fields.MAX_METADATA_KEY_CHARS,
                pattern=f"^{user_fields.METADATA_KEY_PATTERN}$",
            ),
        ],
        _Entry,
    ],
    Field(
        max_length=user_fields.MAX_METADATA_ENTRIES,
        description="The client's own notes, one level deep",
    ),
]


class Answer(BaseModel):
    """Built from a service's object with the same attributes."""

    model_config = ConfigDict(from_attributes=True)


class UserSchema(Answer):
    """A user without photos."""

    user_id: str
    display_name: str | None
    metadata: user_fields.Metadata
    photo_count: int
    groups: list[str]
    created_at: datetime
    updated_at: datetime


class QualitySchema(Answer):
    """What can be said of a face without recognising it."""

    sharpness: float = Field(description="0..1, share of the face's pixels that carry detail")
    brightness: float = Field(description="0..1, mean luma")
    yaw_deg: float = Field(description="Turned to the image's left (negative) or right")
    pitch_deg: float = Field(description="Looking up (positive) or down")
    roll_deg: float = Field(description="Tilted, clockwise")
    detection_score: float = Field(description="0..1, the detector's own")


class PhotoSchema(Answer):
    """A stored photo."""

    photo_id: UUID
    face_px: float
    quality: QualitySchema
    created_at: datetime


class UserDetailSchema(Answer):
    """A user and their photos, oldest first."""

    user: UserSchema
    photos: list[PhotoSchema]


class ErasureSchema(Answer):
    """Whether erased data of a user may still be on the disk."""

    user_id: str
    pending: bool = Field(description="true: somebody reads the database; the service tries again")
    erased_at: datetime | None = Field(description="When it was erased; null once nothing is left")


class PageParams(BaseModel):
    """Which page of a list."""

    cursor: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="`next_cursor` of the previous page; absent for the first page"
    )
    limit: int = Field(50, ge=1, le=200, description="Maximum number of items")


class UserPageParams(PageParams):
    """Which page of which users."""

    search: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="Text to find in user_id, display_name or metadata"
    )
    groups: GroupNames = Field([], description="Only users who are in one of these")
    order: Order = Field(
        Order.OLDEST, description="By registration, oldest or newest first, or by user_id"
    )


class UserPageSchema(Answer):
    """One page of users."""

    items: list[UserSchema]
    next_cursor: str | None = Field(description="For the next page; null on the last one")
    total: int = Field(description="Users found, on all pages")


class UserChangesSchema(BaseModel):
    """What to change; absent fields stay, `metadata` and `groups` are replaced as a whole."""

    model_config = ConfigDict(extra="forbid", strict=True)

    display_name: DisplayName | None = None
    metadata: Metadata = {}
    groups: GroupNames = []


class PhotoWarningSchema(Answer):
    """A fault of a photo that is used all the same."""

    code: str = Field(
        description="Stable, for programs. `broken_off`: a JPEG whose last rows are missing"
    )
    detail: str


class BoxSchema(Answer):
    """In px of the upright photo."""

    x: float
    y: float
    width: float
    height: float


class PhotoBoxSchema(BaseModel):
    """Where the intended face is, in px of the upright photo."""

    model_config = ConfigDict(extra="forbid")

    photo: int = Field(ge=0, description="The photo's place in the request, from 0")
    x: FiniteFloat
    y: FiniteFloat
    width: FiniteFloat = Field(gt=0)
    height: FiniteFloat = Field(gt=0)


class PhotoReportSchema(Answer):
    """What became of one uploaded photo."""

    index: int = Field(description="Its place in the request, from 0")
    filename: str | None
    accepted: bool
    reason: Rejection | None
    detail: str | None
    face_px: float | None
    quality: QualitySchema | None
    photo_id: UUID | None
    warnings: list[PhotoWarningSchema] = Field(description="Accepted photos can have some too")
    boxes: list[BoxSchema] = Field(
        description="The intended face, or all that could be it; largest first"
    )


class CandidateSchema(Answer):
    """A user and how similar they are; not an identification."""

    user_id: str
    similarity: float


class ReviewSchema(Answer):
    """What a registration would say of photos; nothing was stored."""

    photos: list[PhotoReportSchema] = Field(description="`photo_id` is null in all of them")
    min_photos: int = Field(description="Usable photos that a new user needs")
    duplicate_of: CandidateSchema | None = Field(
        description="A registration would be refused, because the face is this user's; null if "
        "not, or if no photo is usable"
    )
    near_users: list[CandidateSchema] = Field(
        description="Up to five users who may be mistaken for this person"
    )


class MergeSchema(BaseModel):
    """Who turned out to be the same person."""

    model_config = ConfigDict(extra="forbid", strict=True)

    other_user_id: UserId


class MoveSchema(BaseModel):
    """Whose photo it turned out to be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    to_user_id: UserId


class PhotoMoveSchema(Answer):
    """Both users after a photo moved from one to the other."""

    user: UserSchema
    to_user: UserSchema
    similarity_before: float = Field(
        description="Of the photo to the template of `to_user`, before it was one of theirs"
    )
    similarity_after: float = Field(description="The same, now that the template is made of it too")


class PhotoLikenessSchema(Answer):
    """How alike a stored photo is to others; similarities."""

    photo_id: UUID
    template: float = Field(description="To the user's template, which this photo is a part of")
    photos: list[float] = Field(description="To every photo in the answer, in its order")


class LikenessSchema(Answer):
    """How alike a user's photos are to each other, and the user to others."""

    user_id: str
    space: str = Field(validation_alias="space_id")
    photos: list[PhotoLikenessSchema] = Field(description="The 50 newest, oldest first")
    near_users: list[CandidateSchema] = Field(
        description="Five others, most similar first; with `other` that one alone"
    )


class RegistrationSchema(Answer):
    """A user after photos were added, and a report per photo."""

    user: UserSchema
    photos: list[PhotoReportSchema]
    near_users: list[CandidateSchema] = Field(
        description="Up to five others who may be mistaken for this user. Look at "
        "both users' photos: faces may be covered, or both may be one person"
    )


class StatusSchema(BaseModel):
    """All is well."""

    status: Literal["ok"] = "ok"


class KeyRightsSchema(BaseModel):
    """What a key may be used for."""

    id: str = Field(description="Its public half")
    scopes: list[Scope]
    groups: list[str] | None = Field(
        description="It reaches only users in one of these; null for all users"
    )


class VersionSchema(BaseModel):
    """What is running in the process that answers; the rest is null without a key."""

    version: str
    bundle: str | None = None
    space: str | None = None
    gallery_revision: int | None = None
    key: KeyRightsSchema | None = Field(None, description="The key that was sent")
