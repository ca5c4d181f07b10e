"""`/v1/users`: registering people, and everything about their rows."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, File, Form, Header, Path, Query, Response, UploadFile
from pydantic import Json

from app.api.deps import (
    EnrollCaller,
    GraphDep,
    RowsDep,
    ServingDep,
    take_content,
)
from app.api.face_fields import Detect
from app.api.problems import problems
from app.api.reach import ChangedUserId, ErasedUserId, SeenUserId
from app.api.routers import keyed_router
from app.api.schemas import (
    DisplayName,
    ErasureSchema,
    GroupName,
    LikenessSchema,
    MergeSchema,
    Metadata,
    MoveSchema,
    PhotoBoxSchema,
    PhotoMoveSchema,
    RegistrationSchema,
    ReviewSchema,
    UserChangesSchema,
    UserDetailSchema,
    UserId,
    UserPageParams,
    UserPageSchema,
)
from app.api.ways_in import PhotoRoute
from app.errors import InvalidRequestError
from app.gallery.user_fields import MAX_GROUPS
from app.graph import Rows
from app.services.face_choice import Box, FaceChoice, FaceRule
from app.services.keys import Caller
from app.services.likeness import likeness_of
from app.services.registration import NewUser
from app.services.reviewed_photo import Upload
from app.services.users import UserChanges, Wanted
from app.vision.photo_file import IN_WORDS

router = keyed_router("/v1/users", "users", PhotoRoute)
photos_router = keyed_router("/v1/photos", "users", PhotoRoute)

_MAX_FILENAME_CHARS = 255
_PENDING: dict[int | str, dict[str, Any]] = {
    202: {
        "model": ErasureSchema,
        "description": "Erased, but still on the disk while somebody reads an older state; "
        "the service tries again until it is gone",
    }
}
_AllowDuplicate = Annotated[
    bool, Form(description="Register even if the face belongs to somebody else")
]
_UserIdInPath = Annotated[UserId, Path()]
_Photos = Annotated[list[UploadFile], File(description=IN_WORDS)]
_Face = Annotated[
    FaceRule | None,
    Form(
        description="Of several faces of similar size, `largest` is taken; with `only` the photo "
        "is not used. Default: the person in the other photos. Faces three times smaller than "
        "the largest never count"
    ),
]
_Box = Annotated[
    list[Json[PhotoBoxSchema]],
    Form(
        description='Where the face is in a photo, such as `{"photo": 0, "x": 10, "y": 20, '
        '"width": 80, "height": 90}`; faces outside do not count. At most one per photo'
    ),
]
_Groups = Annotated[
    list[GroupName],
    Form(
        max_length=MAX_GROUPS,
        description="Groups of the user. Default: none, or all that the key is bound to",
    ),
]
_IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="A repeated request with the same key gets the first answer again; after the "
        "erasure of the user, 409 `person_erased`",
    ),
]


@router.post(
    "", status_code=201, responses=problems(400, 401, 403, 408, 409, 413, 415, 422, 503, 504)
)
async def register_user(
    graph: GraphDep,
    serving: ServingDep,
    caller: EnrollCaller,
    user_id: Annotated[UserId, Form()],
    photos: _Photos,
    display_name: Annotated[DisplayName | None, Form()] = None,
    metadata: Annotated[Json[Metadata] | None, Form(description="A JSON object")] = None,
    allow_duplicate: _AllowDuplicate = False,
    detect: Detect = True,
    face: _Face = None,
    box: _Box = [],  # noqa: B006 - FastAPI copies it
    groups: _Groups = [],  # noqa: B006 - FastAPI copies it
    idempotency_key: _IdempotencyKey = None,
) -> RegistrationSchema:
    """Registers a person from photos."""
    prepared = await graph.registration.prepare(
        serving,
        caller.key_id,
        new_user(caller, user_id, display_name, metadata, groups, allow_duplicate),
        await _read(photos),
        idempotency_key,
        detect=detect,
        choice=_choice(face, box),
    )
    return RegistrationSchema.model_validate(await graph.registration.store(prepared))


@photos_router.post("/review", responses=problems(400, 401, 403, 408, 413, 415, 422, 503, 504))
async def review_photos(
    graph: GraphDep,
    serving: ServingDep,
    caller: EnrollCaller,
    photos: _Photos,
    detect: Detect = True,
    face: _Face = None,
    box: _Box = [],  # noqa: B006 - FastAPI copies it
) -> ReviewSchema:
    """Judges photos of one person as a registration would, and stores nothing."""
    verdict = await graph.trial.judge(
        serving,
        await _read(photos),
        detect=detect,
        choice=_choice(face, box),
        among=caller.groups,
    )
    return ReviewSchema.model_validate(verdict)


@router.get("", responses=problems(401, 403, 422, 503))
async def list_users(
    rows: RowsDep,
    caller: EnrollCaller,
    wanted: Annotated[UserPageParams, Query()],
) -> UserPageSchema:
    """Lists users, all or those that match a search, page by page."""
    which = Wanted(wanted.search, caller.within(wanted.groups))
    page = await rows.users.page(wanted.cursor, wanted.limit, which, wanted.order)
    answer = UserPageSchema.model_validate(page)
    for user in answer.items:
        user.groups = caller.shown(user.groups)
    return answer


@router.put(
    "/{user_id}",
    responses={
        201: {"model": RegistrationSchema, "description": "There was no user with this id"},
        **problems(400, 401, 403, 408, 409, 413, 415, 422, 503, 504),
    },
)
async def put_user(
    graph: GraphDep,
    serving: ServingDep,
    caller: EnrollCaller,
    user_id: _UserIdInPath,
    photos: _Photos,
    response: Response,
    display_name: Annotated[DisplayName | None, Form()] = None,
    metadata: Annotated[Json[Metadata] | None, Form(description="A JSON object")] = None,
    allow_duplicate: _AllowDuplicate = False,
    detect: Detect = True,
    face: _Face = None,
    box: _Box = [],  # noqa: B006 - FastAPI copies it
    groups: _Groups = [],  # noqa: B006 - FastAPI copies it
) -> RegistrationSchema:
    """Registers a person; an existing user with this id is replaced and erased."""
    prepared = await graph.registration.prepare(
        serving,
        caller.key_id,
        new_user(caller, user_id, display_name, metadata, groups, allow_duplicate),
        await _read(photos),
        detect=detect,
        choice=_choice(face, box),
        replace=True,
    )
    answer, replaced = await graph.registration.put(prepared)
    response.status_code = 200 if replaced else 201
    return RegistrationSchema.model_validate(answer)


@router.get("/{user_id}", responses=problems(401, 403, 404, 422, 503))
async def get_user(rows: RowsDep, caller: EnrollCaller, user_id: SeenUserId) -> UserDetailSchema:
    """Shows a user and their stored photos."""
    answer = UserDetailSchema.model_validate(await rows.users.get(user_id))
    answer.user.groups = caller.shown(answer.user.groups)
    return answer


@router.patch("/{user_id}", responses=problems(400, 401, 403, 404, 408, 413, 415, 422, 503))
async def change_user(
    rows: RowsDep, caller: EnrollCaller, user_id: ChangedUserId, changes: UserChangesSchema
) -> UserDetailSchema:
    """Changes display name, metadata or groups."""
    given: UserChanges = {}
    if "display_name" in changes.model_fields_set:
        given["display_name"] = changes.display_name
    if "metadata" in changes.model_fields_set:
        given["metadata"] = dict(changes.metadata)
    if "groups" in changes.model_fields_set:
        given["groups"] = sorted(caller.within(changes.groups) or ())
    return UserDetailSchema.model_validate(await rows.users.change(caller.key_id, user_id, given))


@router.get("/{user_id}/likeness", responses=problems(401, 403, 404, 422, 503))
async def show_likeness(
    graph: GraphDep,
    serving: ServingDep,
    caller: EnrollCaller,
    user_id: SeenUserId,
    other: Annotated[UserId | None, Query(description="Compare with this user alone")] = None,
) -> LikenessSchema:
    """Shows how alike a user's photos are to each other, and the user to others."""
    if other is not None:
        await graph.users.require_reach(other, caller.groups, change=False)
    found = await likeness_of(graph.sessions, graph.search, serving, user_id, other, caller.groups)
    return LikenessSchema.model_validate(found)


@router.post(
    "/{user_id}/merge",
    responses=problems(400, 401, 403, 404, 408, 413, 415, 422, 503, 507),
)
async def merge_users(
    rows: RowsDep,
    caller: EnrollCaller,
    user_id: ChangedUserId,
    wanted: Annotated[MergeSchema, Body()],
) -> UserDetailSchema:
    """Moves all photos of another user to this one, and erases the other."""
    await rows.users.require_reach(wanted.other_user_id, caller.groups, change=True)
    return UserDetailSchema.model_validate(
        await rows.merging.merge(caller.key_id, user_id, wanted.other_user_id)
    )


@router.delete(
    "/{user_id}",
    status_code=204,
    response_model=None,
    responses={**_PENDING, **problems(401, 403, 404, 422, 503, 507)},
)
async def erase_user(
    rows: RowsDep, caller: EnrollCaller, user_id: ChangedUserId, response: Response
) -> ErasureSchema | None:
    """Erases a user: rows, crops, embeddings and templates are overwritten."""
    done = await rows.users.erase(caller.key_id, user_id)
    return await _told(rows, user_id, response, done=done)


@router.get("/{user_id}/erasure", responses=problems(401, 403, 404, 422, 503))
async def show_erasure(
    rows: RowsDep,
    caller: EnrollCaller,  # noqa: ARG001 - asks for the scope
    user_id: ErasedUserId,
) -> ErasureSchema:
    """Shows whether erased data of a user may still be on the disk."""
    return ErasureSchema.model_validate(await rows.erasures.of_user(user_id))


@router.post(
    "/{user_id}/photos",
    status_code=201,
    responses=problems(400, 401, 403, 404, 408, 413, 415, 422, 503, 504),
)
async def add_photos(
    graph: GraphDep,
    serving: ServingDep,
    caller: EnrollCaller,
    user_id: ChangedUserId,
    photos: _Photos,
    detect: Detect = True,
    face: _Face = None,
    box: _Box = [],  # noqa: B006 - FastAPI copies it
) -> RegistrationSchema:
    """Adds photos and updates the template."""
    answer = await graph.registration.add_photos(
        serving,
        caller.key_id,
        user_id,
        await _read(photos),
        detect=detect,
        choice=_choice(face, box),
        among=caller.groups,
    )
    return RegistrationSchema.model_validate(answer)


@router.delete(
    "/{user_id}/photos/{photo_id}",
    status_code=204,
    response_model=None,
    responses={**_PENDING, **problems(401, 403, 404, 409, 422, 503, 507)},
)
async def delete_photo(
    graph: GraphDep,
    caller: EnrollCaller,
    user_id: ChangedUserId,
    photo_id: UUID,
    response: Response,
) -> ErasureSchema | None:
    """Erases a photo and updates the template. A user keeps the minimum of photos."""
    done = await graph.registration.delete_photo(caller.key_id, user_id, photo_id)
    return await _told(graph, user_id, response, done=done)


@router.post(
    "/{user_id}/photos/{photo_id}/move",
    responses=problems(400, 401, 403, 404, 408, 409, 413, 415, 422, 503, 507),
)
async def move_photo(
    graph: GraphDep,
    serving: ServingDep,
    caller: EnrollCaller,
    user_id: ChangedUserId,
    photo_id: UUID,
    wanted: Annotated[MoveSchema, Body()],
) -> PhotoMoveSchema:
    """Makes a photo another user's; both templates follow. A user keeps the minimum of photos."""
    await graph.users.require_reach(wanted.to_user_id, caller.groups, change=True)
    return PhotoMoveSchema.model_validate(
        await graph.photo_moving.move(serving, caller.key_id, user_id, photo_id, wanted.to_user_id)
    )


def new_user(
    caller: Caller,
    user_id: str,
    display_name: str | None,
    metadata: Metadata | None,
    groups: list[str],
    allow_duplicate: bool,
) -> NewUser:
    """Somebody whom a caller registers: in the groups that the caller reaches."""
    among = None if caller.groups is None else sorted(caller.groups)
    theirs = sorted(caller.within(groups) or ())
    return NewUser(user_id, display_name, metadata or {}, allow_duplicate, theirs, among)


async def _told(
    rows: Rows, user_id: str, response: Response, *, done: bool
) -> ErasureSchema | None:
    """204 when nothing is left on the disk, else 202 and its state."""
    if done:
        return None
    response.status_code = 202
    return ErasureSchema.model_validate(await rows.erasures.of_user(user_id))


def _choice(rule: FaceRule | None, boxes: list[PhotoBoxSchema]) -> FaceChoice:
    by_photo = {of.photo: Box(of.x, of.y, of.width, of.height) for of in boxes}
    if len(by_photo) < len(boxes):
        raise InvalidRequestError("Give at most one box per photo.")
    return FaceChoice(rule, by_photo)


async def _read(photos: list[UploadFile]) -> list[Upload]:
    return [
        await Upload.take(
            photo.filename and photo.filename[:_MAX_FILENAME_CHARS], await take_content(photo)
        )
        for photo in photos
    ]
