"""`/v1/gallery`: everybody to a gallery file, and from one."""

import asyncio
from typing import Annotated

from fastapi import File, Form, Query, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import (
    AdminCaller,
    GraphDep,
    RowsDep,
    ServingDep,
    take_content,
)
from app.api.problems import problems
from app.api.routers import keyed_router
from app.gallery.file import encode_gallery, parse_gallery
from app.gallery.merge import OnConflict
from app.services.transfer import export_gallery

router = keyed_router("/v1/gallery", "gallery")

_MEDIA_TYPE = "application/octet-stream"


class GalleryImportSchema(BaseModel):
    """What an import did."""

    model_config = ConfigDict(from_attributes=True)

    added: int = Field(description="New users")
    replaced: int = Field(description="Users replaced by the file's")
    skipped: int = Field(description="Users left as they were")
    reembedded: bool = Field(
        description="The file was of another space; its crops were embedded anew"
    )


@router.get(
    "/export",
    responses={
        200: {
            "description": "A gallery file",
            "content": {_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(401, 403, 422, 503, 507),
    },
    response_class=StreamingResponse,
)
async def export_gallery_file(
    rows: RowsDep,
    caller: AdminCaller,
    crops: Annotated[
        bool, Query(description="true: include crops, so that it can be moved to another space")
    ] = False,
) -> StreamingResponse:
    """Exports everybody to one file, bound to the space of the serving bundle."""
    gallery = await export_gallery(rows.sessions, caller.key_id, with_crops=crops)
    pieces = await asyncio.to_thread(encode_gallery, gallery)
    name = f"farsight-{gallery.space_id}.gallery"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=_MEDIA_TYPE, headers=headers)


@router.post("/import", responses=problems(400, 401, 403, 408, 409, 413, 415, 422, 503, 507))
async def import_gallery_file(
    graph: GraphDep,
    serving: ServingDep,
    caller: AdminCaller,
    file: Annotated[UploadFile, File(description="From GET /v1/gallery/export")],
    on_conflict: Annotated[
        OnConflict, Form(description="What to do with users who already exist")
    ] = OnConflict.REFUSE,
) -> GalleryImportSchema:
    """Imports everybody in a gallery file, or nobody.

    A file of another space needs crops, which are then embedded anew.
    """
    gallery = await asyncio.to_thread(parse_gallery, await take_content(file))
    answer = await graph.gallery_import.run(serving, caller.key_id, gallery, on_conflict)
    return GalleryImportSchema.model_validate(answer)
