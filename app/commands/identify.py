"""`farsight identify`: who is in photos, in folders, or before the camera."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.commands.annotate import draw_identified
from app.commands.camera import Frame, open_camera
from app.commands.capture import open_preview
from app.commands.drawings import Drawings
from app.commands.per_photo import Unread, each_photo
from app.commands.photo_paths import Recursive, find_photos
from app.commands.place import Device, Groups, Place, Url, open_place
from app.commands.telling import tell_photo
from app.commands.window import Key
from app.settings import Settings
from app.vision.detection import LARGEST_MIN_FACE_PX, SMALLEST_MIN_FACE_PX
from app.vision.image import decode_image
from app.vision.png import encode_png
from farsight_client import AsyncClient, Identification, IdentifiedFace, NamedPhoto

# Of a camera or a video, a frame so often: people do not come and go faster.
_BETWEEN_FRAMES_S = 0.5

MinFacePx = Annotated[
    float | None,
    typer.Option(
        help="The smallest face to look for, in source pixels under its aligned crop. "
        "Default: a setting (16), raised for large photos.",
        min=SMALLEST_MIN_FACE_PX,
        max=LARGEST_MIN_FACE_PX,
    ),
]
MaxFaces = Annotated[
    int, typer.Option(help="Maximum number of faces per photo, largest first.", min=1, max=100)
]
Threshold = Annotated[
    float | None,
    typer.Option(help="Similarity to use instead of the bundle's threshold.", min=0, max=1),
]
JsonLines = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per photo, each on a line.")
]


@dataclass(frozen=True, slots=True)
class _Wishes:
    """As AsyncClient.identify takes them."""

    threshold: float | None
    top_k: int
    max_faces: int
    detect: bool
    min_face_px: float | None
    groups: Sequence[str]

    async def ask(self, client: AsyncClient, photo: NamedPhoto | bytes) -> Identification:
        """Who is in a photo."""
        return await client.identify(
            [photo],
            threshold=self.threshold,
            top_k=self.top_k,
            max_faces=self.max_faces,
            detect=self.detect,
            min_face_px=self.min_face_px,
            groups=self.groups,
        )


def identify(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Photos: files, folders of them, or patterns; with --webcam, a video file in "
            "place of the camera."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="All photos right in a folder.", exists=True, file_okay=False),
    ] = None,
    recursive: Recursive = False,
    webcam: Annotated[
        bool,
        typer.Option(
            "--webcam",
            help="Two frames a second of the camera, in a window; ESC ends. A video file needs no "
            "display.",
        ),
    ] = False,
    draw: Annotated[
        Path | None,
        typer.Option(help="A folder for pictures with boxes and names.", file_okay=False),
    ] = None,
    aligned: Annotated[
        bool, typer.Option("--aligned", help="The photos are aligned 112x112 face crops already.")
    ] = False,
    threshold: Threshold = None,
    top_k: Annotated[
        int,
        typer.Option(help="How many of the most similar users to list.", min=0, max=100),
    ] = 0,
    max_faces: MaxFaces = 10,
    min_face_px: MinFacePx = None,
    group: Groups = None,
    url: Url = None,
    gallery_path: Annotated[
        Path | None,
        typer.Option(
            help="A gallery file, instead of the local database.", exists=True, dir_okay=False
        ),
    ] = None,
    device: Device = None,
    as_json: JsonLines = False,
) -> None:
    """Tell who is in photos; strangers are "unknown".

    Exit codes: 0 all photos were read, whoever is in them; 1 one was not; 2 wrong usage.
    """
    given = files or []
    if webcam:
        if folder is not None or len(given) > 1 or aligned:
            raise typer.BadParameter("--webcam takes a video file at most, no --dir or --aligned.")
    elif (folder is None) == (not given):
        raise typer.BadParameter("Give photos, --dir or --webcam.")
    photos = find_photos(given if folder is None else [folder], recursive=recursive)
    drawings = Drawings(draw, photos) if draw else None
    wishes = _Wishes(threshold, top_k, max_faces, not aligned, min_face_px, group or ())

    async def work() -> bool:
        settings = Settings.read()
        async with open_place(Place(url, gallery_path, device), settings) as place:
            if webcam:
                video = photos[0] if photos else None
                await _identify_frames(place.client, wishes, video, drawings, as_json=as_json)
                return True
            return await _identify_photos(place.client, wishes, photos, drawings, as_json=as_json)

    raise typer.Exit(0 if asyncio.run(work()) else 1)


async def _identify_photos(
    client: AsyncClient,
    wishes: _Wishes,
    photos: Sequence[Path],
    drawings: Drawings | None,
    *,
    as_json: bool,
) -> bool:
    """Whether all could be read."""
    unread = Unread(as_json=as_json)
    async for path, photo, found in each_photo(photos, lambda of: wishes.ask(client, of), unread):
        _tell(str(path), found, as_json=as_json)
        if drawings is not None:
            with unread.told(str(path)):
                drawings.save(path, draw_identified(decode_image(photo[1]), found.faces))
    return not unread.count


async def _identify_frames(
    client: AsyncClient,
    wishes: _Wishes,
    video: Path | None,
    drawings: Drawings | None,
    *,
    as_json: bool,
) -> None:
    with ExitStack() as opened:
        window = open_preview(opened, video)
        frames = opened.enter_context(open_camera(video))
        for frame in _now_and_then(frames):
            found = await wishes.ask(client, encode_png(frame.image))
            name = f"frame-{frame.at_s:08.2f}"
            _tell(name, found, as_json=as_json)
            drawn = draw_identified(frame.image, found.faces)
            if drawings:
                drawings.save_frame(name, drawn)
            if window is not None and window.show(drawn) is Key.END:
                return


def _now_and_then(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Two frames a second."""
    next_s = 0.0
    for frame in frames:
        if frame.at_s >= next_s:
            next_s = frame.at_s + _BETWEEN_FRAMES_S
            yield frame


def _tell(photo: str, found: Identification, *, as_json: bool) -> None:
    """One photo's faces."""
    sentences = []
    for face in found.faces:
        sentences.append(_sentence(face))
        sentences += [f"  {one.similarity:.2f} {one.user_id}" for one in face.candidates]
    tell_photo(photo, found, sentences, as_json=as_json)


def _sentence(face: IdentifiedFace) -> str:
    place = f"face of {face.face_px:.0f} px at {face.box.x:.0f},{face.box.y:.0f}"
    if face.similarity is None:
        return f"unknown ({place}; nobody is registered)"
    return (
        f"{face.user_id or 'unknown'} ({place}; similarity {face.similarity:.2f}, "
        f"threshold {face.threshold:.2f})"
    )
