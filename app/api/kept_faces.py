"""`/v1/kept-faces`: faces of recent identifications, and whose they really are."""

from typing import Annotated
from uuid import UUID

from fastapi import Body, Query, Response

from app.api.crops import PICTURE, PNG
from app.api.deps import EnrollCaller, GraphDep, ServingDep
from app.api.kept_schemas import (
    Answered,
    AssignmentRequestSchema,
    AssignmentSchema,
    ClusterListSchema,
    ClusterParams,
    ClusterSchema,
    DismissalRequestSchema,
    DismissalSchema,
    KeptFacePageParams,
    KeptFacePageSchema,
    KeptFaceSchema,
)
from app.api.problems import problems
from app.api.routers import keyed_router
from app.api.users import new_user
from app.errors import InvalidRequestError

router = keyed_router("/v1/kept-faces", "review")


@router.get("", responses=problems(401, 403, 422, 503))
async def list_kept_faces(
    graph: GraphDep, caller: EnrollCaller, wanted: Annotated[KeptFacePageParams, Query()]
) -> KeptFacePageSchema:
    """Lists faces of recent identifications, newest first; none unless a setting keeps them."""
    named = None if wanted.answer is None else wanted.answer is Answered.NAMED
    page = await graph.review.page(wanted.cursor, wanted.limit, caller.groups, named=named)
    return KeptFacePageSchema(
        items=[KeptFaceSchema.model_validate(face) for face in page.items],
        next_cursor=page.next_cursor,
        keep_hours=graph.keeping.hours,
    )


@router.get("/clusters", responses=problems(401, 403, 422, 503))
async def list_clusters(
    graph: GraphDep,
    serving: ServingDep,
    caller: EnrollCaller,
    wanted: Annotated[ClusterParams, Query()],
) -> ClusterListSchema:
    """Puts kept faces of strangers together by likeness: each cluster is probably one person."""
    found, total = await graph.review.clusters(
        serving, caller.groups, wanted.limit, wanted.max_faces
    )
    return ClusterListSchema(
        items=[ClusterSchema.model_validate(cluster) for cluster in found],
        next_cursor=None,
        total=total,
        keep_hours=graph.keeping.hours,
    )


@router.get("/{face_id}/crop", responses=PICTURE, response_class=Response)
async def show_kept_face(graph: GraphDep, caller: EnrollCaller, face_id: UUID) -> Response:
    """A kept face, as it was aligned. The audit log records who asked."""
    crop = await graph.review.crop(caller.key_id, face_id, caller.groups)
    return Response(crop, media_type=PNG)


@router.post(
    "/assign", responses=problems(400, 401, 403, 404, 408, 409, 413, 415, 422, 503, 504, 507)
)
async def assign_faces(
    graph: GraphDep,
    serving: ServingDep,
    caller: EnrollCaller,
    wanted: Annotated[AssignmentRequestSchema, Body()],
) -> AssignmentSchema:
    """Says whose kept faces are. Those that are good enough become photos of that user."""
    if not wanted.new:
        if {"display_name", "allow_duplicate"} & wanted.model_fields_set:
            raise InvalidRequestError("display_name and allow_duplicate are for new users.")
        await graph.users.require_reach(wanted.user_id, caller.groups, change=True)
        learned = await graph.review.assign(
            serving, caller.key_id, wanted.faces, wanted.user_id, caller.groups
        )
    else:
        new = new_user(
            caller, wanted.user_id, wanted.display_name, None, [], wanted.allow_duplicate
        )
        learned = await graph.review.register(
            serving, caller.key_id, wanted.faces, new, caller.groups
        )
    return AssignmentSchema.model_validate(learned)


@router.post("/dismiss", responses=problems(400, 401, 403, 408, 413, 415, 422, 503, 507))
async def dismiss_faces(
    graph: GraphDep, caller: EnrollCaller, wanted: Annotated[DismissalRequestSchema, Body()]
) -> DismissalSchema:
    """Deletes kept faces."""
    return DismissalSchema.model_validate(
        await graph.review.dismiss(caller.key_id, wanted.faces, caller.groups)
    )
