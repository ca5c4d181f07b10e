"""`farsight photos`: the photos of a user."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app.commands.enrolment import Enrolment, Wishes
from app.commands.photo_paths import Photos, Recursive, find_photos
from app.commands.place import AsJson, Device, Place, Url, Yes, ask, open_client, open_place
from app.commands.register import (
    Aligned,
    Boxes,
    Face,
    boxes_of,
    tell_refusal,
    tell_registration,
)
from app.commands.users import UserIdArgument, tell_erasure
from app.errors import FarsightError
from app.settings import Settings
from farsight_client import ApiError, PhotoReport, Registration

cli = typer.Typer(
    help="The photos of a user; `farsight users show` lists them.", no_args_is_help=True
)


@cli.command()
def add(
    user_id: UserIdArgument,
    files: Photos,
    recursive: Recursive = False,
    aligned: Aligned = False,
    face: Face = None,
    box: Boxes = None,
    url: Url = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Add photos to a user; those that show somebody else are not used.

    Exit codes: 0 at least one was added; 1 none was, and why is told; 2 wrong usage.
    """
    found = find_photos(files, recursive=recursive)
    boxes = boxes_of(box or [], found)
    wishes = Wishes(detect=not aligned, face=face, boxes=boxes)
    told: dict[int, PhotoReport] = {}

    async def work() -> Registration:
        async with open_place(Place(url, device=device), Settings.read()) as place:
            return await Enrolment(place, wishes).add(user_id, found, told)

    try:
        registration = asyncio.run(work())
    except (FarsightError, ApiError) as error:
        tell_refusal(error, told, as_json=as_json)
        raise
    tell_registration(registration, as_json=as_json)


@cli.command()
def remove(
    user_id: UserIdArgument,
    photo_ids: Annotated[
        list[str], typer.Argument(help="As `farsight users show` lists them.", show_default=False)
    ],
    yes: Yes = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Erase photos of a user. The last ones that a user needs stay."""
    if not yes:
        told = f"Erase {len(photo_ids)} photos of {user_id}? There is no way back."
        typer.confirm(told, abort=True, err=True)

    async def work() -> None:
        async with open_client(url, Settings.read(), networks=True) as client:
            for photo_id in photo_ids:
                tell_erasure(await client.delete_photo(user_id, photo_id), as_json=as_json)

    asyncio.run(work())


@cli.command()
def crop(
    user_id: UserIdArgument,
    photo_id: Annotated[str, typer.Argument(help="As `farsight users show` lists it.")],
    file: Annotated[Path, typer.Argument(help="Where to write it (PNG).", dir_okay=False)],
    url: Url = None,
) -> None:
    """Save the face of a stored photo, as it was aligned; the audit log keeps it."""
    picture = ask(url, lambda farsight: farsight.crop(user_id, photo_id))
    file.touch(mode=0o600)
    file.write_bytes(picture)
