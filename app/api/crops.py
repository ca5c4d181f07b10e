"""`/v1/users/{user_id}/...`: pictures of registered people, if crops are kept."""

from typing import Any
from uuid import UUID

from fastapi import Response

from app.api.deps import EnrollCaller, RowsDep
from app.api.problems import problems
from app.api.reach import SeenUserId
from app.api.routers import keyed_router

router = keyed_router("/v1/users/{user_id}", "users")

_PNG = "image/png"
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "112 x 112 px, aligned",
        "content": {_PNG: {"schema": {"type": "string", "format": "binary"}}},
    },
    **problems(401, 403, 404, 422, 503, 507),
}


@router.get("/photos/{photo_id}/crop", responses=_PICTURE, response_class=Response)
async def show_crop(
    rows: RowsDep, caller: EnrollCaller, user_id: SeenUserId, photo_id: UUID
) -> Response:
    """The face of a stored photo, as it was aligned. The audit log records who asked."""
    crop = await rows.stored_photos.crop(caller.key_id, user_id, photo_id)
    return Response(crop, media_type=_PNG)


@router.get("/thumbnail", responses=_PICTURE, response_class=Response)
async def show_thumbnail(rows: RowsDep, caller: EnrollCaller, user_id: SeenUserId) -> Response:
    """The largest face that is stored of a user. The audit log records who asked."""
    crop = await rows.stored_photos.crop(caller.key_id, user_id)
    return Response(crop, media_type=_PNG)
