"""`/metrics`: what the service counts, and how it is at the moment, in Prometheus' text format.

It is not in the OpenAPI document: its format is Prometheus' own, no client has a method for it, and
whether it is there and takes a key is a setting of the installation.
"""

import math
import time
from typing import Literal

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from app.api.bodies import Bodies
from app.api.deps import AdminCaller, GraphDep, admission_of
from app.api.routers import keyed_router
from app.errors import NotReadyError
from app.graph import Graph
from app.metrics import Metrics
from app.services.job_diary import State, Step

PATH = "/metrics"
# Writing takes milliseconds, and whoever has no key may ask 200 times a second
# (docs/decisions/0017-callers.md).
_FRESH_S = 1.0


class _Exposition:
    """Writes all metrics, at most once a second; nothing in it asks the database."""

    def __init__(self, metrics: Metrics) -> None:
        self._registry = metrics.registry
        self._text = b""
        self._written_s = -math.inf
        self._ready = self._gauge("ready", "Whether /readyz answers 200.")
        self._bundle = self._gauge(
            "bundle_info", "The bundle that serves, and its space.", "bundle", "space"
        )
        self._users = self._gauge("gallery_users", "Users in the gallery of this process.")
        self._revision = self._gauge("gallery_revision", "The gallery's revision.")
        self._lag = self._gauge(
            "gallery_revision_lag", "Changes in the database that the gallery does not have yet."
        )
        self._age = self._gauge(
            "gallery_age_seconds",
            "Since the database was last seen, where it is on a server; else 0.",
        )
        self._queue = self._gauge(
            "queue_length",
            "Photos waiting for readers, crops for networks, requests for the database.",
            "queue",
        )
        self._connections = self._gauge(
            "database_connections_in_use", "Database connections in use.", "use"
        )
        self._decoders = self._gauge("decoder_processes", "Processes for photos.", "state")
        self._in_flight = self._gauge("bodies_in_flight", "Bodies being read or held in memory.")
        self._body_bytes = self._gauge("bodies_bytes", "Bytes of bodies held or announced.")
        self._reload_state = self._gauge(
            "reload_state", "1 for the state of the last reload, else 0.", "state"
        )
        self._reload_step = self._gauge(
            "reload_step", "1 for the step of the running reload, else 0.", "step"
        )
        self._reload_photos = self._gauge(
            "reload_photos", "Photos of the last reload: embedded, and to be embedded.", "count"
        )

    def text(self, graph: Graph, bodies: Bodies) -> bytes:
        """As it is now, or was within the last second."""
        now_s = time.monotonic()
        if now_s - self._written_s >= _FRESH_S:
            self._look(graph, bodies)
            self._text = generate_latest(self._registry)
            self._written_s = now_s
        return self._text

    def _look(self, graph: Graph, bodies: Bodies) -> None:
        self._ready.set(_is_ready(graph))
        serving, seen = graph.current.serving, graph.following.seen
        self._bundle.clear()  # of the former one
        self._bundle.labels(serving.manifest.name, serving.space_id).set(1)
        self._users.set(len(serving.gallery))
        self._revision.set(serving.gallery.revision)
        # What this process has written itself is in the gallery before it is seen in the rows.
        self._lag.set(max(0, seen.revision - serving.gallery.revision) if seen else 0)
        self._age.set(graph.freshness.age_s or 0)
        for queue, length in graph.inference.waiting().items():
            self._queue.labels(queue).set(length)
        for use, turns in graph.sessions.turns.items():
            self._connections.labels(use).set(turns.held)
            self._queue.labels(f"database_{use}").set(turns.waiting)
        for state, count in graph.decoders.count().items():
            self._decoders.labels(state).set(count)
        self._in_flight.set(bodies.in_flight)
        self._body_bytes.set(bodies.held_bytes)
        job = seen.job if seen else None
        for state in State:
            self._reload_state.labels(state).set(job is not None and job.state == state)
        for step in Step:
            is_at_it = job is not None and job.state == State.RUNNING and job.step == step
            self._reload_step.labels(step).set(is_at_it)
        self._reload_photos.labels("done").set(job.done if job else 0)
        self._reload_photos.labels("all").set(job.total if job else 0)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"farsight_{name}", text, labels, registry=self._registry)


def _is_ready(graph: Graph) -> bool:
    try:
        graph.readiness.require()
    except NotReadyError:
        return False
    return True


def install(app: FastAPI, access: Literal["off", "key", "open"], metrics: Metrics) -> None:
    """Adds the address, unless it is off."""
    exposition = _Exposition(metrics)

    def write(request: Request, graph: Graph) -> Response:
        text = exposition.text(graph, admission_of(request).bodies)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def show_metrics(request: Request, graph: GraphDep) -> Response:
        return write(request, graph)

    async def show_metrics_to_key(
        request: Request,
        graph: GraphDep,
        caller: AdminCaller,  # noqa: ARG001 - asks for the scope
    ) -> Response:
        return write(request, graph)

    if access == "off":
        return
    router = APIRouter() if access == "open" else keyed_router("", "system")
    endpoint = show_metrics if access == "open" else show_metrics_to_key
    router.add_api_route(PATH, endpoint, include_in_schema=False, response_model=None)
    app.include_router(router)
