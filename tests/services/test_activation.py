"""Which bundle serves after a start, and when the service refuses to."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from app.db.migration import open_sessions
from app.db.repositories import pointer, users
from app.db.session import Sessions, WriteSession
from app.errors import SpaceMismatchError
from app.services.activation import Activation
from app.settings import Settings
from app.vision.bundle import load_bundle, write_bundle
from app.vision.published import published_bundle
from app.vision.torch_networks import build_networks


@pytest.fixture
async def sessions(settings: Settings) -> AsyncIterator[Sessions]:
    async with open_sessions(settings.database) as opened:
        yield opened


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with a store of its own: `stock`, `same` (same weights), `other` (another space)."""
    folder = tmp_path / "bundles"
    shutil.copytree(settings.bundles / "stock", folder / "stock")
    bundle = load_bundle(folder / "stock")
    write_bundle(folder, msgspec.structs.replace(bundle.manifest, name="same"), bundle.files)
    edgeface = build_networks(bundle).edgeface
    next(edgeface.parameters()).mul_(1.01)
    other = published_bundle(edgeface, "other")
    write_bundle(folder, other.manifest, other.files)
    return settings.model_copy(update={"bundles": folder})


async def _enrol(sessions: Sessions, space_id: str) -> None:
    async def work(session: WriteSession) -> None:
        user = await users.add(session, "anna", None, {})
        template = np.full(512, 512**-0.5, dtype=np.float32)
        await users.put_template(session, user, space_id, template, photo_count=3, revision=1)
        await pointer.count_gallery_change(session)

    await sessions.write(work)


async def test_setting_decides_when_nobody_is_enrolled(sessions: Sessions, store: Settings) -> None:
    for name in ("stock", "other", "stock"):
        serving = await Activation(store.model_copy(update={"bundle": name})).start(sessions)
        assert serving.manifest.name == name
        async with sessions.read() as session:
            active = await pointer.active_bundle(session)
        assert active is not None
        assert (active.name, active.space_id) == (name, serving.space_id)


async def test_database_decides_when_somebody_is_enrolled(
    sessions: Sessions, store: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    stock = await Activation(store).start(sessions)
    await _enrol(sessions, stock.space_id)
    serving = await Activation(store.model_copy(update={"bundle": "other"})).start(sessions)
    assert serving.manifest.name == "stock"
    assert "bundle other is set" in caplog.text
    assert len(serving.gallery) == 1
    assert serving.gallery.revision == 1


async def test_nothing_is_said_when_only_the_default_is_another_bundle(
    sessions: Sessions, store: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    stock = await Activation(store).start(sessions)
    await _enrol(sessions, stock.space_id)
    by_default = Settings(**store.model_dump(exclude_unset=True, exclude={"bundle"}))
    assert by_default.bundle != "stock"
    serving = await Activation(by_default).start(sessions)
    assert serving.manifest.name == "stock"
    assert not caplog.text


async def test_start_is_refused_when_the_weights_have_another_space_than_the_people(
    sessions: Sessions, store: Settings
) -> None:
    stock = await Activation(store).start(sessions)
    await _enrol(sessions, stock.space_id)
    shutil.rmtree(store.bundles / "stock")
    other = load_bundle(store.bundles / "other")
    write_bundle(store.bundles, msgspec.structs.replace(other.manifest, name="stock"), other.files)
    with pytest.raises(SpaceMismatchError, match="1 users have no template"):
        await Activation(store).start(sessions)
