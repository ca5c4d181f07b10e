"""`/v1/faces` and `/v1/embeddings`: what is in a photo, without asking who it is."""

import asyncio
from base64 import b64encode
from typing import Annotated

import numpy as np
from fastapi import Form, UploadFile
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from app.api.deps import (
    EmbedCaller,
    GraphDep,
    IdentifyCaller,
    ServingDep,
    take_content,
)
from app.api.face_fields import Detect, MaxFaces, MinFacePx, Photos, SkipFaces
from app.api.identify_schemas import PhotoFaceSchema, SearchedPhotoSchema
from app.api.problems import problems
from app.api.routers import keyed_router
from app.api.ways_in import PhotoRoute
from app.recognition.recognizer import FoundFace
from app.recognition.serving import Serving
from app.services.identified import FacesShown, Wishes
from app.vision.image import Image
from app.vision.png import encode_png

router = keyed_router("/v1", "identify", PhotoRoute)


class FacesSchema(BaseModel):
    """The faces of some photos."""

    faces: list[PhotoFaceSchema] = Field(description="By photo, largest first")
    photos: list[SearchedPhotoSchema] = Field(description="In the request's order")
    timings_ms: dict[str, float]


class PicturedFaceSchema(PhotoFaceSchema):
    """A face and what the networks see of it: PNG in base64, 112 x 112 px."""

    crop: str = Field(description="Aligned; enlarged bicubically if face_px is below 112")
    restored: str | None = Field(
        description="What DSR makes of the crop, whatever its route; null if the bundle has no DSR"
    )

    @classmethod
    def of_pictured(
        cls, face: FoundFace, restored: Image | None, serving: Serving
    ) -> "PicturedFaceSchema":
        """From what the identifier has found."""
        return cls(
            crop=_base64(face.crop.pixels),
            restored=None if restored is None else _base64(restored),
            **dict(PhotoFaceSchema.of_photo(0, face, serving)),
        )


class PicturesSchema(BaseModel):
    """The faces of a photo as the networks see them."""

    faces: list[PicturedFaceSchema] = Field(description="Largest first")
    photos: list[SearchedPhotoSchema] = Field(description="The photo")
    timings_ms: dict[str, float]


class EmbeddedFaceSchema(PhotoFaceSchema):
    """A face and its embedding."""

    embedding: list[float] = Field(
        description="Of unit length; the dot product of two is their similarity",
        min_length=512,
        max_length=512,
    )

    @classmethod
    def of_embedded(
        cls, photo: int, face: FoundFace, embedding: NDArray[np.float32], serving: Serving
    ) -> "EmbeddedFaceSchema":
        """From what the identifier has found."""
        found = PhotoFaceSchema.of_photo(photo, face, serving)
        return cls(embedding=embedding.tolist(), **dict(found))


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
    photos: Photos,
    max_faces: MaxFaces = 10,
    skip_faces: SkipFaces = 0,
    min_face_px: MinFacePx = None,
) -> FacesSchema:
    """Finds faces: boxes, landmarks, size and quality, but not whose they are."""
    found = await graph.identifier.find_faces(
        [await take_content(photo) for photo in photos],
        Wishes(max_faces=max_faces, skip_faces=skip_faces, min_face_px=min_face_px),
    )
    return FacesSchema(
        faces=[PhotoFaceSchema.of_photo(photo, face, serving) for photo, face in found.faces],
        photos=[SearchedPhotoSchema.of(photo) for photo in found.photos],
        timings_ms=found.timings_ms,
    )


@router.post("/faces/pictures", responses=problems(400, 401, 403, 408, 413, 415, 422, 503, 504))
async def show_faces(
    graph: GraphDep,
    serving: ServingDep,
    caller: IdentifyCaller,  # noqa: ARG001 - asks for the scope
    photo: UploadFile,
    max_faces: Annotated[int, Form(ge=1, le=10, description="At most this many")] = 1,
    skip_faces: SkipFaces = 0,
    detect: Detect = True,
    min_face_px: MinFacePx = None,
) -> PicturesSchema:
    """Shows the faces of a photo as the networks see them: aligned, and restored by DSR."""
    found = await graph.identifier.show_faces(
        serving,
        await take_content(photo),
        Wishes(max_faces=max_faces, skip_faces=skip_faces, detect=detect, min_face_px=min_face_px),
    )
    return await asyncio.to_thread(_pictures, found, serving)


def _pictures(found: FacesShown, serving: Serving) -> PicturesSchema:
    """In a thread: a PNG takes a millisecond."""
    return PicturesSchema(
        faces=[
            PicturedFaceSchema.of_pictured(face, restored, serving)
            for face, restored in zip(found.finding.faces, found.restored, strict=True)
        ],
        photos=[SearchedPhotoSchema.of(found.finding)],
        timings_ms=found.timings_ms,
    )


def _base64(picture: Image) -> str:
    return b64encode(encode_png(picture)).decode()


@router.post("/embeddings", responses=problems(400, 401, 403, 408, 413, 415, 422, 503, 504))
async def embed_faces(
    graph: GraphDep,
    serving: ServingDep,
    caller: EmbedCaller,  # noqa: ARG001 - asks for the scope
    photos: Photos,
    max_faces: MaxFaces = 10,
    skip_faces: SkipFaces = 0,
    detect: Detect = True,
    min_face_px: MinFacePx = None,
) -> EmbeddingsSchema:
    """Turns faces into vectors, for those who search elsewhere. They are biometric data."""
    found = await graph.identifier.find_faces(
        [await take_content(photo) for photo in photos],
        Wishes(max_faces=max_faces, skip_faces=skip_faces, detect=detect, min_face_px=min_face_px),
        serving,
    )
    return EmbeddingsSchema(
        faces=[
            EmbeddedFaceSchema.of_embedded(photo, face, embedding, serving)
            for (photo, face), embedding in zip(found.faces, found.embeddings, strict=True)
        ],
        photos=[SearchedPhotoSchema.of(photo) for photo in found.photos],
        bundle=serving.manifest.name,
        space=serving.space_id,
        timings_ms=found.timings_ms,
    )
