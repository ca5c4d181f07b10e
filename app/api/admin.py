"""`/v1/admin`: which weights serve, changing them, and the way back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from fastapi import Body, Query
from fastapi.responses import StreamingResponse

from app.api.admin_schemas import (
    BundleListSchema,
    BundleSchema,
    JobListSchema,
    JobSchema,
    ReloadSchema,
    ServingSchema,
    ThresholdListSchema,
    ThresholdSchema,
)
from app.api.deps import AdminCaller, GraphDep, RowsDep, ServingDep
from app.api.problems import problems
from app.api.routers import keyed_router
from app.errors import UnauthenticatedError
from app.graph import Rows
from app.services.job_diary import JobView, State
from app.services.keys import Caller
from app.services.odds import thresholds_in_use
from app.storage_errors import DatabaseBusyError

router = keyed_router("/v1/admin", "admin")

_LOOK_EVERY_S = 0.5
# Of each event. OpenAPI 3.2 has `itemSchema` for it, which generators of 3.1 refuse.
_JOB_EVENTS = {
    "schema": {
        "type": "object",
        "title": "JobEvent",
        "properties": {
            "event": {"type": "string", "const": "job"},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": "#/components/schemas/JobSchema"},
            },
        },
        "required": ["event", "data"],
    },
}


@router.get("/bundles", responses=problems(401, 403, 503))
async def list_bundles(
    rows: RowsDep,
    caller: AdminCaller,  # noqa: ARG001 - asks for the scope
) -> BundleListSchema:
    """Lists the bundles of the store, and checks the files of each."""
    found = await rows.bundle_store.every()
    return BundleListSchema(items=[BundleSchema.of(view) for view in found], next_cursor=None)


@router.get("/thresholds", responses=problems(401, 403, 503))
async def list_thresholds(
    serving: ServingDep,
    caller: AdminCaller,  # noqa: ARG001 - asks for the scope
) -> ThresholdListSchema:
    """Lists the thresholds in use, and how often a stranger is taken for somebody."""
    return ThresholdListSchema(
        bundle=serving.manifest.name,
        space=serving.space_id,
        users=len(serving.gallery),
        items=[ThresholdSchema.model_validate(of) for of in thresholds_in_use(serving)],
        next_cursor=None,
    )


@router.post(
    "/reload",
    status_code=202,
    responses=problems(400, 401, 403, 404, 408, 409, 413, 415, 422, 503, 507),
)
async def reload(
    graph: GraphDep, caller: AdminCaller, wanted: Annotated[ReloadSchema, Body()]
) -> JobSchema:
    """Starts a reload of another bundle. Follow it by the answer's `id`."""
    job = await graph.reload.start(wanted.bundle, caller.key_id, force=wanted.force)
    return JobSchema.model_validate(job)


@router.post("/rollback", responses=problems(401, 403, 409, 422, 503, 507))
async def roll_back(graph: GraphDep, caller: AdminCaller) -> ServingSchema:
    """Goes back to the previous bundle at once."""
    serving = await graph.bundles.rollback(caller.key_id)
    return ServingSchema(bundle=serving.manifest.name, space=serving.space_id)


@router.get("/jobs", responses=problems(401, 403, 422, 503))
async def list_jobs(
    rows: RowsDep,
    caller: AdminCaller,  # noqa: ARG001 - asks for the scope
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JobListSchema:
    """Lists the latest reloads, newest first."""
    found = await rows.jobs.latest(limit)
    return JobListSchema(items=[JobSchema.model_validate(job) for job in found], next_cursor=None)


@router.get("/jobs/{job_id}", responses=problems(401, 403, 404, 422, 503))
async def show_job(
    rows: RowsDep,
    caller: AdminCaller,  # noqa: ARG001 - asks for the scope
    job_id: UUID,
) -> JobSchema:
    """Shows the state of a reload."""
    return JobSchema.model_validate(await rows.jobs.get(job_id))


@router.get(
    "/jobs/{job_id}/events",
    responses={
        200: {"content": {"text/event-stream": _JOB_EVENTS}},
        **problems(401, 403, 404, 422, 503),
    },
    response_class=StreamingResponse,
)
async def watch_job(
    rows: RowsDep,
    caller: AdminCaller,
    job_id: UUID,
) -> StreamingResponse:
    """The same as server-sent events, one for each change.

    It ends with the job, or with the key.
    """
    first = await rows.jobs.get(job_id)  # an error is answered before the stream begins
    return StreamingResponse(_events(rows, caller, first), media_type="text/event-stream")


async def _events(rows: Rows, caller: Caller, job: JobView) -> AsyncIterator[str]:
    told = None
    while True:
        event = f"event: job\ndata: {JobSchema.model_validate(job).model_dump_json()}\n\n"
        if event != told:
            yield event
            told = event
        if job.state != State.RUNNING:
            return
        await asyncio.sleep(_LOOK_EVERY_S)
        with suppress(DatabaseBusyError):  # there will be news later
            try:
                await rows.keys.caller(caller.key_id)
            except UnauthenticatedError:  # it has ended
                return
            job = await rows.jobs.get(job.id)
