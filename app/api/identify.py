"""`/v1/identify` and `/v1/verify`: who is in a photo, and are two faces one person."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import File, Form, UploadFile

from app.api.deps import (
    TELLS_AGE,
    WITH_AGE,
    GraphDep,
    IdentifyCaller,
    ServingDep,
    take_content,
)
from app.api.face_fields import Detect, MaxFaces, MinFacePx, Photos, SkipFaces
from app.api.identify_schemas import (
    FaceSchema,
    IdentificationSchema,
    SearchedPhotoSchema,
    VerificationSchema,
)
from app.api.problems import problems
from app.api.routers import keyed_router
from app.api.schemas import GroupName, Threshold, UserId
from app.api.track_schemas import ClipSchema, VisitSchema
from app.api.ways_in import PhotoRoute
from app.errors import InvalidRequestError
from app.gallery.user_fields import MAX_GROUPS
from app.services.identified import Wishes
from app.services.watching import WatchWishes

router = keyed_router("/v1", "identify", PhotoRoute)


@router.post(
    "/identify",
    dependencies=[TELLS_AGE],
    responses={**WITH_AGE, **problems(400, 401, 403, 408, 413, 415, 422, 503, 504)},
)
async def identify(
    graph: GraphDep,
    serving: ServingDep,
    caller: IdentifyCaller,
    photos: Photos,
    threshold: Annotated[Threshold | None, Form()] = None,
    top_k: Annotated[
        int, Form(ge=0, le=100, description="Candidates to list, whatever their similarity")
    ] = 0,
    max_faces: MaxFaces = 10,
    skip_faces: SkipFaces = 0,
    detect: Detect = True,
    same_person: Annotated[
        bool, Form(description="true: the photos are frames of one person, answered together")
    ] = False,
    frames_of: Annotated[
        Literal["video"] | None,
        Form(description="video: the photos are consecutive frames of a camera; see visits"),
    ] = None,
    min_face_px: MinFacePx = None,
    groups: Annotated[
        list[GroupName],
        Form(
            max_length=MAX_GROUPS,
            description="Look only for users in one of these. Default: everybody, or "
            "the groups that the key is bound to",
        ),
    ] = [],  # noqa: B006 - FastAPI copies it
) -> IdentificationSchema:
    """Identifies every face of every photo; a stranger's `user_id` is null."""
    found = await graph.identifier.identify(
        serving,
        [await take_content(photo) for photo in photos],
        Wishes(
            threshold=threshold,
            top_k=top_k,
            max_faces=max_faces,
            skip_faces=skip_faces,
            detect=detect,
            same_person=same_person,
            of_video=frames_of == "video",
            min_face_px=min_face_px,
            groups=caller.within(groups),
        ),
    )
    return IdentificationSchema.of(found, serving)


@router.post(
    "/clips",
    dependencies=[TELLS_AGE],
    responses={**WITH_AGE, **problems(400, 401, 403, 408, 413, 415, 422, 503, 504)},
)
async def identify_clip(
    graph: GraphDep,
    serving: ServingDep,
    caller: IdentifyCaller,
    clip: Annotated[UploadFile, File(description="A video file of a minute at most")],
    fps: Annotated[
        float, Form(ge=0.2, le=10, description="Frames a second that are looked at")
    ] = 2.0,
    threshold: Annotated[Threshold | None, Form()] = None,
    min_face_px: MinFacePx = None,
    groups: Annotated[
        list[GroupName],
        Form(max_length=MAX_GROUPS, description="As for identify"),
    ] = [],  # noqa: B006 - FastAPI copies it
) -> ClipSchema:
    """Tells who passes in a clip, once for each visit. `/v1/watch` is a socket for live frames."""
    wishes = WatchWishes(threshold=threshold, min_face_px=min_face_px, groups=caller.within(groups))
    found = await graph.watching.watch_clip(await take_content(clip), fps, wishes)
    return ClipSchema(
        visits=[VisitSchema.of(visit) for visit in found.visits],
        frames=found.frames,
        seconds=found.seconds,
        bundle=serving.manifest.name,
        space=serving.space_id,
    )


@router.post(
    "/verify",
    dependencies=[TELLS_AGE],
    responses={**WITH_AGE, **problems(400, 401, 403, 404, 408, 413, 415, 422, 503, 504)},
)
async def verify(
    graph: GraphDep,
    serving: ServingDep,
    caller: IdentifyCaller,
    photo: UploadFile,
    user_id: Annotated[UserId | None, Form()] = None,
    photo_id: Annotated[UUID | None, Form(description="Of a stored photo")] = None,
    other_photo: UploadFile | None = None,
    threshold: Annotated[Threshold | None, Form()] = None,
) -> VerificationSchema:
    """Compares the largest face of a photo with a user, a stored photo, or another photo."""
    given = [each for each in (user_id, photo_id, other_photo) if each is not None]
    if len(given) != 1:
        raise InvalidRequestError("Give exactly one of user_id, photo_id and other_photo.")
    content = await take_content(photo)
    if user_id is not None:
        await graph.users.require_reach(user_id, caller.groups, change=False)
        found = await graph.identifier.verify_user(serving, content, user_id, threshold)
    elif photo_id is not None:
        embedding = await graph.stored_photos.embedding(photo_id, serving.space_id, caller.groups)
        found = await graph.identifier.verify_embedding(serving, content, embedding, threshold)
    else:
        assert other_photo is not None
        found = await graph.identifier.verify_photos(
            serving, content, await take_content(other_photo), threshold
        )
    return VerificationSchema(
        match=found.match,
        similarity=found.similarity,
        threshold=found.threshold,
        faces=[FaceSchema.of(face, serving) for face in found.faces],
        photos=[SearchedPhotoSchema.of(finding) for finding in found.findings],
        bundle=serving.manifest.name,
        space=serving.space_id,
        timings_ms=found.timings_ms,
    )
