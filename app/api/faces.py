"""`/v1/faces` and `/v1/embeddings`: what is in a photo, without asking who it is."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel, Field

from app.api.deps import (
    SHOWS_KEY_IN_OPENAPI,
    EmbedCaller,
    GraphDep,
    IdentifyCaller,
    ServingDep,
    take_content,
)
from app.api.identify_schemas import FaceSchema, SearchedPhotoSchema
from app.api.problems import problems
from app.api.ways_in import PhotoRoute
from app.services.identification import Wishes
from app.vision.detection import LARGEST_MIN_FACE_PX, MOST_FACES, SMALLEST_MIN_FACE_PX

router = APIRouter(
    prefix="/v1",
    tags=["identify"],
    route_class=PhotoRoute,
    dependencies=SHOWS_KEY_IN_OPENAPI,
    responses=problems(429),
)

_Photos = Annotated[list[UploadFile], File(description="One or several; each is answered")]
_MaxFaces = Annotated[
    int, Form(ge=1, le=100, description="At most this many of a photo, largest first")
]
_SkipFaces = Annotated[
    int, Form(ge=0, le=MOST_FACES, description="This many larger ones are passed over")
]
_Detect = Annotated[bool, Form(description="false: the photos are aligned face crops already")]
_MinFacePx = Annotated[
    float | None,
    Form(
        ge=SMALLEST_MIN_FACE_PX,
        le=LARGEST_MIN_FACE_PX,
        description="The smallest face_px that is looked for; as for identify",
    ),
]


class PhotoFaceSchema(FaceSchema):
    """A face, and in which photo it is."""

    photo: int = Field(description="The photo's place in the request, from 0")


class FacesSchema(BaseModel):
    """The faces of some photos."""

    faces: list[PhotoFaceSchema] = Field(description="By photo, largest first")
    photos: list[SearchedPhotoSchema] = Field(description="In the request's order")
    timings_ms: dict[str, float]


class EmbeddedFaceSchema(PhotoFaceSchema):
    """A face and its embedding."""

    embedding: list[float] = Field(
        description="Of unit length; the product of two is their similarity",
        min_length=512,
        max_length=512,
    )


class EmbeddingsSchema(BaseModel):
    """The faces of some photos as vectors. Compare them only with others of the same space."""

    faces: list[EmbeddedFaceSchema] = Field(description="By photo, largest first")
    photos: list[SearchedPhotoSchema] = Field(description="In the request's order")
    bundle: str
    space: str
    timings_ms: dict[str, float]


@router.post("/faces", responses=problems(400, 401, 403, 408, 413, 415, 422, 503, 504))
async def find_faces(
    graph: GraphDep,
    serving: ServingDep,
    caller: IdentifyCaller,  # noqa: ARG001 - asks for the scope
    photos: _Photos,
    max_faces: _MaxFaces = 10,
    skip_faces: _SkipFaces = 0,
    min_face_px: _MinFacePx = None,
) -> FacesSchema:
    """Finds faces: boxes, landmarks, size and quality, but nobody's name."""
    found = await graph.identifier.find_faces(
        [await take_content(photo) for photo in photos],
        Wishes(max_faces=max_faces, skip_faces=skip_faces, min_face_px=min_face_px),
    )
    return FacesSchema(
        faces=[
            PhotoFaceSchema(photo=photo, **dict(FaceSchema.of(face, serving)))
            for photo, face in found.faces
        ],
        photos=[SearchedPhotoSchema.of(photo) for photo in found.photos],
        timings_ms=found.timings_ms,
    )


@router.post("/embeddings", responses=problems(400, 401, 403, 408, 413, 415, 422, 503, 504))
async def embed_faces(
    graph: GraphDep,
    serving: ServingDep,
    caller: EmbedCaller,  # noqa: ARG001 - asks for the scope
    photos: _Photos,
    max_faces: _MaxFaces = 10,
    skip_faces: _SkipFaces = 0,
    detect: _Detect = True,
    min_face_px: _MinFacePx = None,
) -> EmbeddingsSchema:
    """Turns faces into vectors, for those who search elsewhere. They are biometric data."""
    found = await graph.identifier.embed_faces(
        serving,
        [await take_content(photo) for photo in photos],
        Wishes(max_faces=max_faces, skip_faces=skip_faces, detect=detect, min_face_px=min_face_px),
    )
    return EmbeddingsSchema(
        faces=[
            EmbeddedFaceSchema(
                photo=photo, embedding=vector.tolist(), **dict(FaceSchema.of(face, serving))
            )
            for (photo, face), vector in zip(found.faces, found.embeddings, strict=True)
        ],
        photos=[SearchedPhotoSchema.of(photo) for photo in found.photos],
        bundle=serving.manifest.name,
        space=serving.space_id,
        timings_ms=found.timings_ms,
    )
