"""What endpoints are given: the object graph, the serving of their request, the caller."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Request, Response, Security, UploadFile, params
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection
from starlette.types import Receive
from starlette.types import Scope as AsgiScope

from app.api.bodies import Bodies, Body
from app.errors import MissingScopeError, UnauthenticatedError
from app.graph import Graph, Rows
from app.recognition.serving import Serving
from app.services.keys import Caller, Scope
from app.services.rate import Rate
from app.setting_groups import LimitSettings
from app.turns import Requester, requester

_BEARER = HTTPBearer(
    scheme_name="ApiKey",
    description="`farsight keys create --scope ...` makes one.",
    auto_error=False,
)


LOCAL_CALLER = "local_caller"
"""In a request's state: who calls without HTTP, in the process that runs the application."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What a caller may send.

    Attributes:
        bodies: All that are in the memory of this process.
        requests: How many a key may send to all processes; None: any number.
        photos: Likewise.
    """

    bodies: Bodies
    requests: Rate | None
    photos: Rate | None

    @classmethod
    def within(cls, limits: LimitSettings, processes: Callable[[], int] = lambda: 1) -> "Admission":
        """From the settings.

        Args:
            limits: The settings.
            processes: How many answer now, this one included.
        """

        def rate(per_minute: int | None, what: str) -> Rate | None:
            return None if per_minute is None else Rate(per_minute, what, processes)

        return cls(
            Bodies(limits),
            rate(limits.requests_per_minute, "requests"),
            rate(limits.photos_per_minute, "photos"),
        )


def _graph(request: Request) -> Graph:
    graph = request.state.graph
    assert isinstance(graph, Graph)
    return graph


def _rows(request: Request) -> Rows:
    rows = request.state.graph
    assert isinstance(rows, Rows)
    return rows


# Coroutines, though they wait for nothing: FastAPI hands plain functions to a thread.
async def _give_graph(request: Request) -> Graph:
    return _graph(request)


async def _give_rows(request: Request) -> Rows:
    return _rows(request)


def admission_of(connection: HTTPConnection) -> Admission:
    """The limits that a request falls under."""
    admission = connection.state.admission
    assert isinstance(admission, Admission)
    return admission


async def _serving(request: Request) -> Serving:
    return _graph(request).current.serving


async def _tell_age(request: Request, response: Response) -> None:
    """Refuses answers from a gallery that is too old, and tells its age in a header."""
    freshness = _rows(request).freshness
    freshness.require()
    if (age_s := freshness.age_s) is not None:
        response.headers[GALLERY_AGE] = f"{age_s:.1f}"


GALLERY_AGE = "Farsight-Gallery-Age-S"
"""A header: seconds since this process last saw the rows of a database on a server."""

TELLS_AGE = Depends(_tell_age)
"""For answers from the gallery; `WITH_AGE` describes it."""

WITH_AGE: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            GALLERY_AGE: {
                "description": "With PostgreSQL: seconds since the service last saw the database. "
                "More than a few: it is out of reach, and the answer comes from memory, without "
                "what was registered and erased since",
                "schema": {"type": "number"},
            }
        }
    }
}


GraphDep = Annotated[Graph, Depends(_give_graph)]
RowsDep = Annotated[Rows, Depends(_give_rows)]
"""For what needs no networks: commands ask for it without loading any."""

ServingDep = Annotated[Serving, Depends(_serving)]
"""The current serving; FastAPI asks once per request, however many take it."""


async def authenticate(request: Request, read_key: Callable[[Request], str]) -> Caller:
    """Who sends a request, by its key; from now on they take turns with other keys.

    Args:
        request: Theirs.
        read_key: Where its key is.

    Raises:
        UnauthenticatedError: No key, or an unknown one.
        RateLimitedError: This address has sent too many wrong keys.
    """
    # Put there by the process that runs the application; nothing that is sent gets there.
    if (local := getattr(request.state, LOCAL_CALLER, None)) is not None:
        assert isinstance(local, Caller)
        requester.set(Requester(local.key_id))
        return local
    rows = _rows(request)
    key_id = await rows.keys.recognise(read_key(request), address_of(request))
    requester.set(Requester(key_id))  # for this request alone: each has a task of its own
    caller = await rows.keys.caller(key_id)
    rows.key_diary.used(key_id)
    return caller


class KeyedRoute(APIRoute):
    """A route that looks at key and scope before it reads the body.

    FastAPI reads the body before it asks dependencies: without this, anybody could make the
    service hold and parse what they like.
    """

    LARGE_MEDIA_TYPES: ClassVar[tuple[str, ...]] = ("multipart/",)
    """Media types of photos and files; any other body is small."""

    @staticmethod
    def read_key(request: Request) -> str:
        """The key that came with a request.

        Raises:
            UnauthenticatedError: None did.
        """
        return bearer(request)

    def get_body_reader(self) -> Callable[[AsgiScope, Receive], Request]:
        """Makes the request that FastAPI reads."""
        return Request

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind the checks."""
        handle = super().get_route_handler()
        (needed,) = [
            each.call for each in self.dependant.dependencies if isinstance(each.call, _CallerWith)
        ]
        takes_form = any(
            isinstance(param.field_info, params.Form) for param in self.dependant.body_params
        )
        large_types = self.LARGE_MEDIA_TYPES if takes_form else ()
        read_body = self.get_body_reader()

        async def handle_with_key(request: Request) -> Response:
            caller = await authenticate(request, self.read_key)
            admission, waiting = admission_of(request), requester.get()
            request.state.caller = caller
            try:
                caller.require(needed.scope)
            except MissingScopeError:
                if needed.scope == Scope.ADMIN:
                    call = f"{request.method} {self.path_format}"
                    _rows(request).key_diary.refused(caller.key_id, call)
                raise
            if admission.requests is not None:
                admission.requests.spend(caller.key_id)
            with admission.bodies.admit(
                caller.key_id, request.headers, request.receive, large_types=large_types
            ) as body:
                watch = asyncio.create_task(_leave_with_caller(body, waiting))
                try:
                    return await handle(read_body(request.scope, body.receive))
                finally:
                    watch.cancel()

        return handle_with_key


async def _leave_with_caller(body: Body, waiting: Requester) -> None:
    await body.caller_leaves()
    waiting.leave()


def bearer(request: Request) -> str:
    """The key in the header that is made for it.

    Raises:
        UnauthenticatedError: There is none.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthenticatedError("Send the API key as `Authorization: Bearer KEY`.")
    return key.strip()


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from; behind a proxy, as the proxy says."""
    return connection.client.host if connection.client else ""


async def take_content(upload: UploadFile) -> bytes:
    """The bytes of an upload, which then lets go of its own copy: photos are large."""
    content = await upload.read()
    await upload.close()
    return content


@dataclass(frozen=True, slots=True)
class _CallerWith:
    """The caller, whom KeyedRoute has found to have this scope; by now the body is parsed."""

    scope: Scope

    async def __call__(self, request: Request) -> Caller:
        caller = request.state.caller
        assert isinstance(caller, Caller)
        photos = admission_of(request).photos
        if photos is not None:
            form = await request.form()  # as FastAPI has parsed it
            uploads = [value for _, value in form.multi_items() if not isinstance(value, str)]
            photos.spend(caller.key_id, len(uploads))
        return caller


# HTTPBearer only puts the key into OpenAPI; KeyedRoute has checked it.
EnrollCaller = Annotated[Caller, Depends(_CallerWith(Scope.ENROLL))]
IdentifyCaller = Annotated[Caller, Depends(_CallerWith(Scope.IDENTIFY))]
EmbedCaller = Annotated[Caller, Depends(_CallerWith(Scope.EMBED))]
AdminCaller = Annotated[Caller, Depends(_CallerWith(Scope.ADMIN))]
SHOWS_KEY_IN_OPENAPI = [Security(_BEARER)]
