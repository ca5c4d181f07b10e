"""`farsight register`: people from photos, a camera, or a folder of folders."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from app.commands.capture import take_captures
from app.commands.people_folder import FolderReport, people_in, register_people
from app.commands.target import RegistrationWishes, read_photo
from app.commands.target_options import TargetOptions, open_target
from app.errors import FarsightError, TooFewPhotosError
from app.services.face_choice import Box, FaceChoice, FaceRule
from app.settings import Settings
from app.vision.device import DeviceName
from farsight_client import Box as FoundBox
from farsight_client import PhotoReport, Registration


def register(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Photos of one person; with --webcam, a video file in place of the camera.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Option(
            help="A photo; more may follow without the option.", exists=True, dir_okay=False
        ),
    ] = None,
    user_id: Annotated[str | None, typer.Option(help="Who is on the photos.")] = None,
    webcam: Annotated[
        bool,
        typer.Option(
            "--webcam",
            help="Take photos with the camera: SPACE captures, ESC ends. With a video file and no "
            "display there is no window, and frames are captured where the advice is good, half a "
            "second apart.",
        ),
    ] = False,
    num_captures: Annotated[int, typer.Option(help="Photos to take.", min=1, max=20)] = 5,
    from_dir: Annotated[
        Path | None,
        typer.Option(
            help="Register a folder of folders, each named by its user_id. Who is registered "
            "already is skipped: after an interruption, the same command goes on.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    aligned: Annotated[
        bool, typer.Option("--aligned", help="The photos are aligned 112x112 face crops already.")
    ] = False,
    allow_duplicate: Annotated[
        bool,
        typer.Option(
            "--allow-duplicate", help="Register even if the face belongs to somebody else."
        ),
    ] = False,
    face: Annotated[
        FaceRule | None,
        typer.Option(
            help="Of several faces of about one size in a photo: take the largest, or use the "
            "photo only if there is one. Without it: the one whom the other photos show."
        ),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            help="Where the face is in a photo, in px, as the refusal tells: "
            "PHOTO:X,Y,WIDTH,HEIGHT with the photo's file name. May be given for several photos."
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="A service to register with, its key in FARSIGHT_API_KEY. Without it: the local "
            "database of the settings."
        ),
    ] = None,
    gallery_path: Annotated[
        Path | None,
        typer.Option(
            help="A gallery file, instead of the local database; made where it is missing.",
            dir_okay=False,
        ),
    ] = None,
    device: Annotated[
        DeviceName | None, typer.Option(help="Instead of FARSIGHT_DEVICE; local work only.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Register a person, or with --from-dir many.

    Exit codes: 0 everybody is registered; 1 somebody is not, and why is told; 2 wrong usage.
    """
    given = [*(photos or []), *(files or [])]
    _check_usage(given, photos, user_id, from_dir, webcam=webcam, aligned=aligned)
    boxes = _boxes(box or [], given)
    choice = FaceChoice(face, boxes)
    wishes = RegistrationWishes(allow_duplicate=allow_duplicate, detect=not aligned, choice=choice)
    options = TargetOptions(url, gallery_path, device)
    settings = Settings.read()
    if from_dir is not None:
        report = asyncio.run(_register_folder(options, settings, from_dir, wishes))
        _print_report(report, as_json=as_json)
        raise typer.Exit(1 if report.refused else 0)
    assert user_id is not None
    captures = num_captures if webcam else None
    try:
        registration = asyncio.run(
            _register_person(options, settings, user_id, given, captures, wishes)
        )
    except FarsightError as error:
        if as_json:
            problem = {"code": error.code, "title": error.title, "detail": error.detail}
            typer.echo(json.dumps({**problem, **error.facts}))
        elif isinstance(error, TooFewPhotosError):
            _print_photos(msgspec.convert(error.facts["photos"], list[PhotoReport], strict=False))
        raise
    if as_json:
        typer.echo(msgspec.json.encode(registration).decode())
    else:
        _print_photos(registration.photos)
        typer.echo(f"{user_id} is registered with {registration.user.photo_count} photos.")
        for near in registration.near_users:
            typer.echo(
                f"{near.user_id} may be taken for {user_id}: their similarity is "
                f"{near.similarity:.2f}. Look at both people's photos."
            )


def _check_usage(
    given: Sequence[Path],
    photos: Sequence[Path] | None,
    user_id: str | None,
    from_dir: Path | None,
    *,
    webcam: bool,
    aligned: bool,
) -> None:
    if from_dir is not None:
        if given or webcam or user_id is not None:
            raise typer.BadParameter("--from-dir excludes photos, --webcam and --user-id.")
    elif user_id is None:
        raise typer.BadParameter("--user-id is missing.")
    elif webcam:
        if photos or len(given) > 1 or aligned:
            raise typer.BadParameter("--webcam takes a video file at most, and no --aligned.")
    elif not given:
        raise typer.BadParameter("Give --photos, --webcam or --from-dir.")


def _boxes(told: Sequence[str], files: Sequence[Path]) -> dict[int, Box]:
    """Boxes by the place of their photo."""
    names = [path.name for path in files]
    boxes = {}
    for each in told:
        name, _, sides = each.rpartition(":")
        try:
            x, y, width, height = (float(side) for side in sides.split(","))
        except ValueError:
            raise typer.BadParameter(f"{each!r} is not PHOTO:X,Y,WIDTH,HEIGHT.") from None
        if names.count(name) != 1:
            raise typer.BadParameter(f"--box names {name!r}, which is not one of the photos.")
        boxes[names.index(name)] = Box(x, y, width, height)
    return boxes


async def _register_person(
    options: TargetOptions,
    settings: Settings,
    user_id: str,
    files: Sequence[Path],
    captures: int | None,
    wishes: RegistrationWishes,
) -> Registration:
    """With `captures`, that many from the camera, or from the one file."""
    async with open_target(options, settings) as target:
        if captures is None:
            photos = [read_photo(path) for path in files]
        else:
            photos = take_captures(settings, files[0] if files else None, captures)
        store = await target.prepare(user_id, photos, wishes)
        return await store()


async def _register_folder(
    options: TargetOptions, settings: Settings, folder: Path, wishes: RegistrationWishes
) -> FolderReport:
    async with open_target(options, settings) as target:
        return await register_people(target, people_in(folder), wishes)


def _print_photos(photos: Sequence[PhotoReport]) -> None:
    table = Table("photo", "face_px", "used", "why not")
    for photo in photos:
        face_px = f"{photo.face_px:.0f}" if photo.face_px else ""
        used = "yes" if photo.accepted else "no"
        why_not = _told(photo.reason, photo.detail)
        if photo.face_px is None:  # one is to be chosen
            why_not += "".join(f"\n--box {photo.filename}:{_as_option(box)}" for box in photo.boxes)
        table.add_row(photo.filename, face_px, used, why_not)
    Console().print(table)


def _as_option(box: FoundBox) -> str:
    return ",".join(f"{side:.0f}" for side in (box.x, box.y, box.width, box.height))


def _print_report(report: FolderReport, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
        return
    table = Table("user_id", "photo", "why it is not used")
    for person in report.refused:
        table.add_row(person.user_id, "", _told(person.code, person.detail))
    for photo in report.rejected_photos:
        table.add_row(photo.user_id, photo.filename, _told(photo.reason, photo.detail))
    if table.row_count:
        Console().print(table)
    typer.echo(
        f"{len(report.registered)} people are registered now, {len(report.already_registered)} "
        f"were already; {len(report.refused)} are not. {len(report.rejected_photos)} photos were "
        "not used."
    )


def _told(code: str | None, detail: str | None) -> str:
    return f"{code}: {detail}" if code else ""
