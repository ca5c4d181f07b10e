"""Where a command works: on the local database, a gallery file, or a service elsewhere."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app.commands.gallery_place import OpenPlace, open_gallery
from app.commands.local_service import local_client
from app.errors import InvalidRequestError, UnauthenticatedError
from app.graph import open_graph, open_rows
from app.settings import Settings
from app.vision.device import DeviceName
from farsight_client import KEY_VARIABLE, AsyncClient

T = TypeVar("T")

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="A service to ask, its key in FARSIGHT_API_KEY. Without it: the local database of "
        "the settings.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Device = Annotated[
    DeviceName | None, typer.Option(help="Instead of FARSIGHT_DEVICE; local work only.")
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", help="Only users who are in this group; repeatable."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def refuse_both(url: str | None, gallery_path: Path | None) -> None:
    """Refuses a service and a gallery file at once."""
    if url is not None and gallery_path is not None:
        raise typer.BadParameter("--url and --gallery-path exclude each other.")


@dataclass(frozen=True, slots=True)
class Place:
    """The local database, unless one of the first two is given.

    Attributes:
        url: A service.
        gallery_path: A gallery file.
        device: Instead of the settings'.
    """

    url: str | None
    gallery_path: Path | None = None
    device: DeviceName | None = None

    def __post_init__(self) -> None:
        """Refuses options that exclude each other."""
        refuse_both(self.url, self.gallery_path)
        if self.url is not None and self.device is not None:
            raise typer.BadParameter("--device has no effect on the service behind --url.")


@asynccontextmanager
async def open_place(place: Place, settings: Settings) -> AsyncIterator[OpenPlace]:
    """Opens a place with everything that it needs for photos; closed in the end.

    Raises:
        UnauthenticatedError: A service, but no key in the environment.
        InvalidRequestError: No service can have this address, or no key can look like this.
        DeviceError: The device is not there.
        GalleryFileError: See open_gallery, as for SpaceMismatchError.
        FarsightError: Whatever forbids a start of the service.
    """
    if place.device is not None:
        settings = settings.model_copy(update={"device": place.device})
    if place.gallery_path is not None:
        async with open_gallery(place.gallery_path, settings) as gallery:
            yield gallery
        return
    async with open_client(place.url, settings, networks=True) as client:
        yield OpenPlace(client)


@asynccontextmanager
async def open_client(
    url: str | None, settings: Settings, *, networks: bool
) -> AsyncIterator[AsyncClient]:
    """A client of a service, or of the local database; errors as for open_place.

    Args:
        url: The service's address.
        settings: Which database.
        networks: Whether the local work needs them: they take time and memory.
    """
    if url is not None:
        async with _remote_client(url) as client:
            yield client
    elif networks:
        async with open_graph(settings) as graph, local_client(graph, settings) as client:
            yield client
    else:
        async with open_rows(settings) as rows, local_client(rows, settings) as client:
            yield client


def ask(
    url: str | None, work: Callable[[AsyncClient], Awaitable[T]], *, networks: bool = False
) -> T:
    """Does one thing, here or there; see open_client."""

    async def do() -> T:
        async with open_client(url, Settings.read(), networks=networks) as client:
            return await work(client)

    return asyncio.run(do())


def _remote_client(url: str) -> AsyncClient:
    # On the command line, other users of the machine would see it.
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        raise UnauthenticatedError(f"Put the key for {url} into {KEY_VARIABLE}.")
    try:
        return AsyncClient(url, key)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from error
