"""Pictures of registered people, if crops are kept: one, or those of a page of a list."""

from base64 import b64encode
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field

from app.api.deps import EnrollCaller, RowsDep
from app.api.problems import problems
from app.api.reach import SeenUserId
from app.api.routers import keyed_router
from app.api.schemas import UserId

router = keyed_router("/v1/users/{user_id}", "users")
thumbnails_router = keyed_router("/v1/thumbnails", "users")

# As many as the console lists at once; a proxy takes 8 kB of an address.
_MOST = 60

PNG = "image/png"
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "112 x 112 px, aligned",
        "content": {PNG: {"schema": {"type": "string", "format": "binary"}}},
    },
    **problems(401, 403, 404, 422, 503, 507),
}
"""The answers of an operation that shows one aligned face."""


class ThumbnailSchema(BaseModel):
    """The largest stored face of a user."""

    user_id: str
    crop: str | None = Field(
        description="PNG in base64, 112 x 112 px, aligned; null if none is kept, or the key does "
        "not know such a user"
    )


class ThumbnailsSchema(BaseModel):
    """The largest stored faces of some users."""

    items: list[ThumbnailSchema] = Field(description="In the request's order")


@router.get("/photos/{photo_id}/crop", responses=PICTURE, response_class=Response)
async def show_crop(
    rows: RowsDep, caller: EnrollCaller, user_id: SeenUserId, photo_id: UUID
) -> Response:
    """The face of a stored photo, as it was aligned. The audit log records who asked."""
    crop = await rows.stored_photos.crop(caller.key_id, user_id, photo_id)
    return Response(crop, media_type=PNG)


@router.get("/thumbnail", responses=PICTURE, response_class=Response)
async def show_thumbnail(rows: RowsDep, caller: EnrollCaller, user_id: SeenUserId) -> Response:
    """The largest face that is stored of a user. The audit log records who asked."""
    crop = await rows.stored_photos.crop(caller.key_id, user_id)
    return Response(crop, media_type=PNG)


@thumbnails_router.get("", responses=problems(401, 403, 422, 503, 507))
async def list_thumbnails(
    rows: RowsDep,
    caller: EnrollCaller,
    user_id: Annotated[
        list[UserId], Query(min_length=1, max_length=_MOST, description="Whose; several times")
    ],
) -> ThumbnailsSchema:
    """The largest stored face of each of some users. One event in the audit log records them."""
    found = await rows.stored_photos.thumbnails(caller.key_id, user_id, caller.groups)
    return ThumbnailsSchema(
        items=[
            ThumbnailSchema(user_id=each, crop=b64encode(found[each]).decode())
            if each in found
            else ThumbnailSchema(user_id=each, crop=None)
            for each in dict.fromkeys(user_id)
        ]
    )
