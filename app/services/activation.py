"""From the database's pointer and the bundle store to the serving that answers requests."""

import logging

from app.db.repositories import pointer, users
from app.db.session import ReadSession, Sessions, WriteSession
from app.errors import SpaceMismatchError
from app.runtime.device import choose_device
from app.runtime.gallery import Gallery
from app.runtime.serving import Serving
from app.settings import Settings
from app.vision.bundle import load_bundle
from app.vision.embedder import Embedder

_log = logging.getLogger(__name__)


async def start_serving(sessions: Sessions, settings: Settings) -> Serving:
    """Loads the bundle that is to serve, and everybody's templates.

    Raises:
        BundleError: The bundle is missing or damaged.
        DeviceError: The device is not there.
        SpaceMismatchError: Somebody is enrolled in another space than the bundle's.
    """
    device = choose_device(settings.device)
    async with sessions.read() as session:
        name = await _bundle_name(session, settings.bundle)
    bundle = load_bundle(settings.bundles / name)
    async with sessions.read() as session:
        strangers = await users.count_outside_space(session, bundle.space_id)
        if strangers:
            raise SpaceMismatchError(
                f"{strangers} users have no template in space {bundle.space_id} of bundle "
                f"{name!r}: with these weights nobody would know them. Put the former files of "
                "this bundle back."
            )
        templates = await users.templates(session, bundle.space_id)
        revision = await pointer.gallery_revision(session)

    async def point(session: WriteSession) -> None:
        await pointer.activate(session, name, bundle.space_id)

    await sessions.write(point)
    _log.info("serving bundle=%s space=%s templates=%d", name, bundle.space_id, len(templates))
    return Serving(
        embedder=Embedder(bundle, device),
        gallery=Gallery(templates, revision),
        false_accept_rate=settings.identification.false_accept_rate,
        default_threshold=settings.identification.threshold,
    )


async def _bundle_name(session: ReadSession, wanted: str) -> str:
    """The database's choice; the settings' as long as nobody is enrolled."""
    active = await pointer.active_bundle(session)
    if active is None or not await users.count(session):
        return wanted
    if active.name != wanted:
        _log.warning(
            "bundle %s is set, but people are enrolled with %s, which goes on serving",
            wanted,
            active.name,
        )
    return active.name
