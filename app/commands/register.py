"""`farsight register`: people from photos, a camera, or a folder of folders."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from app.commands.capture import take_captures
from app.commands.enrolment import Enrolment, NewPerson, Source, Wishes
from app.commands.photo_paths import Recursive, find_photos
from app.commands.photo_table import print_photos
from app.commands.place import AsJson, Device, Place, Url, open_place
from app.commands.register_folder import register_folder
from app.errors import FarsightError, InvalidRequestError
from app.gallery.user_fields import user_id_trouble
from app.services.face_choice import FaceRule
from app.settings import Settings
from farsight_client import ApiError, Box, PhotoReport, Registration

Aligned = Annotated[
    bool, typer.Option("--aligned", help="The photos are aligned 112x112 face crops already.")
]
Face = Annotated[
    FaceRule | None,
    typer.Option(
        help="Of several faces of about one size in a photo: take the largest, or use the "
        "photo only if there is one. Without it: the one whom the other photos show."
    ),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option(
        "--box",
        help="Where the face is in a photo, in px, as the refusal tells: "
        "PHOTO:X,Y,WIDTH,HEIGHT with the photo's file name. May be given for several photos.",
    ),
]


def register(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Photos of one person: files, folders of them, or patterns; with --webcam, a "
            "video file in place of the camera."
        ),
    ] = None,
    photos: Annotated[
        list[str] | None, typer.Option(help="A photo; more may follow without the option.")
    ] = None,
    user_id: Annotated[str | None, typer.Option(help="Who is on the photos.")] = None,
    name: Annotated[str | None, typer.Option(help="The display name, for people.")] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="A group that they are to be in; repeatable.")
    ] = None,
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
            help="Register a folder with a folder for each person. Its name is the user_id, or the "
            "display name from which one is made; people.csv beside them tells others. Who is "
            "registered already is skipped: after an interruption, the same command goes on.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    recursive: Recursive = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="With --from-dir: tell what would be done, send nothing."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            help="With --from-dir: a CSV file that says of each photo what happened.",
            dir_okay=False,
        ),
    ] = None,
    aligned: Aligned = False,
    allow_duplicate: Annotated[
        bool,
        typer.Option(
            "--allow-duplicate", help="Register even if the face belongs to somebody else."
        ),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Erase a user of this id first. Not with --from-dir."),
    ] = False,
    face: Face = None,
    box: Boxes = None,
    url: Url = None,
    gallery_path: Annotated[
        Path | None,
        typer.Option(
            help="A gallery file, instead of the local database; made where it is missing.",
            dir_okay=False,
        ),
    ] = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Register a person, or with --from-dir many.

    Exit codes: 0 everybody is registered; 1 somebody is not, and why is told; 2 wrong usage.
    """
    given = [*(photos or []), *(files or [])]
    place = Place(url, gallery_path, device)
    if from_dir is not None:
        if given or webcam or user_id is not None or name is not None or box or replace:
            raise typer.BadParameter(
                "--from-dir excludes photos, --webcam, --user-id, --name, --box and --replace."
            )
        wishes = Wishes(allow_duplicate=allow_duplicate, detect=not aligned, face=face)
        register_folder(
            from_dir,
            place,
            wishes,
            report,
            group or (),
            recursive=recursive,
            dry_run=dry_run,
            as_json=as_json,
        )
        return
    if dry_run or report is not None:
        raise typer.BadParameter("--dry-run and --report go with --from-dir.")
    if user_id is None:
        raise typer.BadParameter("--user-id is missing.")
    if webcam and (photos or len(given) > 1 or aligned or box):
        raise typer.BadParameter("--webcam takes a video file at most, no --aligned and no --box.")
    if not given and not webcam:
        raise typer.BadParameter("Give --photos, --webcam or --from-dir.")
    if (trouble := user_id_trouble(user_id)) is not None:
        raise InvalidRequestError(trouble)
    found = find_photos(given, recursive=recursive)
    boxes = boxes_of(box or [], found)
    wishes = Wishes(allow_duplicate, not aligned, face, boxes, replace)
    captures = num_captures if webcam else None
    person = NewPerson(user_id, name, groups=tuple(group or ()))
    told: dict[int, PhotoReport] = {}
    try:
        registration = asyncio.run(_register_person(place, person, found, captures, wishes, told))
    except (FarsightError, ApiError) as error:
        tell_refusal(error, told, as_json=as_json)
        raise
    tell_registration(registration, as_json=as_json)


def boxes_of(told: Sequence[str], files: Sequence[Path]) -> dict[Path, Box]:
    """Boxes by their photo, as --box tells them."""
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
        boxes[files[names.index(name)]] = Box(x, y, width, height)
    return boxes


def tell_registration(registration: Registration, *, as_json: bool) -> None:
    """What became of a user and the photos."""
    if as_json:
        typer.echo(msgspec.json.encode(registration).decode())
        return
    print_photos(registration.photos)
    user_id = registration.user.user_id
    typer.echo(f"{user_id} is registered with {registration.user.photo_count} photos.")
    for near in registration.near_users:
        typer.echo(
            f"{near.user_id} may be taken for {user_id}: their similarity is "
            f"{near.similarity:.2f}. Look at both people's photos."
        )


def tell_refusal(
    error: FarsightError | ApiError, told: Mapping[int, PhotoReport], *, as_json: bool
) -> None:
    """Why nothing was stored; the sentence itself is told where the error ends the command."""
    photos = [told[place] for place in sorted(told)]
    if as_json:
        facts = error.facts | ({"photos": msgspec.to_builtins(photos)} if photos else {})
        problem = {"code": error.code, "title": error.title, "detail": error.detail}
        typer.echo(json.dumps({**problem, **facts}))
    elif photos:
        print_photos(photos)


async def _register_person(
    place: Place,
    person: NewPerson,
    files: Sequence[Path],
    captures: int | None,
    wishes: Wishes,
    told: dict[int, PhotoReport],
) -> Registration:
    """With `captures`, that many from the camera, or from the one file."""
    settings = Settings.read()
    async with open_place(place, settings) as opened:
        photos: Sequence[Source] = files
        if captures is not None:
            photos = take_captures(settings, files[0] if files else None, captures)
        enrolment = Enrolment(opened, wishes)
        return await enrolment.register(person, photos, told)
