"""From the bundle store and the database's pointer to the serving that answers requests."""

import asyncio
import logging
from pathlib import Path

from app.db.repositories import pointer, users
from app.db.session import ReadSession, Sessions, WriteSession
from app.errors import BundleError, OutOfMemoryError, SpaceMismatchError
from app.gallery.gallery import Gallery
from app.recognition.batcher import warm_up
from app.recognition.serving import Serving
from app.services.switching import read_gallery
from app.settings import Settings
from app.vision.bundle import find_bundle, load_bundle
from app.vision.device import choose_device
from app.vision.embedder import Embedder
from app.vision.self_test import check_self_test

_log = logging.getLogger(__name__)


class Activation:
    """Makes servings of bundles.

    Args:
        settings: The bundle store, the device, the thresholds.

    Raises:
        DeviceError: The device is not there.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._device = choose_device(settings.device)

    def folder(self, name: str) -> Path:
        """Where a bundle is.

        Raises:
            BundleNotFoundError: There is none of this name in the store.
        """
        return find_bundle(self._settings.bundles, name)

    def load(self, name: str, space_id: str | None = None) -> Embedder:
        """Verifies a bundle and loads its networks; blocking.

        Args:
            name: Of the bundle.
            space_id: The space that it must define; None for any.

        Raises:
            BundleError: It is missing, damaged, or defines another space.
            OutOfMemoryError: It does not fit beside what is loaded already.
        """
        try:
            embedder = Embedder(
                load_bundle(self.folder(name)), self._device, self._settings.threads.onnxruntime
            )
        except (MemoryError, RuntimeError) as error:
            # torch reports too little memory on a CPU as a RuntimeError.
            if isinstance(error, RuntimeError) and "memory" not in str(error):
                raise
            raise OutOfMemoryError(
                f"There is not enough memory to load bundle {name!r}."
            ) from error
        if space_id not in (None, embedder.bundle.space_id):
            raise BundleError(f"Bundle {name!r} has different files now.")
        return embedder

    def workers(self) -> int:
        """Batches that the networks embed at once."""
        return self._settings.threads.networks if self._device == "cpu" else 1

    async def warm_up(self, embedder: Embedder) -> None:
        """Does what is slow or takes memory when networks run for the first time."""
        await asyncio.to_thread(warm_up, embedder, self.workers())

    async def load_serving(self, sessions: Sessions, name: str, space_id: str) -> Serving:
        """Loads a bundle that has served, and everybody's templates of its space.

        Raises:
            BundleError: It is missing, damaged, or defines another space.
            OutOfMemoryError: See load.
        """
        embedder = await asyncio.to_thread(self.load, name, space_id)
        await self.warm_up(embedder)
        return self.serving(embedder, await self.gallery(sessions, embedder))

    async def gallery(self, sessions: Sessions, embedder: Embedder) -> Gallery:
        """Everybody's templates of a space, or the index by which the database searches them.

        Args:
            sessions: Where the templates are.
            embedder: The networks that define the space.

        Raises:
            DatabaseDamagedError: A template is not of unit length.
        """
        in_memory = self._settings.search == "memory"
        bundle, is_sized = embedder.bundle, self._settings.identification.sized_templates
        space_id, sizes = bundle.space_id, bundle.manifest.template_sizes if is_sized else ()
        if not in_memory:
            await sessions.index_templates(space_id)
        async with sessions.read() as session:
            return await read_gallery(session, space_id, holds_templates=in_memory, sizes=sizes)

    def serving(self, embedder: Embedder, gallery: Gallery) -> Serving:
        """Networks and people of one space, with the thresholds that are set."""
        wanted = self._settings.identification
        return Serving(
            embedder,
            gallery,
            wanted.false_accept_rate,
            wanted.threshold,
            wanted.false_identification_rate,
            follows_probe=wanted.cohort,
        )

    async def start(self, sessions: Sessions) -> Serving:
        """Loads the bundle that is to serve, and everybody's templates.

        Raises:
            BundleError: The bundle is missing, damaged, or fails its self-test.
            SpaceMismatchError: Somebody is enrolled in another space than the bundle's.
        """
        async with sessions.read() as session:
            name = await self._wanted(session)
        embedder = self.load(name)
        await self.warm_up(embedder)
        check_self_test(embedder)
        space_id = embedder.bundle.space_id
        async with sessions.read() as session:
            await _refuse_other_space(session, name, space_id)
        gallery = await self.gallery(sessions, embedder)

        async def point(session: WriteSession) -> None:
            await pointer.activate(session, name, space_id)

        await sessions.write(point)
        _log.info("serving bundle=%s space=%s templates=%d", name, space_id, len(gallery))
        return self.serving(embedder, gallery)

    async def _wanted(self, session: ReadSession) -> str:
        """The database's choice; the settings' before somebody is enrolled or has reloaded."""
        wanted = self._settings.bundle
        active = await pointer.active_bundle(session)
        if active is None:
            return wanted
        if not await users.count(session) and not await pointer.former_bundle(session):
            return wanted
        if active.name != wanted and "bundle" in self._settings.model_fields_set:
            _log.warning(
                "bundle %s is set, but the database says %s, which keeps serving",
                wanted,
                active.name,
            )
        return active.name


async def _refuse_other_space(session: ReadSession, name: str, space_id: str) -> None:
    active = await pointer.active_bundle(session)
    if active is not None and active.space_id == space_id:
        return  # those missing in it will be embedded
    strangers = await users.count_outside_space(session, space_id)
    if strangers:
        raise SpaceMismatchError(
            f"{strangers} users have no template in space {space_id} of bundle {name!r}: with "
            "these weights nobody would recognise them. Put the bundle's former files back."
        )
