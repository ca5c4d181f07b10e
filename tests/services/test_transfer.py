"""Transfers beside a database that changes."""

from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from app.db.migration import open_sessions
from app.db.repositories import pointer, transfers, users
from app.db.session import ReadSession, Sessions, WriteSession
from app.db.tables import Template, User
from app.errors import NotReadyError
from app.gallery.merge import OnConflict
from app.gallery.portable import PortableGallery
from app.graph import open_graph
from app.services.erasures import Erasures
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
    with pytest.raises(NotReadyError, match="1 users are being moved"):
        await export_gallery(sessions, "test", with_crops=False)


async def test_import_is_refused_when_the_weights_have_changed_meanwhile(
    settings: Settings,
) -> None:
    async with open_graph(settings) as graph:
        serving = graph.current.serving

        async def switch(session: WriteSession) -> None:
            await pointer.activate(session, "other", "0" * 16)

        await graph.sessions.write(switch)
        with pytest.raises(NotReadyError, match="weights just changed"):
            await graph.gallery_import.run(
                serving, "test", PortableGallery(serving.space_id, "stock", ()), OnConflict.REFUSE
            )


async def test_export_leaves_out_who_was_erased_meanwhile_and_does_not_keep_them_on_the_disk(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def enrol(session: WriteSession) -> None:
        await pointer.activate(session, "stock", "0" * 16)
        for user_id in ("anna", "bert", "carl"):
            user = await users.add(session, user_id, None, {})
            template = np.full(512, 512**-0.5, dtype=np.float32)
            await users.put_template(session, user, "0" * 16, template, 0, revision=1)

    async def erase(session: WriteSession) -> None:
        await users.erase(session, {"anna": (await users.get(session, "anna")).id})

    async def page_while_others_erase(
        session: ReadSession, space_id: str, after: int, limit: int
    ) -> Sequence[tuple[User, Template]]:
        if after == 1:
            assert await Erasures(sessions).run(erase), "the export must not be in the way"
        return await page(session, space_id, after, limit)

    await sessions.write(enrol)
    page = transfers.page
    monkeypatch.setattr(transfers, "page", page_while_others_erase)
    monkeypatch.setattr("app.services.transfer._USERS_AT_ONCE", 1)
    gallery = await export_gallery(sessions, "test", with_crops=True)
    assert [user.user_id for user in gallery.users] == ["bert", "carl"]
