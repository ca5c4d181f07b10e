"""Templates for small probes: made of stored crops, followed, and gone with their template."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from app.db.repositories import jobs, users
from app.db.session import WriteSession
from app.evaluation.probes import shrink_crop
from app.graph import Graph, open_graph
from app.services.identified import Wishes
from app.services.job_diary import State
from app.services.odds import thresholds_in_use
from app.services.registration import NewUser
from app.services.reviewed_photo import Upload
from app.setting_groups import RegistrationSettings
from app.settings import Settings
from app.vision.alignment import Crop
from app.vision.embedder import fused_template, mean_embedding
from app.vision.manifest import per_comparison
from app.vision.png import encode_png
from app.vision.scaling import Pixels
from app.vision.shrinking import shrink
from tests.conftest import TRAINED
from tests.databases import execute
from tests.rotated import enrol
from tests.services.job_rows import add_running_job

Vector = NDArray[np.float32]
People = dict[str, list[Pixels]]

pytestmark = pytest.mark.both

_SIZES = {12, 16}


@pytest.fixture
def crops(crops: People) -> People:
    """Three crops of each of three people."""
    return {user_id: photos[:3] for user_id, photos in islice(crops.items(), 3)}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a bundle that has thresholds for templates of sizes."""
    changes = {
        "bundle": TRAINED.name,
        "registration": RegistrationSettings(min_photos=1),
        "quality": {"max_similarity_without_eyes": 1.1},  # some wear dark glasses
    }
    return settings.model_copy(update=changes)


@pytest.fixture
async def graph(settings: Settings, crops: People) -> AsyncIterator[Graph]:
    """Knows three people, and follows nothing but when a test says so."""
    await asyncio.to_thread(enrol, settings, crops)
    async with open_graph(settings) as opened:
        yield opened


@pytest.fixture
async def other(graph: Graph, settings: Settings) -> AsyncIterator[Graph]:
    """Another process, for all that the database knows."""
    async with open_graph(settings) as opened:
        assert len(opened.current.serving.gallery) == len(graph.current.serving.gallery)
        yield opened


def _template(graph: Graph, user_id: str, size: int | None) -> Vector:
    template = graph.current.serving.gallery.template(user_id, size)
    assert template is not None
    return template


def _expected(graph: Graph, photos: list[Pixels], size: int) -> Vector:
    embed = graph.current.serving.embedder.embed
    large = [Crop(pixels, 112.0) for pixels in photos]
    small = [shrink_crop(crop, size) for crop in large]
    return fused_template(mean_embedding(embed(large)[0]), mean_embedding(embed(small)[0]))


def _are_sized(graph: Graph, user_id: str) -> set[int]:
    """The sizes of which a user's template is another than that of no size."""
    plain = _template(graph, user_id, None)
    return {size for size in _SIZES if not np.array_equal(plain, _template(graph, user_id, size))}


async def _identify(graph: Graph, crop: Pixels, size: int) -> tuple[str | None, float, float]:
    photo = encode_png(shrink(crop, size))
    serving = graph.current.serving
    found = await graph.identifier.identify(serving, [photo], Wishes(detect=False))
    (face,) = found.faces
    assert face.face.crop.face_px == size
    assert face.decision.similarity is not None
    return face.decision.user_id, face.decision.similarity, face.decision.threshold


async def _complete(graph: Graph) -> None:
    await graph.following.look()
    await graph.following.complete()


async def test_small_probe_is_compared_with_templates_of_its_size_when_they_are_made(
    graph: Graph, other: Graph, crops: People
) -> None:
    name, photos = next(iter(crops.items()))
    serving = graph.current.serving
    assert serving.gallery.sizes == _SIZES
    assert _are_sized(graph, name) == set()  # enrolled before there were any
    await _complete(graph)
    await other.following.catch_up()
    embed = serving.embedder.embed
    for size in (12, 16):
        expected = _expected(graph, photos, size)
        for process in (graph, other):
            np.testing.assert_allclose(_template(process, name, size), expected, atol=1e-5)
        probe = embed([shrink_crop(Crop(photos[0], 112.0), size)])[0][0]
        user_id, similarity, threshold = await _identify(other, photos[0], size)
        assert user_id == name
        assert similarity == pytest.approx(float(probe @ expected), abs=1e-4)
        assert threshold == pytest.approx(serving.threshold(size, probe, size), abs=1e-4)
        assert threshold > serving.threshold(size, probe)
    plain = await _identify(other, photos[0], 24)
    probe = embed([shrink_crop(Crop(photos[0], 112.0), 24)])[0][0]
    assert plain[2] == pytest.approx(serving.threshold(24, probe), abs=1e-4)


async def test_user_is_verified_by_the_template_of_the_probes_size(
    graph: Graph, crops: People
) -> None:
    await _complete(graph)
    name, photos = next(iter(crops.items()))
    serving = graph.current.serving
    photo = encode_png(photos[0])
    found = await graph.identifier.verify_user(serving, photo, name, None)
    probe = serving.embedder.embed([found.findings[0].faces[0].crop])[0][0]
    face_px = found.faces[0].crop.face_px
    template_px = serving.template_px([face_px])
    expected = float(probe @ _template(graph, name, template_px))
    assert found.similarity == pytest.approx(expected, abs=1e-5)
    assert found.threshold == pytest.approx(serving.threshold(face_px, probe, template_px))


async def test_frames_of_different_sizes_are_compared_with_templates_of_no_size(
    graph: Graph,
) -> None:
    serving = graph.current.serving
    assert serving.template_px([12.0, 13.9]) == 12
    assert serving.template_px([12.0, 16.0]) is None
    assert serving.template_px([20.0]) is None


async def test_templates_of_sizes_are_made_anew_when_the_photos_change(
    graph: Graph, other: Graph, crops: People, settings: Settings
) -> None:
    name, photos = next(iter(crops.items()))
    await _complete(graph)
    serving = graph.current.serving
    await graph.registration.store(
        await graph.registration.prepare(
            serving,
            "test",
            NewUser("new", None, {}, allow_duplicate=True),
            [await Upload.take(None, encode_png(photos[0]))],
            detect=False,
        )
    )
    assert _are_sized(graph, "new") == set()  # until the next look
    await _complete(graph)
    await other.following.catch_up()
    assert _are_sized(other, "new") == _SIZES
    first = (await graph.users.get(name)).photos[0]
    await graph.registration.delete_photo("test", name, first.photo_id)
    assert _are_sized(graph, name) == set()
    await other.following.catch_up()
    assert _are_sized(other, name) == set()
    await _complete(other)
    await graph.following.catch_up()
    expected = _expected(graph, photos[1:], 12)
    np.testing.assert_allclose(_template(graph, name, 12), expected, atol=1e-5)
    assert not await _unsized(graph)
    await _complete(graph)  # nothing is left to do
    assert execute(settings.database, "SELECT count(*) FROM sized_templates") == [(8,)]


async def _unsized(graph: Graph) -> list[str]:
    gallery = graph.current.serving.gallery
    async with graph.sessions.read() as session:
        everybody = await users.ids_in_space(session, graph.current.serving.space_id)
    return [name for name in everybody if gallery.sizes != _are_sized(graph, name)]


async def test_templates_of_sizes_stay_when_only_groups_change(graph: Graph, crops: People) -> None:
    await _complete(graph)
    name = next(iter(crops))
    await graph.users.change("test", name, {"groups": ["north"]})
    assert _are_sized(graph, name) == _SIZES


async def test_nothing_stays_when_a_user_is_erased(
    graph: Graph, crops: People, settings: Settings
) -> None:
    await _complete(graph)
    await graph.users.erase("test", *crops)
    assert execute(settings.database, "SELECT count(*) FROM sized_templates") == [(0,)]
    for size in (None, *_SIZES):
        assert graph.current.serving.gallery.template(next(iter(crops)), size) is None


async def test_others_get_theirs_when_a_crop_is_damaged(
    graph: Graph, crops: People, settings: Settings
) -> None:
    damaged, *sound = crops
    execute(
        settings.database,
        'UPDATE photos SET crop_png = substr(crop_png, 1, 20) WHERE "user" = (SELECT id FROM users '
        f"WHERE user_id = '{damaged}')",
    )
    await _complete(graph)
    assert _are_sized(graph, damaged) == set()
    assert {name for name in sound if _are_sized(graph, name) == _SIZES} == set(sound)


async def test_template_that_changed_meanwhile_is_not_given_old_companions(
    graph: Graph, crops: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(iter(crops))
    embed = graph.inference.embed
    photo_id = (await graph.users.get(name)).photos[0].photo_id

    async def slow(*args: object, **options: object) -> Vector:
        monkeypatch.undo()
        await graph.registration.delete_photo("test", name, photo_id)
        return await embed(*args, **options)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(graph.inference, "embed", slow)
    await _complete(graph)
    assert _are_sized(graph, name) == set()
    await _complete(graph)
    expected = _expected(graph, crops[name][1:], 16)
    np.testing.assert_allclose(_template(graph, name, 16), expected, atol=1e-5)


async def test_templates_of_sizes_wait_when_a_reload_is_running(
    graph: Graph, crops: People
) -> None:
    """It needs the same networks, and people wait for it."""
    name = next(iter(crops))

    async def end(session: WriteSession) -> None:
        job = await jobs.running(session)
        assert job is not None
        job.state = State.FAILED

    await add_running_job(graph.sessions)
    await _complete(graph)
    assert _are_sized(graph, name) == set()
    await graph.sessions.write(end)
    await _complete(graph)
    assert _are_sized(graph, name) == _SIZES


async def test_templates_alone_are_compared_when_crops_were_not_retained(
    settings: Settings, crops: People
) -> None:
    await asyncio.to_thread(enrol, settings, crops, retain_crops=False)
    async with open_graph(settings) as graph:
        await _complete(graph)
        name, photos = next(iter(crops.items()))
        assert _are_sized(graph, name) == set()
        assert (await _identify(graph, photos[0], 16))[1] > 0


async def test_nothing_is_made_and_plain_thresholds_hold_when_it_is_off(
    settings: Settings, crops: People
) -> None:
    off = settings.identification.model_copy(update={"sized_templates": False})
    await asyncio.to_thread(enrol, settings, crops)
    async with open_graph(settings.model_copy(update={"identification": off})) as graph:
        await _complete(graph)
        serving = graph.current.serving
        assert serving.template_px([12.0]) is None
        used = {of.min_face_px: of.similarity for of in thresholds_in_use(serving)}
        assert used[0] == serving.threshold(12, None)
        photo = next(iter(crops.values()))[0]
        probe = serving.embedder.embed([shrink_crop(Crop(photo, 112.0), 12)])[0][0]
        found = await _identify(graph, photo, 12)
        assert found[2] == pytest.approx(serving.threshold(12, probe), abs=1e-4)
    assert execute(settings.database, "SELECT count(*) FROM sized_templates") == [(0,)]


async def test_thresholds_in_use_are_those_of_the_templates_that_are_compared(
    graph: Graph,
) -> None:
    serving = graph.current.serving
    used = {of.min_face_px: of.similarity for of in thresholds_in_use(serving)}
    assert used[0] == serving.threshold(12, None, 12)
    assert used[14] == serving.threshold(16, None, 16)
    assert used[20] == serving.threshold(24, None)


async def test_strangers_are_kept_to_the_rate_of_a_search_when_it_is_asked_for(
    settings: Settings, crops: People
) -> None:
    """Identification follows the gallery; verification is one comparison."""
    changes = {"false_identification_rate": 1e-3, "cohort": False}
    wanted = settings.identification.model_copy(update=changes)
    await asyncio.to_thread(enrol, settings, crops)
    async with open_graph(settings.model_copy(update={"identification": wanted})) as graph:
        manifest = graph.current.serving.manifest
        rate = per_comparison(1e-3, len(crops))
        assert rate == pytest.approx(1e-3 / len(crops), rel=1e-3)
        photos = next(iter(crops.values()))
        for size, template_px in ((24, None), (12, 12)):
            found = await _identify(graph, photos[0], size)
            assert found[2] == manifest.threshold_at(size, rate, template_px)
            low, high = (manifest.threshold(size, of, template_px) for of in (1e-3, 1e-4))
            assert low is not None
            assert high is not None
            assert low < found[2] < high
        assert graph.current.serving.threshold(24, None) == manifest.threshold(24, 1e-4)
