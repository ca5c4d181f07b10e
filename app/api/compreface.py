"""`/api/v1/recognition`: requests as clients of CompreFace's send them.

An application of its own, behind a setting: other names, another place for the key, other errors,
and fields that it does not know are passed over, since clients send them. What it does, the
services do under the same scopes and limits. Why: docs/decisions/0027-compreface.md.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Body, FastAPI, Query, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import compreface_errors
from app.api.compreface_schemas import (
    ComparisonSchema,
    DeletedSchema,
    ExamplePageSchema,
    ExampleSchema,
    RecognitionSchema,
    RenamedSchema,
    SubjectListSchema,
    SubjectName,
    SubjectSchema,
    Told,
    min_detection_score,
)
from app.api.deps import EnrollCaller, GraphDep, IdentifyCaller, ServingDep, take_content
from app.api.middleware import NO_TELEMETRY
from app.api.ways_in import PhotoRoute
from app.errors import FarsightError, UnauthenticatedError, UserNotFoundError
from app.recognition.serving import Serving
from app.services.reviewed_photo import Upload
from app.services.subject_recognition import FaceWishes, SearchedPhoto

PATH = "/api"
KEY_HEADER = "x-api-key"

T = TypeVar("T")
_MOST_SUBJECTS = 100
_LARGEST_PAGE = 2000
_LAST_PAGE = 1_000_000


class _Route(PhotoRoute):
    """A route whose key comes in CompreFace's header."""

    @staticmethod
    def read_key(request: Request) -> str:
        """See KeyedRoute.read_key."""
        key = request.headers.get(KEY_HEADER)
        if key is None:
            raise UnauthenticatedError(f"Missing header: {KEY_HEADER}")
        return key

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with an answer for unexpected errors."""
        handle = super().get_route_handler()

        async def handle_all(request: Request) -> Response:
            try:
                return await handle(request)
            except (FarsightError, HTTPException, RequestValidationError):
                raise
            except Exception:  # noqa: BLE001 - logged by internal_error
                return compreface_errors.internal_error()

        return handle_all


router = APIRouter(prefix="/v1/recognition", route_class=_Route)


def _blank_is(default: object) -> BeforeValidator:
    return BeforeValidator(lambda given: default if given == "" else given)


_Subject = Annotated[SubjectName, Query()]
_Limit = Annotated[int, Query(ge=0)]
_Score = Annotated[float, Query(ge=0, le=1), _blank_is(0.0)]
_Flag = Annotated[bool, Query(), _blank_is(False)]


@router.get("/subjects")
async def list_subjects(
    graph: GraphDep,
    caller: EnrollCaller,
) -> SubjectListSchema:
    """Lists all names."""
    return SubjectListSchema(subjects=await graph.subjects.names(caller))


@router.post("/subjects", status_code=201)
async def add_subject(
    graph: GraphDep, caller: EnrollCaller, wanted: Annotated[SubjectSchema, Body()]
) -> SubjectSchema:
    """Adds a name; its first photo makes it a user."""
    await graph.subjects.announce(caller, wanted.subject)
    return wanted


@router.put("/subjects/{subject:path}")
async def rename_subject(
    graph: GraphDep,
    caller: EnrollCaller,
    subject: SubjectName,
    wanted: Annotated[SubjectSchema, Body()],
) -> RenamedSchema:
    """Renames a subject, or merges its photos into the subject of that name."""
    await graph.subjects.rename(caller, subject, wanted.subject)
    return RenamedSchema(updated=True)


@router.delete("/subjects/{subject:path}")
async def delete_subject(
    graph: GraphDep, caller: EnrollCaller, subject: SubjectName
) -> SubjectSchema:
    """Erases a subject and all its photos."""
    await graph.subjects.erase(caller, subject)
    return SubjectSchema(subject=subject)


@router.delete("/subjects")
async def delete_all_subjects(graph: GraphDep, caller: EnrollCaller) -> DeletedSchema:
    """Erases everybody."""
    return DeletedSchema(deleted=(await graph.subjects.erase_all(caller)).subjects)


@router.get("/faces")
async def list_examples(
    graph: GraphDep,
    caller: EnrollCaller,
    page: Annotated[int, Query(ge=0, le=_LAST_PAGE)] = 0,
    size: Annotated[int, Query(ge=1)] = 20,
    subject: str = "",
) -> ExamplePageSchema:
    """Lists stored photos, of one subject or of all."""
    size = min(size, _LARGEST_PAGE)
    found = await graph.subjects.photos(caller, subject or None, page * size, size)
    return ExamplePageSchema.of(found, page, size)


@router.post("/faces", status_code=201)
async def add_example(
    graph: GraphDep,
    serving: ServingDep,
    caller: EnrollCaller,
    file: UploadFile,
    subject: _Subject,
    det_prob_threshold: _Score = 0.0,
) -> ExampleSchema:
    """Adds a photo to a subject; the first one registers it."""
    # The file's name is of no use here: there is no report to tell photos apart in.
    upload = await Upload.take(None, await take_content(file))
    image_id = await graph.subjects.add_photo(
        serving, caller, subject, upload, min_detection_score(det_prob_threshold)
    )
    return ExampleSchema(image_id=image_id, subject=subject)


@router.delete("/faces")
async def delete_examples(
    graph: GraphDep,
    caller: EnrollCaller,
    subject: Annotated[SubjectName | None, Query()] = None,
) -> DeletedSchema:
    """Erases all photos of a subject, and so the subject; without one, everybody."""
    if subject is None:
        return DeletedSchema(deleted=(await graph.subjects.erase_all(caller)).photos)
    try:
        erased = await graph.subjects.erase(caller, subject)
    except UserNotFoundError:
        return DeletedSchema(deleted=0)
    return DeletedSchema(deleted=erased.photos)


@router.post("/faces/delete")
async def delete_some_examples(
    graph: GraphDep, caller: EnrollCaller, image_ids: Annotated[list[UUID], Body()]
) -> list[ExampleSchema]:
    """Erases some photos; unknown ids are skipped."""
    erased = await graph.subjects.erase_photos(caller, image_ids)
    return [ExampleSchema.of(photo) for photo in erased]


@router.delete("/faces/{image_id}")
async def delete_example(graph: GraphDep, caller: EnrollCaller, image_id: UUID) -> ExampleSchema:
    """Erases a photo, and with the last one its subject."""
    return ExampleSchema.of(await graph.subjects.erase_photo(caller, image_id))


@router.get("/faces/{image_id}/img")
async def show_example(graph: GraphDep, caller: EnrollCaller, image_id: UUID) -> Response:
    """The face of a stored photo, as it was aligned; nothing where none is kept."""
    crop = await graph.subjects.crop(caller, image_id)
    return Response(crop or b"", media_type="image/png" if crop else "application/octet-stream")


@router.post("/faces/{image_id}/verify", response_model_exclude_none=True)
async def verify(
    graph: GraphDep,
    serving: ServingDep,
    caller: IdentifyCaller,
    image_id: UUID,
    file: UploadFile,
    limit: _Limit = 0,
    det_prob_threshold: _Score = 0.0,
    face_plugins: str = "",
    status: _Flag = False,
) -> ComparisonSchema:
    """Compares every face of a photo with a stored one."""
    found = await graph.subject_recognition.verify(
        serving,
        await take_content(file),
        image_id,
        FaceWishes(limit, min_detection_score(det_prob_threshold), groups=caller.groups),
    )
    told = _told(serving, found, face_plugins, status=status)
    return ComparisonSchema(
        result=[told.compared(face) for face in found.faces],
        plugins_versions=told.versions(),
        unavailable_plugins=told.unavailable(),
    )


@router.post("/recognize", response_model_exclude_none=True)
async def recognize(
    graph: GraphDep,
    serving: ServingDep,
    caller: IdentifyCaller,
    file: UploadFile,
    limit: _Limit = 0,
    prediction_count: Annotated[int, Query(ge=1)] = 1,
    det_prob_threshold: _Score = 0.0,
    face_plugins: str = "",
    status: _Flag = False,
    detect_faces: Annotated[bool, Query(), _blank_is(True)] = True,
) -> RecognitionSchema:
    """Finds whom each face of a photo resembles most."""
    found = await graph.subject_recognition.recognise(
        serving,
        await take_content(file),
        FaceWishes(limit, min_detection_score(det_prob_threshold), detect_faces, caller.groups),
        min(prediction_count, _MOST_SUBJECTS),
    )
    told = _told(serving, found, face_plugins, status=status)
    return RecognitionSchema(
        result=[told.recognised(face) for face in found.faces],
        plugins_versions=told.versions(),
        unavailable_plugins=told.unavailable(),
    )


def _told(serving: Serving, found: SearchedPhoto[T], face_plugins: str, *, status: bool) -> Told:
    return Told(
        face_plugins,
        status=status,
        serving=serving,
        finding=found.finding,
        timings_ms=found.timings_ms,
    )


class _WithoutTrailingSlash:
    """Takes `/subjects/` for `/subjects`, as CompreFace does and its documentation writes it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        # Changed in place: the log asks this very scope for its route.
        scope["path"] = scope["path"].rstrip("/")
        await self._app(scope, receive, send)


def create_app() -> FastAPI:
    """The application, to be mounted under PATH."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    app.add_middleware(_WithoutTrailingSlash)
    app.include_router(router)
    compreface_errors.install(app)
    return app
