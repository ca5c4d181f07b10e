"""Bodies of requests and answers; field names are the words of the design."""

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

from app.runtime.gallery import DISPLAY_NAME_PATTERN, USER_ID_PATTERN
from app.runtime.recognizer import FoundFace
from app.runtime.serving import Serving
from app.services.identification import Identification, IdentifiedFace
from app.vision.embedder import Route
from app.vision.quality import Rejection

UserId = Annotated[
    str,
    Field(
        pattern=f"^{USER_ID_PATTERN}$",
        description="Chosen by the client: 1 to 64 letters, digits, `.`, `_`, `@`, `-`",
    ),
]
DisplayName = Annotated[
    str, Field(min_length=1, max_length=200, pattern=f"^{DISPLAY_NAME_PATTERN}$")
]
Threshold = Annotated[
    float,
    Field(ge=0, le=1, description="Similarity to use instead of the bundle's threshold"),
]

_Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
# Beyond, not every JSON reader keeps an integer whole.
_LARGEST = 2**53
_Number = (
    Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
    | Annotated[FiniteFloat, Field(ge=-_LARGEST, le=_LARGEST)]
)


def _kind(value: object) -> str:
    return "float" if type(value) is int else type(value).__name__


# Told apart by what the value is, not tried in turn: a text too long would become a number.
_Entry = Annotated[
    Annotated[bool, Tag("bool")]
    | Annotated[_Number, Tag("float")]
    | Annotated[_Text, Tag("str")]
    | Annotated[None, Tag("NoneType")],
    Discriminator(_kind),
]
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]+$")],
        _Entry,
    ],
    Field(max_length=32, description="The client's own notes, one level deep"),
]


class Answer(BaseModel):
    """What is made of the attributes of what services tell."""

    model_config = ConfigDict(from_attributes=True)


class UserSchema(Answer):
    """A user without photos."""

    user_id: str
    display_name: str | None
    metadata: dict[str, bool | int | float | str | None]
    photo_count: int
    created_at: datetime
    updated_at: datetime


class QualitySchema(Answer):
    """What can be told of a face without recognising it."""

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
    """Whether something that was erased of a user may still be on the disk."""

    user_id: str
    pending: bool = Field(description="true: somebody reads the database, and it is tried again")
    erased_at: datetime | None = Field(description="When; null where nothing is left")


class PageParams(BaseModel):
    """Which page of a list."""

    cursor: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="`next_cursor` of the page before; absent for the first page"
    )
    limit: int = Field(50, ge=1, le=200, description="Largest number of items")


class UserPageSchema(Answer):
    """One page of users."""

    items: list[UserSchema]
    next_cursor: str | None = Field(description="For the next page; null on the last one")


class UserChangesSchema(BaseModel):
    """What to change; absent fields stay, `metadata` is replaced as a whole."""

    model_config = ConfigDict(extra="forbid", strict=True)

    display_name: DisplayName | None = None
    metadata: Metadata = {}


class PhotoWarningSchema(Answer):
    """What is wrong with a photo that is used all the same."""

    code: str = Field(
        description="Stable, for programs. `broken_off`: a JPEG whose last rows are missing"
    )
    detail: str


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
    warnings: list[PhotoWarningSchema] = Field(description="Also of photos that are accepted")


class RegistrationSchema(Answer):
    """A user after photos were added, and a report per photo."""

    user: UserSchema
    photos: list[PhotoReportSchema]


class BoxSchema(BaseModel):
    """In px of the upright photo."""

    x: float
    y: float
    width: float
    height: float


class FaceSchema(BaseModel):
    """One face of a photo."""

    box: BoxSchema
    landmarks: list[tuple[float, float]] = Field(
        description="Left eye, right eye, nose, left and right mouth corner; image left first",
        min_length=5,
        max_length=5,
    )
    face_px: float = Field(description="Source pixels under the side of the aligned crop")
    route: Route
    quality: QualitySchema

    @classmethod
    def of(cls, found: FoundFace, serving: Serving) -> "FaceSchema":
        """From what the recogniser has found, and the serving that embedded it."""
        x, y, width, height = found.face.box
        return cls(
            box=BoxSchema(x=x, y=y, width=width, height=height),
            landmarks=[(float(x), float(y)) for x, y in found.face.landmarks],
            face_px=found.crop.face_px,
            route=serving.embedder.route(found.crop.face_px),
            quality=QualitySchema.model_validate(found.quality),
        )


class CandidateSchema(Answer):
    """A user and how similar they are; not an identification."""

    user_id: str
    similarity: float


class DecisionSchema(Answer):
    """Whose face it is."""

    user_id: str | None = Field(description="null for a stranger")
    similarity: float | None = Field(description="Cosine to the most similar user")
    margin: float | None = Field(description="How much lower the runner-up's similarity is")
    threshold: float = Field(description="From which similarity on user_id is set")
    candidates: list[CandidateSchema] = Field(description="As many as top_k asks for")


class IdentifiedFaceSchema(FaceSchema, DecisionSchema):
    """A face and whose it is."""

    photo: int = Field(description="The photo's place in the request, from 0")

    @classmethod
    def of_identified(cls, found: IdentifiedFace, serving: Serving) -> "IdentifiedFaceSchema":
        """From the identifier's answer."""
        face = FaceSchema.of(found.face, serving)
        decision = DecisionSchema.model_validate(found.decision)
        return cls(photo=found.photo, **dict(face), **dict(decision))


class SearchedPhotoSchema(Answer):
    """A photo of the request, and how it was searched for faces."""

    width_px: int = Field(description="Of the photo in which boxes and landmarks are told")
    height_px: int
    rotation_deg: Literal[0, 90, 180, 270] = Field(
        description="By how much to turn the photo clockwise for its faces to be upright. Boxes "
        "and landmarks are told in the photo as it is, not turned"
    )
    searched_from_px: float | None = Field(
        description="The smallest face_px that was looked for; null with detect=false"
    )
    warnings: list[PhotoWarningSchema]


class IdentificationSchema(BaseModel):
    """Who is in the photos."""

    faces: list[IdentifiedFaceSchema] = Field(description="By photo, largest first")
    faces_found: int = Field(description="Also those beyond max_faces")
    photos: list[SearchedPhotoSchema] = Field(description="In the request's order")
    pooled: DecisionSchema | None = Field(
        description="With same_person: whose faces they are together"
    )
    bundle: str
    space: str
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, found: Identification, serving: Serving) -> "IdentificationSchema":
        """From the identifier's answer and the serving that it was found with."""
        return cls(
            faces=[IdentifiedFaceSchema.of_identified(face, serving) for face in found.faces],
            faces_found=found.faces_found,
            photos=[SearchedPhotoSchema.model_validate(of) for of in found.findings],
            pooled=found.pooled and DecisionSchema.model_validate(found.pooled),
            bundle=serving.manifest.name,
            space=serving.space_id,
            timings_ms=found.timings_ms,
        )


class VerificationSchema(BaseModel):
    """Are two faces one person."""

    match: bool
    similarity: float
    threshold: float
    faces: list[FaceSchema] = Field(description="The largest of each photo")
    photos: list[SearchedPhotoSchema] = Field(description="In the order in which they are named")
    bundle: str
    space: str
    timings_ms: dict[str, float]


class StatusSchema(BaseModel):
    """All is well."""

    status: Literal["ok"] = "ok"


class VersionSchema(BaseModel):
    """What is running in the process that was asked; the rest is null without a key."""

    version: str
    bundle: str | None = None
    space: str | None = None
    gallery_revision: int | None = None
