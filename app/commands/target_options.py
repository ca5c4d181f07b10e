"""Where a command works, as its options say."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from app.commands.gallery_target import open_gallery
from app.commands.target import LocalTarget, RemoteTarget, Target
from app.errors import InvalidRequestError, UnauthenticatedError
from app.graph import open_graph
from app.settings import Settings
from app.vision.device import DeviceName
from farsight_client import KEY_VARIABLE, AsyncClient


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """The local database, unless one of the first two is given.

    Attributes:
        url: A service.
        gallery_path: A gallery file.
        device: Instead of the settings'.
    """

    url: str | None
    gallery_path: Path | None
    device: DeviceName | None

    def __post_init__(self) -> None:
        """Refuses options that exclude each other."""
        if self.url is not None and self.gallery_path is not None:
            raise typer.BadParameter("--url and --gallery-path exclude each other.")
        if self.url is not None and self.device is not None:
            raise typer.BadParameter("--device has no effect on the service behind --url.")


@asynccontextmanager
async def open_target(options: TargetOptions, settings: Settings) -> AsyncIterator[Target]:
    """Opens what `options` names and closes it in the end.

    Raises:
        UnauthenticatedError: A service, but no key in the environment.
        InvalidRequestError: The address or the key is malformed.
        DeviceError: The device is not there.
        GalleryFileError: See open_gallery, as for SpaceMismatchError.
        FarsightError: Whatever forbids a start of the service.
    """
    if options.url is not None:
        # On the command line, other users of the machine would see it.
        key = os.environ.get(KEY_VARIABLE)
        if not key:
            raise UnauthenticatedError(f"Put the key for {options.url} into {KEY_VARIABLE}.")
        async with _client(options.url, key) as client:
            yield RemoteTarget(client)
        return
    if options.device is not None:
        settings = settings.model_copy(update={"device": options.device})
    if options.gallery_path is not None:
        async with open_gallery(options.gallery_path, settings) as target:
            yield target
        return
    async with open_graph(settings) as graph:
        yield LocalTarget(graph)


def _client(url: str, key: str) -> AsyncClient:
    try:
        return AsyncClient(url, key)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from error
