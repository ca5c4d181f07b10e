"""`farsight faces`: faces without names, and their embeddings."""

import asyncio
from typing import Annotated

import typer

from app.commands.identify import JsonLines, MaxFaces, MinFacePx
from app.commands.per_photo import Unread, each_photo
from app.commands.photo_paths import Photos, Recursive, find_photos
from app.commands.place import Url, open_client
from app.commands.telling import tell_photo
from app.settings import Settings
from farsight_client import AsyncClient, Embeddings, Faces, NamedPhoto


def faces(
    files: Photos,
    recursive: Recursive = False,
    embeddings: Annotated[
        bool,
        typer.Option("--embeddings", help="Add their vectors, as JSON; these are biometric data."),
    ] = False,
    aligned: Annotated[
        bool,
        typer.Option(
            "--aligned", help="With --embeddings: the photos are 112x112 face crops already."
        ),
    ] = False,
    max_faces: MaxFaces = 10,
    min_face_px: MinFacePx = None,
    url: Url = None,
    as_json: JsonLines = False,
) -> None:
    """Find the faces of photos: boxes, sizes and quality, but nobody's name.

    Exit codes: 0 all photos were read; 1 one was not; 2 wrong usage.
    """
    if aligned and not embeddings:
        raise typer.BadParameter("--aligned goes with --embeddings.")
    photos = find_photos(files, recursive=recursive)
    unread = Unread(as_json=as_json or embeddings)

    async def work() -> None:
        async with open_client(url, Settings.read(), networks=True) as client:

            async def ask(photo: NamedPhoto) -> Faces | Embeddings:
                return await _ask(
                    client, photo, max_faces, min_face_px, embeddings=embeddings, detect=not aligned
                )

            async for path, _, found in each_photo(photos, ask, unread):
                _tell(str(path), found, as_json=as_json or embeddings)

    asyncio.run(work())
    raise typer.Exit(1 if unread.count else 0)


async def _ask(
    client: AsyncClient,
    photo: NamedPhoto,
    max_faces: int,
    min_face_px: float | None,
    *,
    embeddings: bool,
    detect: bool,
) -> Faces | Embeddings:
    if embeddings:
        return await client.embed_faces(
            [photo], max_faces=max_faces, min_face_px=min_face_px, detect=detect
        )
    return await client.find_faces([photo], max_faces=max_faces, min_face_px=min_face_px)


def _tell(photo: str, found: Faces | Embeddings, *, as_json: bool) -> None:
    sentences = [
        f"face of {face.face_px:.0f} px at {face.box.x:.0f},{face.box.y:.0f}; sharpness "
        f"{face.quality.sharpness:.2f}, brightness {face.quality.brightness:.2f}, turned by "
        f"{face.quality.yaw_deg:.0f} degrees"
        for face in found.faces
    ]
    tell_photo(photo, found, sentences, as_json=as_json)
