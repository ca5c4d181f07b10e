"""A gallery file instead of the database.

The rules are those of the database, because it is one: an empty one of the command's own, whose
gallery in memory knows the file's users too. Whoever is registered is added to the file.
"""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from app.commands.target import LocalTarget, RegistrationWishes, Store
from app.errors import UserExistsError
from app.gallery.file import read_gallery, write_gallery
from app.gallery.merge import OnConflict, merge_galleries
from app.gallery.portable import PortableGallery, crops_of, move_gallery
from app.graph import Graph, open_graph
from app.recognition.serving import Serving
from app.services.registration import Prepared
from app.services.transfer import read_everybody
from app.settings import DatabaseSettings, Settings
from farsight_client import NamedPhoto, Registration

# The file is written as a whole: often enough to lose little, seldom enough to cost little.
_REGISTRATIONS_PER_WRITE = 50


class GalleryTarget(LocalTarget):
    """Registers into a gallery file and identifies by it.

    Args:
        graph: On an empty database.
        path: The file; created if missing.
        known: What it holds, in the graph's space.
        with_crops: Keep the crops of new users in the file.
    """

    def __init__(
        self, graph: Graph, path: Path, known: PortableGallery, *, with_crops: bool
    ) -> None:
        super().__init__(graph)
        self._path = path
        self._known = known
        self._user_ids = {user.user_id for user in known.users}
        self._with_crops = with_crops
        self._unwritten = 0

    async def prepare(
        self, user_id: str, photos: Sequence[NamedPhoto], wishes: RegistrationWishes
    ) -> Store:
        """See Target."""
        if user_id in self._user_ids:
            raise UserExistsError(f"{user_id!r} is registered already.")
        return await super().prepare(user_id, photos, wishes)

    async def _store(self, prepared: Prepared) -> Registration:
        registration = await super()._store(prepared)
        self._unwritten += 1
        if self._unwritten == _REGISTRATIONS_PER_WRITE:
            await self.write()
        return registration

    async def write(self) -> None:
        """Brings the file up to date."""
        if self._unwritten:
            new = await read_everybody(self._graph.sessions, with_crops=self._with_crops)
            write_gallery(self._path, merge_galleries(self._known, new, OnConflict.REFUSE))
            self._unwritten = 0


@asynccontextmanager
async def open_gallery(path: Path, settings: Settings) -> AsyncIterator[GalleryTarget]:
    """Opens a gallery file; what was registered is saved in the end, even if a person failed.

    Raises:
        GalleryFileError: It is damaged, or no gallery file.
        SpaceMismatchError: It is of another space than the bundle and lacks crops.
    """
    with tempfile.TemporaryDirectory(prefix="farsight-") as folder:
        database = DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/farsight.db")
        async with open_graph(settings.model_copy(update={"database": database})) as graph:
            serving = graph.current.serving
            known = await _moved(_read(path, serving), graph)
            gallery = serving.gallery
            templates = {user.user_id: user.template for user in known.users}
            gallery.catch_up(templates, None, gallery.revision, read_at=gallery.changes)
            target = GalleryTarget(graph, path, known, with_crops=settings.retain_crops)
            try:
                yield target
            finally:
                await target.write()


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
