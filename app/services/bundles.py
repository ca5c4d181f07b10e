"""The bundle store as an operator sees it, and the way back to the former bundle."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.db.repositories import events, jobs, pointer
from app.db.session import Sessions, WriteSession
from app.errors import BundleError, NoFormerBundleError
from app.recognition.serving import Current, Serving
from app.services.activation import Activation
from app.services.reembedding import Reembedding
from app.services.switching import erase_other_spaces, switch
from app.vision.bundle import bundle_folders, verify_bundle
from app.vision.manifest import Manifest


class BundleState(StrEnum):
    """The state of a bundle in the store."""

    SERVING = "serving"
    FORMER = "former"
    AVAILABLE = "available"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class BundleView:
    """A bundle of the store.

    Attributes:
        name: Its folder's.
        state: Whether it serves, served before, can serve, or is broken.
        reason: Why it is broken; None if it is not.
        manifest: None if it is broken.
    """

    name: str
    state: BundleState
    reason: str | None
    manifest: Manifest | None


class BundleStore:
    """The bundles that there are; nothing is loaded.

    Args:
        sessions: Where it is kept which of them serves.
        folder: Of bundles.
    """

    def __init__(self, sessions: Sessions, folder: Path) -> None:
        self._sessions = sessions
        self._folder = folder

    async def every(self) -> list[BundleView]:
        """All bundles by name; the files of each are checked."""
        async with self._sessions.read() as session:
            active = await pointer.active_bundle(session)
            former = await pointer.former_bundle(session)
        states = {}
        if former is not None:
            states[former.name, former.space_id] = BundleState.FORMER
        if active is not None:
            states[active.name, active.space_id] = BundleState.SERVING
        return await asyncio.to_thread(_views, self._folder, states)


class Bundles:
    """Rolls back to the former bundle, and forgets it.

    Args:
        sessions: Where the pointer is.
        current: What serves.
        activation: Loads bundles.
        reembedding: Completes the former space.
    """

    def __init__(
        self,
        sessions: Sessions,
        current: Current,
        activation: Activation,
        reembedding: Reembedding,
    ) -> None:
        self._sessions = sessions
        self._current = current
        self._activation = activation
        self._reembedding = reembedding

    async def rollback(self, actor: str) -> Serving:
        """Goes back to the former bundle, in whose space everybody still has a template.

        Returns:
            What serves now; the bundle that served before is the former one.

        Raises:
            NoFormerBundleError: There is none, or it was forgotten.
            ReloadRunningError: A reload is running.
            BundleError: The former bundle's files are damaged or gone.
            CropsNotRetainedError: Somebody has been registered without crops since.
        """
        async with self._sessions.read() as session:
            await jobs.refuse_second(session)
            former = await pointer.former_bundle(session)
        if former is None:
            raise NoFormerBundleError("No bundle served before this one, or it was pruned.")
        serving = await self._former(former.name, former.space_id)

        async def store(session: WriteSession) -> bool:
            await jobs.refuse_second(session)
            if not await switch(session, self._current, serving):
                return False
            await events.record(session, actor, "reload.rolled_back", former.name, {})
            return True

        while not await self._sessions.write(store):
            await self._reembedding.complete(serving.embedder)
        return serving

    async def prune(self, actor: str) -> int:
        """Forgets the former bundle: its embeddings are deleted, there is no way back to it.

        Returns:
            How many embeddings and templates were deleted. The files in the store stay.

        Raises:
            ReloadRunningError: A reload is running.
        """

        async def store(session: WriteSession) -> None:
            await jobs.refuse_second(session)
            await pointer.forget_former(session)
            await events.record(session, actor, "bundles.pruned", "", {})

        await self._sessions.write(store)
        return await erase_other_spaces(self._sessions)

    async def _former(self, name: str, space_id: str) -> Serving:
        """The former serving: still loaded, or loaded again."""
        loaded = self._current.former
        if loaded is not None and (loaded.manifest.name, loaded.space_id) == (name, space_id):
            return loaded
        return await self._activation.load_serving(self._sessions, name, space_id)


def _views(store: Path, states: dict[tuple[str, str], BundleState]) -> list[BundleView]:
    return [_view(folder, states) for folder in bundle_folders(store)]


def _view(folder: Path, states: dict[tuple[str, str], BundleState]) -> BundleView:
    try:
        manifest = verify_bundle(folder)
    except BundleError as error:
        return BundleView(folder.name, BundleState.BROKEN, error.detail, None)
    state = states.get((manifest.name, manifest.space_id), BundleState.AVAILABLE)
    return BundleView(folder.name, state, None, manifest)
