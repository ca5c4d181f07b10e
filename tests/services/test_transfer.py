"""Transfers beside a database that changes."""

from collections.abc import AsyncIterator

import pytest

from app.db.migration import open_sessions
from app.db.repositories import pointer, users
from app.db.session import Sessions, WriteSession
from app.errors import NotReadyError
from app.main import open_graph
from app.runtime.gallery_merge import OnConflict
from app.runtime.portable_gallery import PortableGallery
from app.services.transfer import export_gallery
from app.settings import Settings


@pytest.fixture
async def sessions(settings: Settings) -> AsyncIterator[Sessions]:
    async with open_sessions(settings.database) as opened:
        yield opened


async def test_export_is_refused_when_nothing_has_served_yet(sessions: Sessions) -> None:
    with pytest.raises(NotReadyError, match="nobody is enrolled"):
        await export_gallery(sessions, "test", with_crops=True)


async def test_export_is_refused_when_somebody_is_not_in_the_space_yet(
    sessions: Sessions,
) -> None:
    async def work(session: WriteSession) -> None:
        await pointer.activate(session, "stock", "0" * 16)
        await users.add(session, "anna", None, {})

    await sessions.write(work)
    with pytest.raises(NotReadyError, match="1 users are just being moved"):
        await export_gallery(sessions, "test", with_crops=False)


async def test_import_is_refused_when_the_weights_have_changed_meanwhile(
    settings: Settings,
) -> None:
    async with open_graph(settings) as graph:
        serving = graph.current.serving

        async def switch(session: WriteSession) -> None:
            await pointer.activate(session, "other", "0" * 16)

        await graph.sessions.write(switch)
        with pytest.raises(NotReadyError, match="weights have just changed"):
            await graph.gallery_import.run(
                serving, "test", PortableGallery(serving.space_id, "stock", ()), OnConflict.REFUSE
            )
