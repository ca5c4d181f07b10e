"""Bodies of the answers of `/v1/identify` and `/v1/verify`."""

from typing import Literal

from pydantic import BaseModel, Field

from app.api.schemas import Answer, BoxSchema, CandidateSchema, PhotoWarningSchema, QualitySchema
from app.api.track_schemas import VisitSchema
from app.errors import UnusablePhotoError
from app.recognition.recognizer import Finding, FoundFace
from app.recognition.serving import Serving
from app.services.identified import Identification, IdentifiedFace, Pooled
from app.vision.embedder import Route


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


class DecisionSchema(Answer):
    """Whose face it is."""

    user_id: str | None = Field(description="null for a stranger")
    similarity: float | None = Field(description="Cosine to the most similar user")
    margin: float | None = Field(description="How much lower the runner-up's similarity is")
    threshold: float = Field(
        description="Minimum similarity at which user_id is set. Unless the caller chose it, it is "
        "higher for a face that resembles strangers, where the bundle knows them"
    )
    candidates: list[CandidateSchema] = Field(
        description="As many as top_k asks for, most similar first"
    )


class PooledSchema(DecisionSchema):
    """Whose face several photos show together."""

    user_id: str | None = Field(
        description="null for a stranger, and for photos of several people unless the margin is "
        "0.3 or more"
    )
    consistent: bool = Field(description="false: the photos are not all of one person")
    outliers: list[int] = Field(
        description="Photos that show somebody else than most, by their place in the request; all "
        "of them if no person is in more than half"
    )

    @classmethod
    def of_pooled(cls, pooled: Pooled) -> "PooledSchema":
        """From the identifier's answer."""
        decision = DecisionSchema.model_validate(pooled.decision)
        return cls(**dict(decision), consistent=pooled.consistent, outliers=pooled.outliers)


class PhotoFaceSchema(FaceSchema):
    """A face and the photo it is in."""

    photo: int = Field(description="The photo's place in the request, from 0")

    @classmethod
    def of_photo(cls, photo: int, found: FoundFace, serving: Serving) -> "PhotoFaceSchema":
        """From what the recogniser has found in a photo."""
        return PhotoFaceSchema(photo=photo, **dict(FaceSchema.of(found, serving)))


class IdentifiedFaceSchema(PhotoFaceSchema, DecisionSchema):
    """A face and whose it is."""

    @classmethod
    def of_identified(cls, found: IdentifiedFace, serving: Serving) -> "IdentifiedFaceSchema":
        """From the identifier's answer."""
        face = PhotoFaceSchema.of_photo(found.photo, found.face, serving)
        decision = DecisionSchema.model_validate(found.decision)
        return cls(**dict(face), **dict(decision))


class PhotoErrorSchema(Answer):
    """Why a photo was not searched."""

    code: str = Field(description="`unreadable_image` or `image_too_large`")
    detail: str


class SearchedPhotoSchema(Answer):
    """A photo of the request, and how it was searched; figures are null if it was not."""

    width_px: int | None = Field(description="Of the photo that boxes and landmarks refer to")
    height_px: int | None
    rotation_deg: Literal[0, 90, 180, 270] | None = Field(
        description="Turn the photo clockwise by this and its faces are upright. Boxes "
        "and landmarks refer to the photo as it is, not turned"
    )
    searched_from_px: float | None = Field(
        description="The smallest face_px looked for; null with detect=false"
    )
    faces_found: int | None = Field(
        description="Including those before skip_faces and beyond max_faces; 400 at most"
    )
    warnings: list[PhotoWarningSchema]
    error: PhotoErrorSchema | None = Field(
        description="Why it was not searched; the faces are those of the other photos"
    )

    @classmethod
    def of(cls, found: Finding | UnusablePhotoError) -> "SearchedPhotoSchema":
        """From the identifier's answer."""
        if isinstance(found, Finding):
            return cls(
                width_px=found.width_px,
                height_px=found.height_px,
                rotation_deg=found.rotation_deg,
                searched_from_px=found.searched_from_px,
                faces_found=found.faces_found,
                warnings=[PhotoWarningSchema.model_validate(of) for of in found.warnings],
                error=None,
            )
        return cls(
            width_px=None,
            height_px=None,
            rotation_deg=None,
            searched_from_px=None,
            faces_found=None,
            warnings=[],
            error=PhotoErrorSchema.model_validate(found),
        )


class IdentificationSchema(BaseModel):
    """Who is in the photos."""

    faces: list[IdentifiedFaceSchema] = Field(description="By photo, largest first")
    faces_found: int = Field(
        description="In all photos, including those before skip_faces and beyond max_faces"
    )
    photos: list[SearchedPhotoSchema] = Field(description="In the request's order")
    pooled: PooledSchema | None = Field(
        description="With same_person: the answer for all photos together"
    )
    visits: list[VisitSchema] | None = Field(
        description="With frames_of=video: everybody in the frames once; at_s and since_s are "
        "places of photos in the request"
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
            photos=[SearchedPhotoSchema.of(photo) for photo in found.photos],
            pooled=found.pooled and PooledSchema.of_pooled(found.pooled),
            visits=None
            if found.visits is None
            else [VisitSchema.of(visit) for visit in found.visits],
            bundle=serving.manifest.name,
            space=serving.space_id,
            timings_ms=found.timings_ms,
        )


class VerificationSchema(BaseModel):
    """Whether two faces are one person's."""

    match: bool
    similarity: float
    threshold: float
    faces: list[FaceSchema] = Field(description="The largest of each photo")
    photos: list[SearchedPhotoSchema] = Field(description="In the order in which they are named")
    bundle: str
    space: str
    timings_ms: dict[str, float]
