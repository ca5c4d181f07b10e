"""`farsight verify`: are two faces one person."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from app.commands.identify import Threshold
from app.commands.photo_paths import read_photo
from app.commands.place import AsJson, Url, ask
from farsight_client import AsyncClient, Verification


def verify(
    photo: Annotated[Path, typer.Argument(help="A photo; its largest face counts.")],
    other_photo: Annotated[
        Path | None, typer.Argument(help="Another photo, in place of a user.")
    ] = None,
    user_id: Annotated[str | None, typer.Option(help="Whether it is this user.")] = None,
    photo_id: Annotated[
        str | None, typer.Option(help="Whether it is the face of this stored photo.")
    ] = None,
    threshold: Threshold = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Compare a face with a user, with a stored photo, or with another photo's.

    Exit codes: 0 one person; 1 two, or it could not be told, and why is said; 2 wrong usage.
    """
    if sum(each is not None for each in (other_photo, user_id, photo_id)) != 1:
        raise typer.BadParameter("Give another photo, --user-id or --photo-id.")
    shown = read_photo(photo)
    other = None if other_photo is None else read_photo(other_photo)

    async def work(farsight: AsyncClient) -> Verification:
        if user_id is not None:
            return await farsight.verify_user(shown, user_id, threshold=threshold)
        if photo_id is not None:
            return await farsight.verify_stored_photo(shown, photo_id, threshold=threshold)
        assert other is not None
        return await farsight.verify_photos(shown, other, threshold=threshold)

    found = ask(url, work, networks=True)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        told = "One person" if found.match else "Not one person"
        typer.echo(f"{told}: similarity {found.similarity:.2f}, threshold {found.threshold:.2f}.")
    raise typer.Exit(0 if found.match else 1)
