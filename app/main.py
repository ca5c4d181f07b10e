"""The HTTP application: its routes, and what starts with it."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import TypedDict

from fastapi import Depends, FastAPI
from starlette.formparsers import MultiPartParser
from starlette.middleware.cors import CORSMiddleware

from app.api import (
    access,
    admin,
    compreface,
    console,
    crops,
    description,
    documentation,
    faces,
    gallery,
    identify,
    kept_faces,
    monitoring,
    problems,
    system,
    users,
    watch,
)
from app.api.deps import GALLERY_AGE, Admission
from app.api.fields import require_described
from app.api.middleware import NO_TELEMETRY, RequestContext
from app.graph import Graph, in_time, open_graph
from app.metrics import Metrics
from app.settings import Settings
from app.traces import Traces

# Of the time for ending: a collector that hangs must not keep the process.
_SHARE_OF_TRACES = 0.1


class _State(TypedDict):
    graph: Graph
    admission: Admission


def create_app(settings: Settings) -> FastAPI:
    """The application; nothing is opened before it starts."""
    metrics, traces = Metrics(), Traces()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[_State]:
        app.openapi()  # built now: at the first request it would hold up the others
        async with AsyncExitStack() as opened:
            ends_within_s = settings.shutdown_grace_s * _SHARE_OF_TRACES
            opened.push_async_callback(in_time, traces.open(), ends_within_s)
            graph = await opened.enter_async_context(open_graph(settings, metrics))
            first_key = await graph.keys.create_first()
            if first_key is not None:
                # Once, for the person at the terminal; a log would keep it.
                sys.stderr.write(f"First start: the admin key, shown only now, is {first_key}\n")
            graph.following.start()
            graph.readiness.start()
            graph.erasures.start()
            graph.key_diary.start()
            graph.keeping.start()
            admission = Admission.within(settings.limits, lambda: graph.following.processes)
            yield {"graph": graph, "admission": admission}

    app = FastAPI(
        title="Farsight",
        summary="Recognises people from photos whose faces may be 16 to 32 pixels wide",
        version=version("farsight"),
        lifespan=lifespan,
        dependencies=[Depends(require_described)],
        responses=problems.problems(431),
        openapi_url=None,  # see documentation
        generate_unique_id_function=description.operation_id,
        telemetry=NO_TELEMETRY,
    )
    # Uploads stay in memory up to the body limit: photos never touch the disk.
    MultiPartParser.spool_max_size = settings.limits.max_body_bytes
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "X-Request-ID",
                *([compreface.KEY_HEADER] if settings.compreface else []),
            ],
            expose_headers=[
                "Content-Disposition",
                GALLERY_AGE,
                "RateLimit",
                "RateLimit-Policy",
                "Retry-After",
                "X-Request-ID",
            ],
        )
    app.add_middleware(RequestContext, metrics=metrics, traces=traces)
    problems.install(app)
    for resource in (users, crops, identify, kept_faces, faces, gallery, admin, access, system):
        app.include_router(resource.router)
    app.router.routes.append(watch.route())
    app.include_router(users.photos_router)
    app.include_router(crops.thumbnails_router)
    monitoring.install(app, settings.metrics, metrics)
    description.install(app, settings.root_path)
    console.install(app)
    if settings.docs:
        documentation.install(app)
    if settings.compreface:
        app.mount(compreface.PATH, compreface.create_app())
    return app
