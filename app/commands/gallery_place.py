"""What commands work on, and a gallery file instead of the database.

The rules are those of the database, because it is one: an empty one of the command's own, whose
gallery in memory knows the file's users too. Whoever is registered is added to the file.
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.commands.local_service import local_client
from app.errors import UserExistsError
from app.gallery.file import read_gallery, write_gallery
from app.gallery.gallery import Enrolled
from app.gallery.merge import OnConflict, merge_galleries
from app.gallery.portable import PortableGallery, crops_of, move_gallery
from app.graph import Graph, open_graph
from app.recognition.serving import Serving
from app.services.transfer import read_everybody
from app.setting_groups import DatabaseSettings
from app.settings import Settings
from farsight_client import AsyncClient

# The file is written as a whole: often enough to lose little, seldom enough to cost little.
_REGISTRATIONS_PER_WRITE = 50


class OpenPlace:
    """A service, or the local database.

    Args:
        client: Speaks with it.

    Attributes:
        client: Likewise.
    """

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def users(self) -> dict[str, int | None]:
        """Who is registered, with the number of photos; None where none can be added."""
        return {user.user_id: user.photo_count async for user in self.client.users()}

    def refuse_known(self, user_id: str) -> None:
        """Refuses users of whom the client does not know.

        Raises:
            UserExistsError: There is one.
        """

    async def keep(self) -> None:
        """To be called when somebody was registered."""


class GalleryPlace(OpenPlace):
    """A gallery file.

    Args:
        client: Of the graph.
        graph: On an empty database.
        path: The file; created if missing.
        in_file: What it holds, in the graph's space.
        with_crops: Keep the crops of new users in the file.
    """

    def __init__(
        self,
        client: AsyncClient,
        graph: Graph,
        path: Path,
        in_file: PortableGallery,
        *,
        with_crops: bool,
    ) -> None:
        super().__init__(client)
        self._graph = graph
        self._path = path
        self._in_file = in_file
        self._user_ids = {user.user_id for user in in_file.users}
        self._with_crops = with_crops
        self._unwritten = 0

    async def users(self) -> dict[str, int | None]:
        """See OpenPlace."""
        return dict.fromkeys(self._user_ids) | await super().users()

    def refuse_known(self, user_id: str) -> None:
        """See OpenPlace."""
        if user_id in self._user_ids:
            raise UserExistsError(f"{user_id!r} is registered already.")

    async def keep(self) -> None:
        """Writes the file now and then."""
        self._unwritten += 1
        if self._unwritten == _REGISTRATIONS_PER_WRITE:
            await self.write()

    async def write(self) -> None:
        """Brings the file up to date."""
        if self._unwritten:
            new = await read_everybody(self._graph.sessions, with_crops=self._with_crops)
            write_gallery(self._path, merge_galleries(self._in_file, new, OnConflict.REFUSE))
            self._unwritten = 0


@asynccontextmanager
async def open_gallery(path: Path, settings: Settings) -> AsyncIterator[GalleryPlace]:
    """Opens a gallery file; what was registered is saved in the end, even if a person failed.

    Raises:
        GalleryFileError: It is damaged, or no gallery file.
        SpaceMismatchError: It is of another space than the bundle and lacks crops.
    """
    with tempfile.TemporaryDirectory(prefix="farsight-") as folder:
        database = DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/farsight.db")
        settings = settings.model_copy(update={"database": database, "search": "memory"})
        async with open_graph(settings) as graph:
            serving = graph.current.serving
            in_file = await _moved(_read(path, serving), graph)
            gallery = serving.gallery
            templates = {
                user.user_id: Enrolled(user.template, frozenset(user.groups))
                for user in in_file.users
            }
            gallery.catch_up(templates, None, gallery.revision, read_at=gallery.changes)
            async with local_client(graph, settings, is_shared=False) as client:
                place = GalleryPlace(client, graph, path, in_file, with_crops=settings.retain_crops)
                try:
                    yield place
                finally:
                    await place.write()


def _read(path: Path, serving: Serving) -> PortableGallery:
    """What the file holds; nothing where there is none."""
    if not path.exists():
        return PortableGallery(serving.space_id, serving.manifest.name, ())
    return read_gallery(path)


async def _moved(gallery: PortableGallery, graph: Graph) -> PortableGallery:
    """A gallery in the space of the bundle that serves."""
    serving = graph.current.serving
    if gallery.space_id == serving.space_id:
        return gallery
    embeddings = await graph.inference.embed(crops_of(gallery), serving.embedder, background=True)
    return move_gallery(gallery, serving.space_id, serving.manifest.name, embeddings)
