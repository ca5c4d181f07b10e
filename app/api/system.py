"""`/livez`, `/readyz`, `/version`: what orchestrators ask; no key is needed."""

from importlib.metadata import version

from fastapi import APIRouter

from app.api.deps import GraphDep, ServingDep
from app.api.problems import problems
from app.api.schemas import StatusSchema, VersionSchema

router = APIRouter(tags=["system"])


@router.get("/livez", responses=problems())
async def live() -> StatusSchema:
    """The process answers."""
    return StatusSchema()


@router.get("/readyz", responses=problems(503))
async def ready(graph: GraphDep) -> StatusSchema:
    """Networks and database have answered a moment ago, and all threads are alive."""
    graph.readiness.require()
    return StatusSchema()


@router.get("/version", responses=problems())
async def show_version(serving: ServingDep) -> VersionSchema:
    """What is running in this process."""
    return VersionSchema(
        version=version("farsight"),
        bundle=serving.manifest.name,
        space=serving.space_id,
        gallery_revision=serving.gallery.revision,
    )
