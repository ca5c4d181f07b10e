"""What endpoints are given: the object graph, the serving of their request, the caller."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response, Security, UploadFile
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from app.db.session import Sessions
from app.errors import MissingScopeError, UnauthenticatedError
from app.runtime.inference import Inference
from app.runtime.serving import Current, Serving
from app.services.bundles import Bundles
from app.services.following import Following
from app.services.identification import Identifier
from app.services.key_diary import KeyDiary
from app.services.keys import Caller, Keys, Scope
from app.services.readiness import Readiness
from app.services.registration import Registration
from app.services.reload import Reload
from app.services.transfer import GalleryImport
from app.services.users import Users

_BEARER = HTTPBearer(
    scheme_name="API key",
    description="`python -m app keys create --scope ...` makes one.",
    auto_error=False,
)


@dataclass(slots=True)
class Graph:
    """Everything that lives as long as the process.

    Attributes:
        current: Its serving is taken once per request.
        public_version: Whether /version tells everything without a key.
    """

    current: Current
    sessions: Sessions
    inference: Inference
    keys: Keys
    key_diary: KeyDiary
    users: Users
    registration: Registration
    identifier: Identifier
    gallery_import: GalleryImport
    reload: Reload
    bundles: Bundles
    following: Following
    readiness: Readiness
    public_version: bool


def _graph(request: Request) -> Graph:
    graph = request.state.graph
    assert isinstance(graph, Graph)
    return graph


def _serving(graph: Annotated[Graph, Depends(_graph)]) -> Serving:
    return graph.current.serving


GraphDep = Annotated[Graph, Depends(_graph)]
ServingDep = Annotated[Serving, Depends(_serving)]
"""The current serving; FastAPI asks once per request, however many take it."""


async def authenticate(request: Request) -> Caller:
    """Who sends a request, by its key.

    Raises:
        UnauthenticatedError: No key, or one that is none.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthenticatedError("Send the API key as `Authorization: Bearer KEY`.")
    graph = _graph(request)
    caller = await graph.keys.authenticate(key.strip())
    graph.key_diary.used(caller.key_id)
    return caller


class KeyedRoute(APIRoute):
    """A route that looks at the API key before it reads the body.

    FastAPI reads the body before it asks dependencies: without this, anybody could make the
    service hold large uploads in memory.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind the check."""
        handle = super().get_route_handler()

        async def handle_with_key(request: Request) -> Response:
            request.state.caller = caller = await authenticate(request)
            try:
                return await handle(request)
            except MissingScopeError as error:
                if error.facts["scope"] == Scope.ADMIN:
                    call = f"{request.method} {self.path_format}"
                    _graph(request).key_diary.refused(caller.key_id, call)
                raise

        return handle_with_key


async def take_content(upload: UploadFile) -> bytes:
    """The bytes of an upload, which then lets go of its own copy: photos are large."""
    content = await upload.read()
    await upload.close()
    return content


def _caller_with(scope: Scope) -> Callable[[Request], Caller]:
    def caller(request: Request) -> Caller:
        found = request.state.caller
        assert isinstance(found, Caller)
        found.require(scope)
        return found

    return caller


# HTTPBearer only puts the key into OpenAPI; KeyedRoute has checked it.
EnrollCaller = Annotated[Caller, Depends(_caller_with(Scope.ENROLL))]
IdentifyCaller = Annotated[Caller, Depends(_caller_with(Scope.IDENTIFY))]
AdminCaller = Annotated[Caller, Depends(_caller_with(Scope.ADMIN))]
SHOWS_KEY_IN_OPENAPI = [Security(_BEARER)]
