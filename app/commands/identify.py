"""`farsight identify`: who is in photos, in a folder, or before the camera."""

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from PIL import Image as PillowImage

from app.commands.annotate import draw_identified
from app.commands.camera import Frame, open_camera
from app.commands.capture import open_preview
from app.commands.target import Target, read_photo
from app.commands.target_options import TargetOptions, open_target
from app.commands.window import Key
from app.errors import (
    FarsightError,
    ImageTooLargeError,
    InvalidRequestError,
    UnreadableImageError,
)
from app.evaluation.photo_sets import photos_in
from app.settings import Settings
from app.vision.detection import LARGEST_MIN_FACE_PX, SMALLEST_MIN_FACE_PX
from app.vision.device import DeviceName
from app.vision.image import Image, decode_image
from app.vision.png import encode_png
from farsight_client import Identification, IdentifiedFace

# Of a camera or a video, a frame so often: people do not come and go faster.
_BETWEEN_FRAMES_S = 0.5


def identify(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Photos; with --webcam, a video file in place of the camera.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="All photos right in a folder.", exists=True, file_okay=False),
    ] = None,
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
    min_face_px: Annotated[
        float | None,
        typer.Option(
            help="The smallest face that is looked for, in source pixels under its aligned crop. "
            "Default: a setting, 16; more in large photos.",
            min=SMALLEST_MIN_FACE_PX,
            max=LARGEST_MIN_FACE_PX,
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="A service to ask, its key in FARSIGHT_API_KEY. Without it: the local database "
            "of the settings."
        ),
    ] = None,
    gallery_path: Annotated[
        Path | None,
        typer.Option(
            help="A gallery file, instead of the local database.", exists=True, dir_okay=False
        ),
    ] = None,
    device: Annotated[
        DeviceName | None, typer.Option(help="Instead of FARSIGHT_DEVICE; local work only.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per photo, each on a line.")
    ] = False,
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
    photos = given if folder is None else photos_in(folder)
    teller = _Teller(_Drawings(draw, photos) if draw else None, as_json=as_json)
    video = given[0] if given else None

    async def work() -> None:
        settings = Settings.read()
        async with open_target(TargetOptions(url, gallery_path, device), settings) as target:
            if webcam:
                await _identify_frames(target, video, teller, min_face_px)
            else:
                await _identify_photos(
                    target, photos, teller, detect=not aligned, min_face_px=min_face_px
                )

    asyncio.run(work())
    raise typer.Exit(1 if teller.unread else 0)


class _Drawings:
    """Annotated copies: below the folder as the photos lie below what they have in common.

    Args:
        folder: Made where it is missing.
        photos: All that are to be drawn.
    """

    def __init__(self, folder: Path, photos: Sequence[Path]) -> None:
        self._folder = folder
        parents = [path.resolve().parent for path in photos]
        self._root = Path(os.path.commonpath(parents)) if parents else Path()
        if parents and folder.resolve() == self._root:
            raise typer.BadParameter("--draw would write over the photos; name another folder.")

    def save(self, photo: Path, image: Image, faces: Sequence[IdentifiedFace]) -> None:
        """Writes one, in the photo's own format."""
        path = self._folder / photo.resolve().relative_to(self._root)
        self._write(path, draw_identified(image, faces))

    def save_frame(self, name: str, image: Image) -> None:
        """Writes a frame that is drawn already."""
        self._write(self._folder / f"{name}.jpg", image)

    @staticmethod
    def _write(path: Path, image: Image) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(image).save(path)


class _Teller:
    """Prints what was found.

    Attributes:
        drawings: None where none are wanted.
        unread: How many photos could not be read.
    """

    def __init__(self, drawings: _Drawings | None, *, as_json: bool) -> None:
        self.drawings = drawings
        self.unread = 0
        self._as_json = as_json

    def tell(self, photo: str, found: Identification) -> None:
        """One photo's faces."""
        if self._as_json:
            typer.echo(json.dumps({"photo": photo, **msgspec.to_builtins(found)}))
            return
        if not found.faces:
            typer.echo(f"{photo}: no face")
        for face in found.faces:
            typer.echo(f"{photo}: {_sentence(face)}")

    def tell_unread(self, photo: str, error: FarsightError) -> None:
        """A photo that is none, or too large for what is asked of it."""
        self.unread += 1
        if self._as_json:
            problem = {"code": error.code, "title": error.title, "detail": error.detail}
            typer.echo(json.dumps({"photo": photo, **problem}))
        else:
            typer.echo(f"{photo}: {error.title}. {error.detail}", err=True)


def _sentence(face: IdentifiedFace) -> str:
    place = f"face of {face.face_px:.0f} px at {face.box.x:.0f},{face.box.y:.0f}"
    if face.similarity is None:
        return f"unknown ({place}; nobody is registered)"
    return (
        f"{face.user_id or 'unknown'} ({place}; similarity {face.similarity:.2f}, "
        f"threshold {face.threshold:.2f})"
    )


async def _identify_photos(
    target: Target,
    photos: Sequence[Path],
    teller: _Teller,
    *,
    detect: bool,
    min_face_px: float | None,
) -> None:
    for path in photos:
        try:
            _, content = read_photo(path)
            found = await target.identify(content, detect=detect, min_face_px=min_face_px)
        except (UnreadableImageError, ImageTooLargeError, InvalidRequestError) as error:
            teller.tell_unread(str(path), error)
            continue
        teller.tell(str(path), found)
        if teller.drawings:
            teller.drawings.save(path, decode_image(content), found.faces)


async def _identify_frames(
    target: Target, video: Path | None, teller: _Teller, min_face_px: float | None
) -> None:
    with ExitStack() as opened:
        window = open_preview(opened, video)
        frames = opened.enter_context(open_camera(video))
        for frame in _now_and_then(frames):
            found = await target.identify(
                encode_png(frame.image), detect=True, min_face_px=min_face_px
            )
            name = f"frame-{frame.at_s:08.2f}"
            teller.tell(name, found)
            drawn = draw_identified(frame.image, found.faces)
            if teller.drawings:
                teller.drawings.save_frame(name, drawn)
            if window is not None and window.show(drawn) is Key.END:
                return


def _now_and_then(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Two frames a second."""
    next_s = 0.0
    for frame in frames:
        if frame.at_s >= next_s:
            next_s = frame.at_s + _BETWEEN_FRAMES_S
            yield frame
