"""`farsight gallery`: who is enrolled, and gallery files."""

import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from app.commands.place import AsJson, Url, ask, refuse_both
from app.commands.recall import recall
from app.db.migration import open_sessions
from app.errors import GalleryFileError, SpaceMismatchError, UserNotFoundError
from app.gallery.file import encode_gallery, read_gallery, write_gallery
from app.gallery.merge import OnConflict, diff_galleries, merge_galleries
from app.gallery.portable import (
    PortableGallery,
    PortableUser,
    crops_of,
    move_gallery,
)
from app.pipeline import PipelineConfig, build_pipeline
from app.services.transfer import read_everybody
from app.settings import Settings

cli = typer.Typer(
    help="Gallery files, and who is in them or in the local database; of a service, see users.",
    no_args_is_help=True,
)

cli.command()(recall)

_GalleryPath = Annotated[
    Path | None, typer.Option(help="A gallery file, instead of the local database.")
]
_OnConflictOption = Annotated[
    OnConflict, typer.Option(help="What to do with users who already exist.")
]


@cli.command("list")
def list_users(gallery_path: _GalleryPath = None, as_json: AsJson = False) -> None:
    """List everybody."""
    gallery = _source(gallery_path)
    if as_json:
        typer.echo(json.dumps(_head(gallery) | {"users": [_brief(u) for u in gallery.users]}))
        return
    table = Table("user_id", "name", "photos", caption=_caption(gallery))
    for user in gallery.users:
        table.add_row(user.user_id, user.display_name, str(user.photo_count))
    Console().print(table)


@cli.command()
def show(
    user_id: Annotated[str, typer.Argument(help="Who.")],
    gallery_path: _GalleryPath = None,
    as_json: AsJson = False,
) -> None:
    """Show a user and the photos behind the template."""
    gallery = _source(gallery_path)
    user = next((user for user in gallery.users if user.user_id == user_id), None)
    if user is None:
        raise UserNotFoundError(f"Nobody is registered as {user_id!r}.", user_id=user_id)
    photos = [
        {
            "sha256": photo.sha256,
            "face_px": photo.face_px,
            "quality": asdict(photo.quality),
            "similarity": float(photo.embedding @ user.template),
        }
        for photo in user.photos
    ]
    if as_json:
        typer.echo(json.dumps(_head(gallery) | {"user": _brief(user), "photos": photos}))
        return
    typer.echo(f"{user.user_id}: {user.display_name or 'no name'}, {user.photo_count} photos")
    for key, value in user.metadata.items():
        typer.echo(f"  {key}: {value}")
    table = Table("photo", "face_px", "sharpness", "similarity to template")
    for photo in user.photos:
        table.add_row(
            photo.sha256[:12],
            f"{photo.face_px:.0f}",
            f"{photo.quality.sharpness:.2f}",
            f"{float(photo.embedding @ user.template):.3f}",
        )
    Console().print(table)


@cli.command("export")
def export_file(
    file: Annotated[Path, typer.Argument(help="The gallery file to write.")],
    crops: Annotated[
        bool, typer.Option(help="Include crops, so that it can be moved to another space.")
    ] = False,
    gallery_path: _GalleryPath = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Write everybody into a gallery file."""
    if gallery_path is not None:
        refuse_both(url, gallery_path)
        gallery = read_gallery(gallery_path)
        write_gallery(file, gallery if crops else _without_crops(gallery))
    else:
        try:
            ask(url, lambda farsight: farsight.export_gallery(file, crops=crops))
        except OSError as error:
            raise GalleryFileError(f"{file} cannot be written: {error.strerror}.") from error
    _tell_written(file, read_gallery(file), as_json)


@cli.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A gallery file.")],
    on_conflict: _OnConflictOption = OnConflict.REFUSE,
    gallery_path: Annotated[
        Path | None,
        typer.Option(help="A gallery file to import into, instead of the local database."),
    ] = None,
    legacy_space: Annotated[
        str | None,
        typer.Option(help="FILE is {label: tensor} of torch.save, in the space of this id."),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Import everybody in a gallery file, or nobody.

    A file of another space needs crops, which are then embedded anew.
    """
    gallery = _read_legacy(file, legacy_space) if legacy_space else read_gallery(file)
    if gallery_path is not None:
        refuse_both(url, gallery_path)
        target = _import_into_file(gallery_path, gallery, on_conflict)
        _tell_written(gallery_path, target, as_json)
        return
    content = b"".join(encode_gallery(gallery))
    answer = ask(
        url,
        lambda farsight: farsight.import_gallery(content, on_conflict=on_conflict),
        networks=True,
    )
    if as_json:
        typer.echo(msgspec.json.encode(answer).decode())
        return
    typer.echo(
        f"Users: {answer.added} added, {answer.replaced} replaced, {answer.skipped} skipped."
        + (" Their crops were embedded anew." if answer.reembedded else "")
    )


@cli.command()
def merge(
    first: Annotated[Path, typer.Argument(help="A gallery file.")],
    second: Annotated[Path, typer.Argument(help="Another one of the same space.")],
    file: Annotated[Path, typer.Argument(help="The gallery file to write.")],
    on_conflict: _OnConflictOption = OnConflict.REFUSE,
    as_json: AsJson = False,
) -> None:
    """Write everybody of two gallery files into one; `skip` keeps the users of the first."""
    gallery = merge_galleries(read_gallery(first), read_gallery(second), on_conflict)
    write_gallery(file, gallery)
    _tell_written(file, gallery, as_json)


@cli.command()
def diff(
    first: Annotated[Path, typer.Argument(help="A gallery file.")],
    second: Annotated[Path, typer.Argument(help="Another one of the same space.")],
    as_json: AsJson = False,
) -> None:
    """Compare two gallery files; like diff, exit with 1 if they differ."""
    found = diff_galleries(read_gallery(first), read_gallery(second))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        for user_id in found.only_first:
            typer.echo(f"- {user_id}: only in {first.name}")
        for user_id in found.only_second:
            typer.echo(f"+ {user_id}: only in {second.name}")
        for user in found.changed:
            typer.echo(f"~ {user.user_id}: the templates have similarity {user.similarity:.6f}")
        if found.is_none:
            typer.echo("The same people with the same templates.")
    if not found.is_none:
        raise typer.Exit(1)


def _source(path: Path | None) -> PortableGallery:
    """The content of a gallery file or of the local database."""
    return asyncio.run(_read_database()) if path is None else read_gallery(path)


async def _read_database() -> PortableGallery:
    async with open_sessions(Settings.read().database) as sessions:
        return await read_everybody(sessions, with_crops=False)


def _import_into_file(
    path: Path, gallery: PortableGallery, on_conflict: OnConflict
) -> PortableGallery:
    target = gallery
    if path.exists():
        target = read_gallery(path)
        if gallery.space_id != target.space_id:
            gallery = _moved(gallery, target)
        target = merge_galleries(target, gallery, on_conflict)
    write_gallery(path, target)
    return target


def _moved(gallery: PortableGallery, target: PortableGallery) -> PortableGallery:
    """The gallery in the target's space, by the networks of the target's bundle."""
    crops = crops_of(gallery)
    pipeline = build_pipeline(PipelineConfig(bundle=target.bundle))
    if pipeline.space_id != target.space_id:
        raise SpaceMismatchError(
            f"The bundle {target.bundle!r} in the store is not the one that made the gallery."
        )
    return move_gallery(gallery, target.space_id, target.bundle, pipeline.embed_crops(crops))


def _without_crops(gallery: PortableGallery) -> PortableGallery:
    users = (
        replace(user, photos=tuple(replace(photo, crop_png=None) for photo in user.photos))
        for user in gallery.users
    )
    return replace(gallery, users=tuple(users))


def _head(gallery: PortableGallery) -> dict[str, object]:
    return {"space": gallery.space_id, "bundle": gallery.bundle}


def _brief(user: PortableUser) -> dict[str, object]:
    return {
        "user_id": user.user_id,
        "display_name": user.display_name,
        "metadata": user.metadata,
        "photo_count": user.photo_count,
    }


def _caption(gallery: PortableGallery) -> str:
    return f"{len(gallery.users)} users, space {gallery.space_id} of bundle {gallery.bundle}"


def _tell_written(path: Path, gallery: PortableGallery, as_json: bool) -> None:
    if as_json:
        written = {"users": len(gallery.users), "bytes": path.stat().st_size}
        typer.echo(json.dumps(_head(gallery) | written))
    else:
        typer.echo(f"{path}: {_caption(gallery)}.")


def _read_legacy(file: Path, space_id: str) -> PortableGallery:
    from app.gallery.legacy import read_legacy_gallery  # noqa: PLC0415 - torch takes seconds

    return read_legacy_gallery(file, space_id)
