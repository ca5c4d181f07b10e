"""`/livez`, `/readyz`, `/health`, `/version`: what orchestrators ask; no key is needed.

Without one they reveal nothing about the gallery.
"""

from importlib.metadata import version

from fastapi import APIRouter, Request

from app.api.deps import TELLS_AGE, WITH_AGE, GraphDep, ServingDep, authenticate, bearer
from app.api.problems import problems
from app.api.schemas import KeyRightsSchema, StatusSchema, VersionSchema
from app.services.keys import Scope

router = APIRouter(tags=["system"])


@router.get("/livez", responses=problems(422))
async def live() -> StatusSchema:
    """The process answers."""
    return StatusSchema()


@router.get("/readyz", dependencies=[TELLS_AGE], responses={**WITH_AGE, **problems(422, 503)})
async def ready(graph: GraphDep) -> StatusSchema:
    """Networks and database answered a moment ago, and all threads are alive.

    A PostgreSQL that is out of reach makes it 503 only when identification is refused, too.
    """
    graph.readiness.require()
    return StatusSchema()


@router.get("/health", dependencies=[TELLS_AGE], responses={**WITH_AGE, **problems(422, 503)})
async def show_health(graph: GraphDep) -> StatusSchema:
    """The same as `/readyz`, under the name that many monitors expect."""
    return await ready(graph)


@router.get("/version", responses=problems(401, 422, 503))
async def show_version(request: Request, graph: GraphDep, serving: ServingDep) -> VersionSchema:
    """What is running in this process; with any key also the bundle and what the key may do."""
    running = version("farsight")
    key = None
    if request.headers.get("authorization"):
        caller = await authenticate(request, bearer)
        key = KeyRightsSchema(
            id=caller.key_id,
            scopes=sorted(Scope(name) for name in caller.scopes),
            groups=None if caller.groups is None else sorted(caller.groups),
        )
    elif not graph.public_version:
        return VersionSchema(version=running)
    return VersionSchema(
        version=running,
        bundle=serving.manifest.name,
        space=serving.space_id,
        gallery_revision=serving.gallery.revision,
        key=key,
    )
